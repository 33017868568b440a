/** The roles of a metadata document, and how far each may go. */

import {
  isPostgres,
  OPERATIONS,
  ownPermission,
  permissionsOf,
  type Json,
  type Metadata,
  type Operation,
  type Permission,
  type TableEntry,
} from "./metadata";

export interface Role {
  name: string;
  /** Of an inherited role: the roles that it combines. */
  parents?: string[];
}

export type Level = "full" | "partial" | "none";

export interface Access {
  level: Level;
  /** The roles that it comes from, where the role has no permission of its own. */
  inherited: string[];
  /** In words. */
  summary: string;
}

export function rolesOf(metadata: Metadata): Role[] {
  const inherited = new Map((metadata.inherited_roles ?? []).map((each) => [each.role_name, each.role_set]));
  const names = new Set<string>();
  for (const source of (metadata.sources ?? []).filter(isPostgres)) {
    for (const table of source.tables ?? [])
      for (const operation of OPERATIONS)
        for (const { role } of permissionsOf(table, operation)) names.add(role);
    for (const made of source.functions ?? []) for (const { role } of made.permissions ?? []) names.add(role);
  }
  for (const parents of inherited.values()) for (const parent of parents) names.add(parent);
  for (const name of inherited.keys()) names.delete(name);
  return [
    ...[...names].sort().map((name) => ({ name })),
    ...[...inherited].sort().map(([name, parents]) => ({ name, parents })),
  ];
}

/** What a role may do: by its own permission or, having none, by those that it inherits. */
export function access(
  table: TableEntry,
  operation: Operation,
  role: Role,
  roles: Role[],
  columns: number,
): Access {
  const own = ownPermission(table, operation, role.name);
  if (own) return { ...ownAccess(own.permission, operation, columns), inherited: [] };
  const givers = ancestors(role, roles).filter((name) => ownPermission(table, operation, name));
  if (givers.length === 0) return { level: "none", inherited: [], summary: "not allowed" };
  const levels = givers.map((name) => ownAccess(ownPermission(table, operation, name)!.permission, operation, columns));
  return {
    level: levels.some(({ level }) => level === "full") ? "full" : "partial",
    inherited: givers,
    summary: `inherited from ${givers.join(", ")}`,
  };
}

/** The roles that an inherited role combines, through others too. */
export function ancestors(role: Role, roles: Role[], seen = new Set([role.name])): string[] {
  return (role.parents ?? []).flatMap((name) => {
    if (seen.has(name)) return [];
    seen.add(name);
    const parent = roles.find((each) => each.name === name) ?? { name };
    return [name, ...ancestors(parent, roles, seen)];
  });
}

function ownAccess(permission: Permission, operation: Operation, columns: number): Omit<Access, "inherited"> {
  const limits: string[] = [];
  if (!isEmpty(permission.filter)) limits.push("a row filter");
  if (!isEmpty(permission.check)) limits.push("a check");
  if (operation !== "delete" && Array.isArray(permission.columns) && permission.columns.length < columns)
    limits.push(`${permission.columns.length} of ${columns} columns`);
  if (permission.limit !== undefined) limits.push(`at most ${permission.limit} rows`);
  if (permission.backend_only) limits.push("from a backend only");
  return limits.length === 0
    ? { level: "full", summary: "every row and column" }
    : { level: "partial", summary: limits.join(", ") };
}

function isEmpty(condition: Json | undefined): boolean {
  return condition === undefined || condition === null || Object.keys(condition).length === 0;
}

/** The session variables that a role's permissions ask for, in lower case. */
export function variablesOf(metadata: Metadata, role: Role, roles: Role[]): string[] {
  const names = new Set([role.name, ...ancestors(role, roles)]);
  const found = new Set<string>();
  for (const source of metadata.sources ?? [])
    for (const table of source.tables ?? [])
      for (const operation of OPERATIONS)
        for (const entry of permissionsOf(table, operation))
          if (names.has(entry.role)) collect(entry.permission as Json, found);
  return [...found].sort();
}

function collect(value: Json | undefined, found: Set<string>): void {
  if (typeof value === "string") {
    const name = value.toLowerCase();
    if (/^x-hasura-[a-z0-9-]+$/.test(name) && name !== "x-hasura-role") found.add(name);
  } else if (value !== null && typeof value === "object") {
    for (const each of Array.isArray(value) ? value : Object.values(value)) collect(each, found);
  }
}
