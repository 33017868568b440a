"""Relationships between tables.

Source: https://hasura.io/docs/2.0/api-reference/metadata-api/relationship/
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hasura.engine.errors import AlreadyExists, NotExists, ParseFailed

from .arguments import Arguments, expect
from .dependencies import check_unused
from .expressions import Renaming, Target
from .names import as_json, of_table, quoted
from .renames import rename_in_permissions
from .working import Outcome, named, relationships, remove

if TYPE_CHECKING:
    from .names import Key
    from .working import Operation, Working

OBJECT, ARRAY = "object", "array"


def create_relationship(kind: str, work: Working, args: Any) -> Outcome:
    """``{"table", "source"?, "name", "using", "comment"?}``."""
    given = Arguments(args)
    key, name = given.key("table"), given.name("name")
    using = _using(kind, given)
    table = work.table(given.source, key)
    if name in field_names(work, given.source, key, table):
        raise AlreadyExists(f'field with name "{name}" already exists in table {quoted(key)}', "$.args")
    entry: dict[str, Any] = {"name": name, "using": using}
    if given.comment() is not None:
        entry["comment"] = given.comment()
    table.setdefault(f"{kind}_relationships", []).append(entry)
    return Outcome(about=of_table(f"{kind}_relation", name, key, given.source))


def field_names(work: Working, source: str, key: Key, table: dict[str, Any]) -> set[str]:
    """The names that a table's fields have: columns, relationships, computed fields."""
    resolved = work.resolved(source).tables.get(key)
    names = set(resolved.by_sql_name) if resolved else set()
    names |= {entry["name"] for _, entry in relationships(table)}
    others = (*table.get("computed_fields", ()), *table.get("remote_relationships", ()))
    return names | {entry["name"] for entry in others}


def _using(kind: str, given: Arguments) -> dict[str, Any]:
    """``using`` with tables in their long form."""
    using = Arguments(given.value("using"), "$.args.using")
    if len(using.given) != 1:
        raise ParseFailed(
            "relationship must be defined by exactly one of 'foreign_key_constraint_on' "
            "and 'manual_configuration'",
            using.path,
        )
    if "manual_configuration" in using.given:
        manual = Arguments(using.value("manual_configuration"), using.at("manual_configuration"))
        remote = manual.key("remote_table")
        manual.object("column_mapping")
        return {"manual_configuration": {**manual.given, "remote_table": as_json(remote)}}
    foreign = using.value("foreign_key_constraint_on")
    path = using.at("foreign_key_constraint_on")
    if not isinstance(foreign, dict) and kind == ARRAY:
        raise ParseFailed("Expecting object { table, columns }.", path)
    if not isinstance(foreign, dict):
        columns = _columns(foreign, path)
        return {"foreign_key_constraint_on": columns[0] if len(columns) == 1 else columns}
    remote = Arguments(foreign, path).key("table")
    if "columns" in foreign:
        columns = _columns(foreign["columns"], f"{path}.columns")
    else:
        columns = [Arguments(foreign, path).text("column")]
    named_columns = {"column": columns[0]} if len(columns) == 1 else {"columns": columns}
    return {"foreign_key_constraint_on": {**named_columns, "table": as_json(remote)}}


def _columns(value: Any, path: str) -> list[str]:
    """One column's name, or several."""
    columns = value if isinstance(value, list) else [value]
    return [expect(str, column, path, "Column") for column in columns]


def drop_relationship(work: Working, args: Any) -> Outcome:
    """``{"table", "source"?, "relationship", "cascade"?}``."""
    given = Arguments(args)
    key, name = given.key("table"), given.name("relationship")
    table, field, entry = _existing(work, given.source, key, name)
    check_unused(work, given.source, [("relationship", key, name)], cascade=given.flag("cascade"))
    remove(table, field, entry)
    return Outcome()


def set_relationship_comment(work: Working, args: Any) -> Outcome:
    """``{"table", "source"?, "name", "comment"?}``; Hasura's source calls ``name`` ``relationship``."""
    given = Arguments(args)
    name = given.name("relationship") if "relationship" in given.given else given.name("name")
    _, _, entry = _existing(work, given.source, given.key("table"), name)
    if given.comment() is None:
        entry.pop("comment", None)
    else:
        entry["comment"] = given.comment()
    return Outcome()


def rename_relationship(work: Working, args: Any) -> Outcome:
    """``{"table", "source"?, "name", "new_name"}``; permissions that use it follow."""
    given = Arguments(args)
    key, old, new = given.key("table"), given.name("name"), given.name("new_name")
    table, _, entry = _existing(work, given.source, key, old)
    if new in field_names(work, given.source, key, table):
        raise AlreadyExists(
            f'cannot rename relationship "{old}" to "{new}" in table {quoted(key)} '
            "as a column/relationship with the name already exists",
            "$.args",
        )
    entry["name"] = new
    change = Renaming(Target("relationship", key, old), new)
    rename_in_permissions(work.source(given.source), work.resolved(given.source), change)
    return Outcome()


def _existing(work: Working, source: str, key: Key, name: str) -> tuple[dict[str, Any], str, dict[str, Any]]:
    table = work.table(source, key)
    for field in ("object_relationships", "array_relationships"):
        entry = named(table.get(field, ()), name)
        if entry is not None:
            return table, field, entry
    raise NotExists(f'relationship "{name}" does not exist', "$.args")


RELATIONSHIP_OPERATIONS: dict[str, Operation] = {
    "create_object_relationship": partial(create_relationship, OBJECT),
    "create_array_relationship": partial(create_relationship, ARRAY),
    "drop_relationship": drop_relationship,
    "set_relationship_comment": set_relationship_comment,
    "rename_relationship": rename_relationship,
}
