"""The metadata after SQL changed the database: what was renamed is followed, what was dropped goes, or is refused.

The rules are Hasura's: https://hasura.io/docs/2.0/api-reference/schema-api/run-sql/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hasura.engine.errors import AlreadyExists, DependencyError, NotSupported
from hasura.engine.metadata_ops.arguments import qualified
from hasura.engine.metadata_ops.dependencies import Dependent, dependents, purge, report
from hasura.engine.metadata_ops.expressions import Target
from hasura.engine.metadata_ops.names import quoted
from hasura.engine.metadata_ops.renames import rename_column, rename_tables
from hasura.engine.metadata_ops.working import find, remove

from .objects import (
    FunctionState,
    TableState,
    functions_named,
    functions_of,
    tables_named,
    tables_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import psycopg

    from hasura.engine.metadata_ops.names import Key
    from hasura.engine.resolve.model import Source

VOLATILE = "v"


@dataclass(frozen=True, slots=True)
class Before:
    """The tracked tables and functions, and the computed fields' functions, before the SQL ran."""

    tables: Mapping[int, TableState]
    functions: Mapping[int, FunctionState]


async def look(connection: psycopg.AsyncConnection[Any], source: dict[str, Any]) -> Before:
    """The state of everything that a source's metadata names."""
    tables = [qualified(entry["table"], "$") for entry in source.get("tables", ())]
    functions = [qualified(entry["function"], "$") for entry in source.get("functions", ())]
    functions += [function for _, _, function in computed_fields(source)]
    return Before(await tables_named(connection, tables), await functions_named(connection, functions))


def computed_fields(source: dict[str, Any]) -> Iterator[tuple[Key, str, Key]]:
    """Table, name and function of every computed field."""
    for entry in source.get("tables", ()):
        for field in entry.get("computed_fields", ()):
            function = qualified(field["definition"]["function"], "$")
            yield qualified(entry["table"], "$"), field["name"], function


async def follow(
    connection: psycopg.AsyncConnection[Any],
    document_source: dict[str, Any],
    source: Source,
    before: Before,
    *,
    cascade: bool,
) -> None:
    """Changes ``document_source`` to fit the database again; ``source`` is it resolved, before the SQL ran.

    :raises DependencyError: something was dropped that other objects need, and not ``cascade``.
    :raises NotSupported: a function became what a tracked one cannot be.
    """
    tables = await tables_of(connection, before.tables.keys())
    functions = await functions_of(connection, before.functions.keys())
    # A function of the same name beside a tracked one has an oid that was not there before.
    namesakes = await functions_named(connection, [state.key for state in functions.values()])
    _check_functions(document_source, before, functions, namesakes)
    dropped = {before.tables[oid].key for oid in before.tables.keys() - tables.keys()}
    gone = [Target("table", key) for key in dropped]
    for oid, now in tables.items():
        gone += _parts_gone(before.tables[oid], now)
    found = dependents(document_source, source, gone)
    found = {each for each in found if each.kind != "function" and each.key not in dropped}
    lost = _lost_functions(before, functions)
    found |= {
        Dependent("computed field", table, name)
        for table, name, function in computed_fields(document_source)
        if function in lost and table not in dropped
    }
    name = document_source["name"]
    if found and not cascade:
        raise DependencyError(
            f"cannot drop due to the following dependent objects: {report(name, found)}", "$.args"
        )
    for each in found:
        purge(document_source, each)
    for key in dropped:
        entry = find(document_source["tables"], "table", key)
        if entry is not None:
            document_source["tables"].remove(entry)
    for key in lost:
        entry = find(document_source.get("functions", []), "function", key)
        if entry is not None:
            remove(document_source, "functions", entry)
    for oid, now in tables.items():
        _follow_columns(document_source, source, before.tables[oid], now)
    names = {before.tables[oid].key: now.key for oid, now in tables.items()}
    rename_tables(document_source, source, {old: new for old, new in names.items() if old != new})


def _parts_gone(before: TableState, now: TableState) -> Iterator[Target]:
    for number in before.columns.keys() - now.columns.keys():
        yield Target("column", before.key, before.columns[number][0])
    # One that was dropped and made again is the same to those who need it.
    meanings = [meaning for _, *meaning in now.foreign_keys.values()]
    for oid in before.foreign_keys.keys() - now.foreign_keys.keys():
        name, *meaning = before.foreign_keys[oid]
        if meaning not in meanings:
            yield Target("constraint", before.key, name)


def _lost_functions(before: Before, now: Mapping[int, FunctionState]) -> set[Key]:
    """Functions that are dropped, or have another name: metadata does not follow a function's."""
    return {
        state.key for oid, state in before.functions.items() if oid not in now or now[oid].key != state.key
    }


def _follow_columns(
    document_source: dict[str, Any], source: Source, before: TableState, now: TableState
) -> None:
    entry = find(document_source["tables"], "table", before.key)
    table = source.tables.get(before.key)
    for number, (name, type_) in now.columns.items():
        old_name, old_type = before.columns.get(number, (name, type_))
        if name != old_name:
            if table is not None and name in table.relationships:
                raise AlreadyExists(
                    f'cannot rename column "{old_name}" to "{name}" in table {quoted(before.key)} '
                    "as a relationship with the name already exists",
                    "$.args",
                )
            rename_column(document_source, source, before.key, old_name, name)
        elif type_ != old_type:
            column = Target("column", before.key, name)
            found = dependents(document_source, source, [column], on_type=True)
            if found:
                raise DependencyError(
                    f'cannot change type of column "{name}" in table {quoted(before.key)} because of the '
                    f"following dependencies: {report(document_source['name'], found)}",
                    "$.args",
                )
    configuration = (entry or {}).get("configuration", {})
    for number in before.columns.keys() - now.columns.keys():
        for field in ("column_config", "custom_column_names"):
            configuration.get(field, {}).pop(before.columns[number][0], None)


def _check_functions(
    document_source: dict[str, Any],
    before: Before,
    now: Mapping[int, FunctionState],
    namesakes: Mapping[int, FunctionState],
) -> None:
    """:raises NotSupported: a function in use became volatile, or one of several of its name."""
    known = {state.key for oid, state in before.functions.items() if oid in now}
    overloaded = {
        state.key for oid, state in namesakes.items() if oid not in before.functions and state.key in known
    }
    volatile = {
        state.key
        for oid, state in now.items()
        if state.volatility == VOLATILE and before.functions[oid].volatility != VOLATILE
    }
    tracked = {qualified(entry["function"], "$") for entry in document_source.get("functions", ())}
    if overloaded & tracked:
        names = ", ".join(quoted(key)[1:-1] for key in sorted(overloaded & tracked))
        raise NotSupported(f"the following tracked function(s) cannot be overloaded: {names}", "$.args")
    for table, name, function in computed_fields(document_source):
        if function in overloaded:
            raise NotSupported(
                f'The function {quoted(function)} associated with computed field"{name}" '
                f"of table {quoted(table)} is being overloaded",
                "$.args",
            )
        if function in volatile:
            raise NotSupported(
                f'The type of function {quoted(function)} associated with computed field "{name}" '
                f'of table {quoted(table)} is being altered to "VOLATILE"',
                "$.args",
            )
    for key in sorted(volatile & tracked):
        raise NotSupported(
            f'type of function {quoted(key)} is altered to "VOLATILE" which is not supported now', "$.args"
        )
