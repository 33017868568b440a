/** One permission while it is edited, and what is saved of it. */

import { tableName, type Json, type JsonObject, type Operation, type Permission, type PermissionEntry, type TableEntry } from "./metadata";
import { parse } from "./rules";

export type Rule = "filter" | "check";

/** Texts are kept as they are typed; `others` is all that has no text. */
export interface Draft {
  rules: Partial<Record<Rule, string>>;
  presets: [column: string, value: string][];
  comment: string;
  limit: string;
  others: Permission;
}

export function rulesOf(operation: Operation): Rule[] {
  if (operation === "insert") return ["check"];
  return operation === "update" ? ["filter", "check"] : ["filter"];
}

/** Nothing is allowed that was not asked for: a new permission begins without columns. */
export function draftOf(operation: Operation, entry: PermissionEntry | undefined): Draft {
  const { filter, check, set, limit, ...others } = entry?.permission ?? newPermission(operation);
  const given = { filter, check };
  return {
    rules: Object.fromEntries(rulesOf(operation).map((rule) => [rule, textOf(given[rule])])),
    presets: Object.entries(set ?? {}).map(([column, value]) => [column, presetText(value)]),
    comment: entry?.comment ?? "",
    limit: limit === undefined ? "" : String(limit),
    others,
  };
}

function newPermission(operation: Operation): Permission {
  return operation === "delete" ? {} : { columns: [] };
}

export function textOf(rule: JsonObject | null | undefined): string {
  return JSON.stringify(rule ?? {}, null, 2);
}

/** A preset is text, or JSON where it is not text. */
function presetText(value: Json): string {
  return typeof value === "string" && !isJson(value) ? value : JSON.stringify(value);
}

export function presetValue(text: string): Json {
  return isJson(text) ? (JSON.parse(text) as Json) : text;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

export type Built = { ok: true; permission: Permission } | { ok: false; problem: string; at: Rule | "limit" | "presets" };

export function built(operation: Operation, draft: Draft): Built {
  const permission: Permission = { ...draft.others };
  for (const rule of rulesOf(operation)) {
    const parsed = parse(draft.rules[rule] ?? "");
    if (!parsed.ok) return { ok: false, problem: parsed.problem, at: rule };
    if (rule === "filter") permission.filter = parsed.rule;
    else permission.check = operation === "update" && Object.keys(parsed.rule).length === 0 ? null : parsed.rule;
  }
  if (draft.limit.trim() !== "") {
    if (!/^\d+$/.test(draft.limit.trim()))
      return { ok: false, problem: "The row limit is a whole number, or empty.", at: "limit" };
    permission.limit = Number(draft.limit);
  }
  const columns = draft.presets.map(([column]) => column);
  if (columns.some((column) => column === "") || new Set(columns).size < columns.length)
    return { ok: false, problem: "Each preset names a column of its own.", at: "presets" };
  if (columns.length > 0)
    permission.set = Object.fromEntries(draft.presets.map(([column, text]) => [column, presetValue(text)]));
  return { ok: true, permission };
}

interface Target {
  source: string;
  table: TableEntry;
  operation: Operation;
  role: string;
}

/** One command that replaces the permission as a whole, or not at all. */
export function saving(target: Target, exists: boolean, permission: Permission, comment: string): JsonObject {
  const create: JsonObject = {
    type: `pg_create_${target.operation}_permission`,
    args: {
      ...address(target),
      permission: permission as JsonObject,
      ...(comment.trim() === "" ? {} : { comment: comment.trim() }),
    },
  };
  return { type: "bulk", args: exists ? [dropping(target), create] : [create] };
}

export function dropping(target: Target): JsonObject {
  return { type: `pg_drop_${target.operation}_permission`, args: address(target) };
}

function address({ source, table, role }: Target): JsonObject {
  return { source, table: { ...tableName(table.table) }, role };
}
