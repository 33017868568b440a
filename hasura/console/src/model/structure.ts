/** What a source's database holds: the columns that permissions speak of, and where foreign keys lead. */

import { relationships, spelled, tableName, type TableEntry, type TableName } from "./metadata";

export interface Column {
  name: string;
  type: string;
}

export interface Relation {
  schema: string;
  name: string;
  kind: "table" | "view";
  columns: Column[];
  foreign_keys: { columns: string[]; schema: string; table: string }[];
}

/** By the table's spelled name. */
export type Structure = Map<string, Relation>;

export function structureOf(relations: Relation[]): Structure {
  return new Map(relations.map((each) => [spelled(each), each]));
}

/** The spelled name of the table that a relationship leads to, where that can be told. */
export function target(table: TableEntry, relationship: string, structure: Structure): string | undefined {
  const found = relationships(table).find((each) => each.name === relationship);
  if (!found) return undefined;
  const { manual_configuration: manual, foreign_key_constraint_on: key } = found.using;
  if (manual) return spelled(manual.remote_table);
  if (typeof key === "object" && !Array.isArray(key)) return spelled(key.table);
  const columns = typeof key === "string" ? [key] : (key ?? []);
  const constraint = structure
    .get(spelled(table.table))
    ?.foreign_keys.find((each) => same(each.columns, columns));
  return constraint && spelled({ schema: constraint.schema, name: constraint.table } satisfies TableName);
}

function same(some: string[], others: string[]): boolean {
  return some.length === others.length && some.every((each) => others.includes(each));
}

/** Of a source that is away: the columns that its permissions name. */
export function guessedColumns(table: TableEntry): Column[] {
  const lists = [table.select_permissions, table.insert_permissions, table.update_permissions];
  const names = lists
    .flatMap((entries) => entries ?? [])
    .flatMap(({ permission }) => (Array.isArray(permission.columns) ? permission.columns : []));
  return [...new Set(names)].map((name) => ({ name, type: "" }));
}

export function columnsOf(table: TableEntry, structure: Structure | undefined): Column[] {
  const { schema, name } = tableName(table.table);
  return structure?.get(spelled({ schema, name }))?.columns ?? guessedColumns(table);
}

/** Asked of the database itself; a CLI's console does the same. */
export const STRUCTURE_SQL = `
SELECT coalesce(json_agg(json_build_object(
  'schema', n.nspname, 'name', c.relname,
  'kind', CASE WHEN c.relkind IN ('v', 'm') THEN 'view' ELSE 'table' END,
  'columns', (
    SELECT coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod))
      ORDER BY a.attnum), '[]')
    FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'foreign_keys', (
    SELECT coalesce(json_agg(json_build_object('schema', fn.nspname, 'table', fc.relname, 'columns', (
      SELECT json_agg(a.attname) FROM pg_attribute a
      WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)))), '[]')
    FROM pg_constraint k JOIN pg_class fc ON fc.oid = k.confrelid JOIN pg_namespace fn ON fn.oid = fc.relnamespace
    WHERE k.conrelid = c.oid AND k.contype = 'f')
)), '[]')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname NOT IN ('information_schema', 'hdb_catalog') AND n.nspname !~ '^pg_'`;
