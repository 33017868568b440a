"""The tracked tables and functions by their oids, which outlive a rename: compared before and after SQL ran."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import psycopg

    from hasura.engine.metadata_ops.names import Key

_TABLES = """
SELECT c.oid::int8 AS oid, n.nspname AS schema, c.relname AS name,
       (SELECT coalesce(jsonb_object_agg(a.attnum, jsonb_build_array(a.attname, format_type(a.atttypid, NULL))), '{}')
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       (SELECT coalesce(jsonb_object_agg(k.oid, jsonb_build_array(k.conname, k.confrelid::int8, k.conkey, k.confkey)),
                        '{}')
          FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f') AS foreign_keys
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
"""
_FUNCTIONS = """
SELECT p.oid::int8 AS oid, n.nspname AS schema, p.proname AS name, p.provolatile::text AS volatility
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
"""
_NAMED = """
  JOIN unnest(%(schemas)s::text[], %(names)s::text[]) AS wanted (schema, name)
    ON wanted.schema = n.nspname AND wanted.name = {name}
"""


@dataclass(frozen=True, slots=True)
class TableState:
    """``columns`` by number: ``[name, type]``; ``foreign_keys`` by oid: ``[name, table, its columns, theirs]``."""

    oid: int
    schema: str
    name: str
    columns: Mapping[str, tuple[str, str]]
    foreign_keys: Mapping[str, Any]

    @property
    def key(self) -> Key:
        return (self.schema, self.name)


@dataclass(frozen=True, slots=True)
class FunctionState:
    """One function; others of its name have other oids."""

    oid: int
    schema: str
    name: str
    volatility: str

    @property
    def key(self) -> Key:
        return (self.schema, self.name)


async def tables_named(
    connection: psycopg.AsyncConnection[Any], keys: Collection[Key]
) -> dict[int, TableState]:
    """The tables that have these names now."""
    return await _tables(connection, _NAMED.format(name="c.relname"), _names(keys))


async def tables_of(connection: psycopg.AsyncConnection[Any], oids: Collection[int]) -> dict[int, TableState]:
    """Those of these tables that there still are."""
    return await _tables(connection, "WHERE c.oid = ANY(%(oids)s)", {"oids": list(oids)})


async def functions_named(
    connection: psycopg.AsyncConnection[Any], keys: Collection[Key]
) -> dict[int, FunctionState]:
    """The functions that have these names now."""
    return await _functions(connection, _NAMED.format(name="p.proname"), _names(keys))


async def functions_of(
    connection: psycopg.AsyncConnection[Any], oids: Collection[int]
) -> dict[int, FunctionState]:
    """Those of these functions that there still are."""
    return await _functions(connection, "WHERE p.oid = ANY(%(oids)s)", {"oids": list(oids)})


def _names(keys: Collection[Key]) -> dict[str, list[str]]:
    return {"schemas": [schema for schema, _ in keys], "names": [name for _, name in keys]}


async def _tables(
    connection: psycopg.AsyncConnection[Any], which: str, parameters: dict[str, Any]
) -> dict[int, TableState]:
    async with connection.cursor(row_factory=class_row(TableState)) as cursor:
        await cursor.execute((_TABLES + which).encode(), parameters)
        return {state.oid: state for state in await cursor.fetchall()}


async def _functions(
    connection: psycopg.AsyncConnection[Any], which: str, parameters: dict[str, Any]
) -> dict[int, FunctionState]:
    async with connection.cursor(row_factory=class_row(FunctionState)) as cursor:
        await cursor.execute((_FUNCTIONS + which).encode(), parameters)
        return {state.oid: state for state in await cursor.fetchall()}
