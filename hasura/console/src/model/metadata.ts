/** Hasura's metadata, as far as the console reads it. Source: https://hasura.io/docs/2.0/api-reference/syntax-defs/ */

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

export const OPERATIONS = ["select", "insert", "update", "delete"] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface TableName {
  schema: string;
  name: string;
}

/** What is not named here is kept as it is when a permission is saved. */
export interface Permission {
  filter?: JsonObject;
  check?: JsonObject | null;
  columns?: string[] | "*";
  computed_fields?: string[];
  set?: JsonObject;
  limit?: number;
  allow_aggregations?: boolean;
  backend_only?: boolean;
  query_root_fields?: string[] | null;
  subscription_root_fields?: string[] | null;
  [other: string]: Json | undefined;
}

export interface PermissionEntry {
  role: string;
  permission: Permission;
  comment?: string;
}

type RootField = string | { name?: string };

interface Relationship {
  name: string;
  using: {
    foreign_key_constraint_on?: string | string[] | { table: TableName | string; column?: string; columns?: string[] };
    manual_configuration?: { remote_table: TableName | string };
  };
}

export interface TableEntry {
  table: TableName | string;
  configuration?: {
    custom_name?: string;
    custom_root_fields?: Record<string, RootField>;
    column_config?: Record<string, { custom_name?: string }>;
    custom_column_names?: Record<string, string>;
  };
  object_relationships?: Relationship[];
  array_relationships?: Relationship[];
  computed_fields?: { name: string }[];
  select_permissions?: PermissionEntry[];
  insert_permissions?: PermissionEntry[];
  update_permissions?: PermissionEntry[];
  delete_permissions?: PermissionEntry[];
}

export interface SourceEntry {
  name: string;
  kind: string;
  tables?: TableEntry[];
  functions?: { permissions?: { role: string }[] }[];
  customization?: {
    root_fields?: { namespace?: string; prefix?: string; suffix?: string };
  };
}

export interface Metadata {
  sources?: SourceEntry[];
  inherited_roles?: { role_name: string; role_set: string[] }[];
}

/** The metadata at one version: a change based on it is refused when somebody else was quicker. */
export interface Exported {
  resource_version: number;
  metadata: Metadata;
}

/** Whether commands with the prefix `pg_` are for it. */
export function isPostgres(source: SourceEntry): boolean {
  return source.kind === "postgres";
}

export function tableName(table: TableName | string): TableName {
  return typeof table === "string" ? { schema: "public", name: table } : table;
}

/** As a person names it, and unique in a source. */
export function spelled(table: TableName | string): string {
  const { schema, name } = tableName(table);
  return schema === "public" ? name : `${schema}.${name}`;
}

export function permissionsOf(table: TableEntry, operation: Operation): PermissionEntry[] {
  return table[`${operation}_permissions`] ?? [];
}

export function ownPermission(table: TableEntry, operation: Operation, role: string): PermissionEntry | undefined {
  return permissionsOf(table, operation).find((entry) => entry.role === role);
}

export function relationships(table: TableEntry): Relationship[] {
  return [...(table.object_relationships ?? []), ...(table.array_relationships ?? [])];
}

export function findTable(source: SourceEntry, name: string): TableEntry | undefined {
  return source.tables?.find((entry) => spelled(entry.table) === name);
}
