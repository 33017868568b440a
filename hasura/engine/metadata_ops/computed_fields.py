"""Computed fields: functions of a row.

Source: https://hasura.io/docs/2.0/api-reference/metadata-api/computed-field/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hasura.engine.errors import AlreadyExists, NotExists

from .arguments import Arguments
from .dependencies import check_unused
from .names import as_json, of_table
from .working import Outcome, named, remove

if TYPE_CHECKING:
    from .working import Operation, Working


def add_computed_field(work: Working, args: Any) -> Outcome:
    """``{"table", "source"?, "name", "definition": {"function", "table_argument"?, "session_argument"?}, …}``."""
    given = Arguments(args)
    key = given.key("table")
    table = work.table(given.source, key, "$.args.table")
    name = given.name("name")
    if named(table.get("computed_fields", ()), name) is not None:
        raise AlreadyExists(f'computed field "{name}" already exists in table "{key[1]}"', "$.args")
    definition = Arguments(given.object("definition"), "$.args.definition")
    function = definition.key("function")
    entry: dict[str, Any] = {
        "name": name,
        "definition": {
            **{field: value for field, value in definition.given.items() if value is not None},
            "function": as_json(function),
        },
    }
    if given.comment() is not None:
        entry["comment"] = given.comment()
    table.setdefault("computed_fields", []).append(entry)
    return Outcome(about=of_table("computed_field", name, key, given.source))


def drop_computed_field(work: Working, args: Any) -> Outcome:
    """``{"table", "source"?, "name", "cascade"?}``."""
    given = Arguments(args)
    key = given.key("table")
    table = work.table(given.source, key, "$.args.table")
    name = given.name("name")
    entry = named(table.get("computed_fields", ()), name)
    if entry is None:
        raise NotExists(f'computed field "{name}" does not exist', "$.args.name")
    check_unused(work, given.source, [("computed_field", key, name)], cascade=given.flag("cascade"))
    remove(table, "computed_fields", entry)
    return Outcome()


COMPUTED_FIELD_OPERATIONS: dict[str, Operation] = {
    "add_computed_field": add_computed_field,
    "drop_computed_field": drop_computed_field,
}
