"""Tracking functions, and who may call them.

Source: https://hasura.io/docs/2.0/api-reference/metadata-api/custom-functions/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hasura.engine.errors import AlreadyExists, AlreadyTracked, NotExists, NotSupported
from hasura.engine.resolve.naming import default_name

from .arguments import Arguments, qualified
from .names import as_json, of_source, quoted
from .tables import check_root_field
from .working import Outcome, find, named, remove

if TYPE_CHECKING:
    from .names import Key
    from .working import Operation, Working


def track_function(work: Working, args: Any) -> Outcome:
    """``{"function", "source"?, "configuration"?, "comment"?}``."""
    given = Arguments(args)
    return _track(work, given, given.key("function"))


def track_function_v1(work: Working, args: Any) -> Outcome:
    """The function itself, in the default source."""
    return _track(work, Arguments({}), qualified(args, "$.args"))


def _track(work: Working, given: Arguments, key: Key) -> Outcome:
    source = work.source(given.source)
    if find(source.get("functions", ()), "function", key) is not None:
        raise AlreadyTracked(f"function already tracked: {quoted(key)}", "$.args")
    if find(source.get("tables", ()), "table", key) is not None:
        raise NotSupported(f"table with name {quoted(key)} already exists", "$.args")
    check_root_field(work, given.source, default_name(key))
    entry: dict[str, Any] = {"function": as_json(key)}
    configuration = given.object("configuration", needed=False)
    if configuration:
        entry["configuration"] = configuration
    if given.comment() is not None:
        entry["comment"] = given.comment()
    source.setdefault("functions", []).append(entry)
    return Outcome(about=of_source("function", key, given.source))


def untrack_function(work: Working, args: Any) -> Outcome:
    """``{"function", "source"?}``, or the function itself."""
    if isinstance(args, dict) and ("source" in args or "function" in args):
        given = Arguments(args)
        name, key = given.source, given.key("function")
    else:
        name, key = Arguments({}).source, qualified(args, "$.args")
    entry = work.function(name, key)
    remove(work.source(name), "functions", entry)
    return Outcome()


def set_function_customization(work: Working, args: Any) -> Outcome:
    """``{"function", "source"?, "configuration"}``."""
    given = Arguments(args)
    key = given.key("function")
    work.function(given.source, key)["configuration"] = given.object("configuration")
    return Outcome(about=of_source("function", key, given.source))


def create_function_permission(work: Working, args: Any) -> Outcome:
    """``{"function", "source"?, "role"}``; the role must be able to read the table that the function answers."""
    given = Arguments(args)
    key, role = given.key("function"), given.name("role")
    entry = work.function(given.source, key)
    if named(entry.get("permissions", ()), role, "role") is not None:
        raise AlreadyExists(
            f'permission of role "{role}" already exists for function {quoted(key)} '
            f'in source: "{given.source}"',
            "$.args",
        )
    function = work.resolved(given.source).functions.get(key)
    if function is not None:
        table = work.resolved(given.source).tables.get(function.table)
        if table is None:
            raise NotExists(f"function's return table {quoted(function.table)} not found in the cache")
        if role not in table.permissions or table.permissions[role].select is None:
            raise NotSupported(
                "function permission can only be added when the function's return table "
                f'{quoted(table.key)} has select permission configured for role: "{role}"',
                "$.args",
            )
    entry.setdefault("permissions", []).insert(0, {"role": role})
    about = f"function_permission {role} permission for {of_source('function', key, given.source)}"
    return Outcome(about=about)


def drop_function_permission(work: Working, args: Any) -> Outcome:
    """``{"function", "source"?, "role"}``."""
    given = Arguments(args)
    key, role = given.key("function"), given.name("role")
    entry = work.function(given.source, key)
    permission = named(entry.get("permissions", ()), role, "role")
    if permission is None:
        raise NotExists(
            f'permission of role "{role}" does not exist for function {quoted(key)} '
            f'in source: "{given.source}"',
            "$.args",
        )
    remove(entry, "permissions", permission)
    return Outcome()


FUNCTION_OPERATIONS: dict[str, Operation] = {
    "track_function": track_function,
    "untrack_function": untrack_function,
    "set_function_customization": set_function_customization,
    "create_function_permission": create_function_permission,
    "drop_function_permission": drop_function_permission,
}
