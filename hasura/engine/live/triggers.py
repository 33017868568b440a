"""Makes tracked tables announce their changes, whoever makes them: one statement-level trigger a table.

The triggers live with the data, like Hasura's event triggers; the function behind them in ``hdb_catalog``.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import structlog
from psycopg import sql
from psycopg.rows import class_row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Table = tuple[str, str]

CHANNEL = "hdb_live_queries"
_TRIGGER = "hdb_live_queries"

_FUNCTION = """
CREATE SCHEMA IF NOT EXISTS hdb_catalog;
CREATE OR REPLACE FUNCTION hdb_catalog.announce_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.pg_notify(
        'hdb_live_queries', pg_catalog.json_build_array(TG_TABLE_SCHEMA, TG_TABLE_NAME)::pg_catalog.text);
    RETURN NULL;
END;
$$;
"""
_CREATE = sql.SQL(
    "CREATE TRIGGER {} AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {} "
    "FOR EACH STATEMENT EXECUTE FUNCTION hdb_catalog.announce_change()"
)
_DROP = sql.SQL("DROP TRIGGER IF EXISTS {} ON {}")

# A partition, or a table that others inherit from, may change by a statement that names another table:
# its own statement-level trigger stays silent then.
_STATES = """
SELECT n.nspname AS schema, c.relname AS name,
       wanted.name IS NOT NULL AS tracked,
       t.oid AS trigger,
       coalesce(t.tgenabled IN ('O', 'A'), false) AND c.relkind = 'r' AND NOT c.relispartition
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits AS i WHERE c.oid IN (i.inhrelid, i.inhparent))
           AS announces
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = c.oid AND t.tgname = %(trigger)s AND t.tgparentid = 0
  LEFT JOIN unnest(%(schemas)s::text[], %(names)s::text[]) AS wanted(schema, name)
         ON wanted.schema = n.nspname AND wanted.name = c.relname
 WHERE c.relkind IN ('r', 'p') AND (wanted.name IS NOT NULL OR t.oid IS NOT NULL)
"""

log = structlog.get_logger("livequery-trigger")


@dataclass(frozen=True, slots=True)
class _State:
    schema: str
    name: str
    tracked: bool
    #: The trigger's oid: another one tells that there was a time without.
    trigger: int | None
    announces: bool

    @property
    def table(self) -> Table:
        return (self.schema, self.name)


class Triggers:
    """Keeps the triggers in step with the tracked tables. Several engines on one database take turns."""

    def __init__(self) -> None:
        self._refusals: dict[Table, str] = {}

    async def install(
        self, connection: psycopg.AsyncConnection[Any], tracked: frozenset[Table]
    ) -> dict[Table, int]:
        """Adds what is missing, removes what is spare; answers the triggers that announce every change.

        A table whose trigger cannot be made (no right, a lock that is not free for a second) is left out: its
        live queries are polled, and the next call tries again. The connection is in autocommit mode.
        """
        states = await _states(connection, tracked)
        if any(state.tracked == (state.trigger is None) for state in states):
            async with _alone(connection):
                await self._mend(connection, await _states(connection, tracked))
            states = await _states(connection, tracked)
        return {
            state.table: state.trigger
            for state in states
            if state.tracked and state.announces and state.trigger
        }

    async def _mend(self, connection: psycopg.AsyncConnection[Any], states: list[_State]) -> None:
        missing = [state.table for state in states if state.tracked and state.trigger is None]
        spare = [state.table for state in states if state.trigger is not None and not state.tracked]
        try:
            if missing:
                await connection.execute(_FUNCTION)
        except psycopg.errors.InsufficientPrivilege as error:
            self._refused(("hdb_catalog", "announce_change"), error)
            return
        for statement, tables in ((_CREATE, missing), (_DROP, spare)):
            for table in tables:
                try:
                    async with connection.transaction():
                        # Writers queue behind a lock that waits: give up early, and poll meanwhile.
                        await connection.execute("SET LOCAL lock_timeout = '1s'")
                        await connection.execute(
                            statement.format(sql.Identifier(_TRIGGER), sql.Identifier(*table))
                        )
                    self._refusals.pop(table, None)
                except (
                    psycopg.errors.InsufficientPrivilege,
                    psycopg.errors.LockNotAvailable,
                    psycopg.errors.UndefinedTable,
                    psycopg.errors.WrongObjectType,
                ) as error:
                    self._refused(table, error)

    def _refused(self, table: Table, error: psycopg.Error) -> None:
        reason = error.diag.message_primary or type(error).__name__
        if self._refusals.get(table) != reason:
            self._refusals[table] = reason
            log.warning("live queries on this table are polled", table=".".join(table), reason=reason)


async def _states(connection: psycopg.AsyncConnection[Any], tracked: frozenset[Table]) -> list[_State]:
    ordered = sorted(tracked)
    async with connection.cursor(row_factory=class_row(_State)) as cursor:
        await cursor.execute(
            _STATES,
            {"trigger": _TRIGGER, "schemas": [s for s, _ in ordered], "names": [n for _, n in ordered]},
        )
        return await cursor.fetchall()


@asynccontextmanager
async def _alone(connection: psycopg.AsyncConnection[Any]) -> AsyncIterator[None]:
    """One engine at a time: two that create the same function or trigger would fail each other."""
    await connection.execute("SELECT pg_advisory_lock(hashtext('hdb_catalog.live_queries'))")
    try:
        yield
    finally:
        await connection.execute("SELECT pg_advisory_unlock(hashtext('hdb_catalog.live_queries'))")
