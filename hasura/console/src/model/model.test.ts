import { describe, expect, test } from "bun:test";
import { exampleQuery } from "./graphql_names";
import { findTable, type Json, type Metadata, type SourceEntry } from "./metadata";
import { built, draftOf, saving } from "./permission";
import { access, rolesOf, variablesOf } from "./roles";
import { findings, parse } from "./rules";
import { structureOf } from "./structure";

const source: SourceEntry = {
  name: "default",
  kind: "postgres",
  tables: [
    {
      table: { schema: "public", name: "notes" },
      object_relationships: [{ name: "author", using: { foreign_key_constraint_on: "author_id" } }],
      select_permissions: [
        { role: "reader", permission: { columns: ["id", "title"], filter: { author_id: { _eq: "X-Hasura-User-Id" } } } },
        { role: "editor", permission: { columns: "*", filter: {} } },
      ],
    },
    {
      table: { schema: "people", name: "authors" },
      configuration: { custom_name: "Author", column_config: { full_name: { custom_name: "name" } } },
      array_relationships: [
        { name: "notes", using: { foreign_key_constraint_on: { table: { schema: "public", name: "notes" }, column: "author_id" } } },
      ],
    },
  ],
};
const metadata: Metadata = {
  sources: [source, { name: "other", kind: "mssql", tables: [] }],
  inherited_roles: [
    { role_name: "both", role_set: ["reader", "editor"] },
    { role_name: "more", role_set: ["both", "guest"] },
  ],
};
const structure = structureOf([
  {
    schema: "public",
    name: "notes",
    kind: "table",
    columns: ["id", "title", "author_id"].map((name) => ({ name, type: "text" })),
    foreign_keys: [{ columns: ["author_id"], schema: "people", table: "authors" }],
  },
  { schema: "people", name: "authors", kind: "table", columns: [{ name: "full_name", type: "text" }], foreign_keys: [] },
]);
const notes = findTable(source, "notes")!;
const authors = findTable(source, "people.authors")!;
const place = { source, table: notes, structure };

describe("a rule", () => {
  test.each([
    ["nothing", "", true],
    ["an object", '{"id": {"_eq": 1}}', true],
    ["a list", "[]", false],
    ["a word", "true", false],
    ["half an object", '{"id": ', false],
  ])("that is %s", (_, text, ok) => expect(parse(text).ok).toBe(ok));

  test.each<[string, Json, string[]]>([
    ["columns, relationships and logic", { _and: [{ id: { _eq: 1 } }, { author: { full_name: { _like: "A%" } } }], _not: {} }, []],
    ["an unknown field", { titel: { _eq: "" } }, ["$.titel"]],
    ["an unknown operator", { title: { _equals: "" } }, ["$.title._equals"]],
    ["an unknown field of the other table", { author: { title: {} } }, ["$.author.title"]],
    ["a list that is none", { _or: {} }, ["$._or"]],
    ["the spelling with $", { $or: [{ id: { $in: [1] } }] }, []],
    ["_exists on a table that is not tracked", { _exists: { _table: { schema: "x", name: "y" }, _where: {} } }, ["$._exists._table"]],
    ["_exists", { _exists: { _table: { schema: "people", name: "authors" }, _where: { nobody: {} } } }, ["$._exists._where.nobody"]],
  ])("with %s", (_, rule, paths) => expect(findings(rule, place).map(({ path }) => path)).toEqual(paths));

  test("is looked at for its form only where the database is away", () => {
    expect(findings({ anything: { _goes: 1 }, _and: {} }, { ...place, structure: undefined })).toHaveLength(1);
  });
});

describe("roles", () => {
  const roles = rolesOf(metadata);
  const role = (name: string) => roles.find((each) => each.name === name)!;

  test("are all that are named, inherited ones last", () => {
    expect(roles.map(({ name }) => name)).toEqual(["editor", "guest", "reader", "both", "more"]);
  });

  test.each([
    ["reader", "partial", []],
    ["editor", "full", []],
    ["guest", "none", []],
    ["both", "full", ["reader", "editor"]],
    ["more", "full", ["reader", "editor"]],
  ])("%s has %s access", (name, level, inherited) => {
    expect(access(notes, "select", role(name), roles, 3)).toMatchObject({ level, inherited } as object);
  });

  test("that inherit each other in a circle are no trap", () => {
    const circle = [
      { name: "a", parents: ["b"] },
      { name: "b", parents: ["a"] },
    ];
    expect(access(notes, "select", circle[0]!, circle, 3).level).toBe("none");
  });

  test("need the session variables of their parents' rules", () => {
    expect(variablesOf(metadata, role("more"), roles)).toEqual(["x-hasura-user-id"]);
    expect(variablesOf(metadata, role("editor"), roles)).toEqual([]);
  });
});

describe("a permission", () => {
  test("is saved with everything that the console does not know", () => {
    const permission = { columns: ["id"], check: { id: { _eq: 1 } }, set: { title: "5" }, validate_input: { type: "http" } };
    const result = built("insert", draftOf("insert", { role: "r", permission }));
    expect(result).toEqual({ ok: true, permission });
  });

  test.each([
    ["x-hasura-user-id", "x-hasura-user-id"],
    ["true", true],
    ['{"a": 1}', { a: 1 }],
    ['"true"', "true"],
  ])("sets %p", (text, value) => {
    const draft = { ...draftOf("insert", undefined), presets: [["title", text] as [string, string]] };
    expect(built("insert", draft)).toMatchObject({ ok: true, permission: { set: { title: value } } });
  });

  test("has no check after an update unless one is given", () => {
    expect(built("update", draftOf("update", undefined))).toMatchObject({ permission: { filter: {}, check: null } });
  });

  test.each([
    ["limit", { limit: "many" }],
    ["filter", { rules: { filter: "{" } }],
    ["presets", { presets: [["", "x"] as [string, string]] }],
  ])("with a bad %s is not sent", (at, part) => {
    const draft = { ...draftOf("select", undefined), ...part };
    expect(built("select", draft)).toMatchObject({ ok: false, at } as object);
  });

  test("is replaced by one command, in its source", () => {
    const target = { source: "default", table: authors, operation: "select" as const, role: "r" };
    const command = saving(target, true, { columns: [], filter: {} }, " why ");
    const address = { source: "default", table: { schema: "people", name: "authors" }, role: "r" };
    expect(command).toEqual({
      type: "bulk",
      args: [
        { type: "pg_drop_select_permission", args: address },
        { type: "pg_create_select_permission", args: { ...address, permission: { columns: [], filter: {} }, comment: "why" } },
      ],
    });
  });
});

describe("an example query", () => {
  test("uses the names of the schema", () => {
    expect(exampleQuery(source, authors, ["full_name"])).toContain("Author(limit: 10) {\n    name\n");
  });

  test("follows a source's customization", () => {
    const customized = { ...source, customization: { root_fields: { namespace: "shop", prefix: "s_" } } };
    expect(exampleQuery(customized, notes, [])).toContain("shop {\n    s_notes(limit: 10) {\n      __typename");
  });
});
