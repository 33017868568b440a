/** How a table is called in the GraphQL schema. Source: https://hasura.io/docs/2.0/api-reference/syntax-defs/#table-config */

import { tableName, type SourceEntry, type TableEntry } from "./metadata";

export function selectField(source: SourceEntry, table: TableEntry): { namespace?: string; field: string } {
  const { schema, name } = tableName(table.table);
  const custom = table.configuration?.custom_root_fields?.select;
  const root = typeof custom === "string" ? custom : custom?.name;
  const base = table.configuration?.custom_name ?? (schema === "public" ? name : `${schema}_${name}`);
  const { namespace, prefix = "", suffix = "" } = source.customization?.root_fields ?? {};
  const field = `${prefix}${root ?? base}${suffix}`;
  return namespace ? { namespace, field } : { field };
}

export function columnField(table: TableEntry, column: string): string {
  const { column_config: config, custom_column_names: names } = table.configuration ?? {};
  return config?.[column]?.custom_name ?? names?.[column] ?? column;
}

/** A first query to try: some rows with the columns given. */
export function exampleQuery(source: SourceEntry, table: TableEntry, columns: string[]): string {
  const { namespace, field } = selectField(source, table);
  const names = columns.map((column) => columnField(table, column));
  const inner = [`${field}(limit: 10) {`, ...(names.length ? names : ["__typename"]).map((each) => `  ${each}`), "}"];
  const body = namespace ? [`${namespace} {`, ...inner.map((line) => `  ${line}`), "}"] : inner;
  return `query ${field}_as_role {\n${body.map((line) => `  ${line}`).join("\n")}\n}\n`;
}
