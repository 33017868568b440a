/**
 * Row rules, which are boolean expressions in JSON. The engine judges them when they are saved; here is said beforehand
 * what it would not understand. Source: https://hasura.io/docs/2.0/api-reference/syntax-defs/#boolexp
 */

import { findTable, relationships, type Json, type JsonObject, type SourceEntry, type TableEntry } from "./metadata";
import { columnsOf, target, type Structure } from "./structure";

export const OPERATORS: Record<string, string[]> = {
  "Compare": ["_eq", "_neq", "_gt", "_lt", "_gte", "_lte", "_in", "_nin", "_is_null"],
  "Text": ["_like", "_nlike", "_ilike", "_nilike", "_similar", "_nsimilar", "_regex", "_nregex", "_iregex", "_niregex"],
  "With another column": ["_ceq", "_cne", "_cgt", "_clt", "_cgte", "_clte"],
  "jsonb, arrays, ltree": [
    "_contains", "_contained_in", "_has_key", "_has_keys_any", "_has_keys_all", "_ancestor", "_ancestor_any",
    "_descendant", "_descendant_any", "_matches", "_matches_any", "_matches_fulltext", "_cast",
  ],
};
const KNOWN = new Set([...Object.values(OPERATORS).flat(), "_ne", "_cneq"]);

export interface Finding {
  path: string;
  problem: string;
}

export type Parsed = { ok: true; rule: JsonObject } | { ok: false; problem: string; line?: number };

/** The rule that a text holds: a JSON object. */
export function parse(text: string): Parsed {
  let value: Json;
  try {
    value = JSON.parse(text.trim() === "" ? "{}" : text) as Json;
  } catch (error) {
    return { ok: false, ...located(text, (error as Error).message) };
  }
  if (value === null || typeof value !== "object" || Array.isArray(value))
    return { ok: false, problem: 'A rule is a JSON object, such as {"user_id": {"_eq": "X-Hasura-User-Id"}}.' };
  return { ok: true, rule: value };
}

/** JavaScript engines say where in words of their own: a position, or a line and column. */
function located(text: string, message: string): { problem: string; line?: number } {
  const reason = message.replace(/^JSON\.parse: |^JSON Parse error: /, "").replace(/ \(line \d+ column \d+\)$/, "");
  const position = /at position (\d+)/.exec(message);
  const line = position
    ? text.slice(0, Number(position[1])).split("\n").length
    : Number(/line (\d+)/.exec(message)?.[1] ?? Number.NaN);
  return Number.isNaN(line) ? { problem: `Not JSON: ${reason}` } : { problem: `Not JSON: ${reason}`, line };
}

export interface Place {
  source: SourceEntry;
  table: TableEntry;
  structure: Structure | undefined;
}

/** What in a rule names nothing that is known. Without the database's structure only its form is looked at. */
export function findings(rule: Json, place: Place, path = "$"): Finding[] {
  if (rule === null || typeof rule !== "object" || Array.isArray(rule))
    return [{ path, problem: "an object is expected here" }];
  return Object.entries(rule).flatMap(([name, operand]) => field(name, operand, place, `${path}.${name}`));
}

function field(name: string, operand: Json, place: Place, path: string): Finding[] {
  const word = name.replace(/^\$/, "_");
  if (word === "_and" || word === "_or")
    return Array.isArray(operand)
      ? operand.flatMap((each, index) => findings(each, place, `${path}[${index}]`))
      : [{ path, problem: "a list of conditions is expected here" }];
  if (word === "_not") return findings(operand, place, path);
  if (word === "_exists") return existence(operand, place, path);
  if (!place.structure) return [];
  const { table, structure } = place;
  if (columnsOf(table, structure).some((column) => column.name === name)) return comparison(operand, path);
  if (relationships(table).some((each) => each.name === name)) {
    const there = findTable(place.source, target(table, name, structure) ?? "");
    return there ? findings(operand, { ...place, table: there }, path) : [];
  }
  if (table.computed_fields?.some((each) => each.name === name)) return [];
  return [{ path, problem: "neither a column, a relationship nor a computed field of this table" }];
}

function existence(operand: Json, place: Place, path: string): Finding[] {
  if (operand === null || typeof operand !== "object" || Array.isArray(operand) || !("_table" in operand))
    return [{ path, problem: '{"_table": …, "_where": …} is expected here' }];
  const named = operand._table as { schema?: string; name: string } | string;
  const name = typeof named === "string" ? named : `${named.schema && named.schema !== "public" ? `${named.schema}.` : ""}${named.name}`;
  const there = findTable(place.source, name);
  if (!there) return [{ path: `${path}._table`, problem: `${name} is not a tracked table` }];
  return findings(operand._where ?? {}, { ...place, table: there }, `${path}._where`);
}

function comparison(operand: Json, path: string): Finding[] {
  if (operand === null || typeof operand !== "object" || Array.isArray(operand)) return [];
  return Object.keys(operand)
    .filter((name) => !KNOWN.has(name.replace(/^\$/, "_")))
    .map((name) => ({ path: `${path}.${name}`, problem: "no operator that is known" }));
}
