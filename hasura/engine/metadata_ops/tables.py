"""Tracking tables and views.

Source: https://hasura.io/docs/2.0/api-reference/metadata-api/table-view/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hasura.engine.errors import (
    AlreadyTracked,
    AlreadyUntracked,
    NameConflict,
    NotSupported,
)
from hasura.engine.resolve.naming import default_name

from .arguments import Arguments, qualified
from .dependencies import check_unused
from .names import as_json, of_source, quoted
from .working import Outcome, find, remove

if TYPE_CHECKING:
    from hasura.engine.resolve.model import Source

    from .names import Key
    from .working import Operation, Working


def track_table(work: Working, args: Any) -> Outcome:
    """``{"table", "source"?, "configuration"?, "is_enum"?}``."""
    given = Arguments(args)
    return _track(work, given, given.key("table"), given.object("configuration", needed=False))


def track_table_v1(work: Working, args: Any) -> Outcome:
    """The table itself, or ``{"table", "is_enum"?}``."""
    if isinstance(args, dict) and "table" in args:
        return track_table(work, args)
    return _track(work, Arguments({}), qualified(args, "$.args"), {})


def _track(work: Working, given: Arguments, key: Key, configuration: dict[str, Any]) -> Outcome:
    source = work.source(given.source)
    if find(source.get("tables", ()), "table", key) is not None:
        raise AlreadyTracked(f"view/table already tracked: {quoted(key)}", "$.args")
    if find(source.get("functions", ()), "function", key) is not None:
        raise NotSupported(f"function with name {quoted(key)} already exists", "$.args")
    check_root_field(work, given.source, default_name(key))
    entry: dict[str, Any] = {"table": as_json(key)}
    if given.flag("is_enum"):
        entry["is_enum"] = True
    if configuration:
        entry["configuration"] = configuration
    source.setdefault("tables", []).append(entry)
    return Outcome(about=of_source("table", key, given.source))


def check_root_field(work: Working, source: str, usual: str) -> None:
    """:raises NameConflict: another table or function has a root field of that name."""
    own = work.resolved(source).customization
    name = own.field(usual)
    taken = {
        field
        for other in work.snapshot.sources.values()
        if other.customization.namespace == own.namespace
        for field in root_field_names(other)
    }
    if name in taken:
        raise NameConflict(f"node {name} already exists in current graphql schema", "$.args")


def root_field_names(source: Source) -> set[str]:
    """The root fields that read all rows, or call a function."""
    names = {table.root_fields.select for table in source.tables.values()}
    return names | {function.name for function in source.functions.values()}


def untrack_table(work: Working, args: Any) -> Outcome:
    """``{"table", "source"?, "cascade"?}``: refused while others need it, unless they go with it."""
    given = Arguments(args)
    key = given.key("table")
    source = work.source(given.source)
    entry = find(source.get("tables", ()), "table", key)
    if entry is None:
        raise AlreadyUntracked(f"view/table already untracked: {quoted(key)}", "$.args")
    check_unused(work, given.source, [("table", key)], cascade=given.flag("cascade"))
    remove(source, "tables", entry)
    source.setdefault("tables", [])
    return Outcome()


def set_table_is_enum(work: Working, args: Any) -> Outcome:
    """``{"table", "source"?, "is_enum"}``."""
    given = Arguments(args)
    entry = work.table(given.source, given.key("table"))
    given.value("is_enum")
    if given.flag("is_enum"):
        entry["is_enum"] = True
    else:
        entry.pop("is_enum", None)
    return Outcome(about=of_source("table", given.key("table"), given.source))


def set_table_customization(work: Working, args: Any) -> Outcome:
    """``{"table", "source"?, "configuration"}``: replaces the configuration as a whole."""
    given = Arguments(args)
    return _configure(work, given, given.object("configuration"))


def set_table_custom_fields(work: Working, args: Any) -> Outcome:
    """``{"table", "custom_root_fields"?, "custom_column_names"?}``: the older form of the customization."""
    given = Arguments(args)
    columns = given.object("custom_column_names", needed=False)
    configuration = {
        "custom_root_fields": given.object("custom_root_fields", needed=False),
        "custom_column_names": columns,
        "column_config": {column: {"custom_name": name} for column, name in columns.items()},
    }
    return _configure(work, given, configuration)


def _configure(work: Working, given: Arguments, configuration: dict[str, Any]) -> Outcome:
    key = given.key("table")
    work.table(given.source, key)["configuration"] = configuration
    return Outcome(about=of_source("table", key, given.source))


def set_apollo_federation_config(work: Working, args: Any) -> Outcome:
    """``{"table", "source"?, "apollo_federation_config"}``: kept; this engine serves no federation."""
    given = Arguments(args)
    entry = work.table(given.source, given.key("table"))
    configuration = given.given.get("apollo_federation_config")
    if configuration is None:
        entry.pop("apollo_federation_config", None)
    else:
        entry["apollo_federation_config"] = configuration
    return Outcome()


TABLE_OPERATIONS: dict[str, Operation] = {
    "track_table": track_table,
    "untrack_table": untrack_table,
    "set_table_is_enum": set_table_is_enum,
    "set_table_customization": set_table_customization,
    "set_table_custom_fields": set_table_custom_fields,
    "set_apollo_federation_config": set_apollo_federation_config,
}
