"""Makes tracked tables announce their changes, whoever makes them, with the keys of the rows that changed.

The triggers live with the data, like Hasura's event triggers; the function behind them in ``hdb_catalog``.
"""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import structlog
from psycopg import sql
from psycopg.rows import class_row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Table = tuple[str, str]

CHANNEL = "hdb_live_queries"

# What is announced: [schema, table, {column: [fingerprint, ...]}], of the columns that are the trigger's arguments and
# of the rows before and after; or [schema, table] alone, where the rows are too many to name. Others on the database
# may listen: fingerprints tell them no keys.
_FUNCTION = """
CREATE SCHEMA IF NOT EXISTS hdb_catalog;
CREATE OR REPLACE FUNCTION hdb_catalog.announce_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- How much this transaction has announced: equal announcements of one transaction are sent once.
    said CONSTANT int := coalesce(nullif(pg_catalog.current_setting('hdb_live_queries.said', true), ''), '0');
    rows_ jsonb[];
    message text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        rows_ := ARRAY(SELECT pg_catalog.to_jsonb(c) FROM changed AS c LIMIT 65)
              || ARRAY(SELECT pg_catalog.to_jsonb(g) FROM gone AS g LIMIT 65);
    ELSIF TG_OP <> 'TRUNCATE' THEN
        rows_ := ARRAY(SELECT pg_catalog.to_jsonb(c) FROM changed AS c LIMIT 65);
    END IF;
    IF pg_catalog.cardinality(rows_) = 0 THEN
        RETURN NULL;
    END IF;
    IF pg_catalog.cardinality(rows_) <= 64 AND said < 100 AND TG_NARGS > 0 THEN
        SELECT pg_catalog.json_build_array(
                   TG_TABLE_SCHEMA, TG_TABLE_NAME, pg_catalog.json_object_agg(found.name, found.fingerprints))
          INTO message
          FROM (SELECT key.name, coalesce(
                           pg_catalog.json_agg(DISTINCT pg_catalog."left"(pg_catalog.md5(r.row_ ->> key.name), 8))
                           FILTER (WHERE r.row_ ->> key.name IS NOT NULL), '[]') AS fingerprints
                  FROM pg_catalog.unnest(TG_ARGV) AS key(name), pg_catalog.unnest(rows_) AS r(row_)
                 GROUP BY key.name) AS found;
        PERFORM pg_catalog.set_config('hdb_live_queries.said', (said + 1)::text, true);
    END IF;
    -- A notification holds 7,999 bytes.
    IF message IS NULL OR pg_catalog.octet_length(message) > 7900 THEN
        message := pg_catalog.json_build_array(TG_TABLE_SCHEMA, TG_TABLE_NAME);
    END IF;
    IF pg_catalog.current_setting('hdb_live_queries.told_by_client', true) = 'on'
       AND pg_catalog.current_setting('client_min_messages') = 'notice' THEN
        -- Whoever set this announces it when this is committed: in here it would make all writers wait for each other.
        RAISE NOTICE USING ERRCODE = 'HDB00', MESSAGE = 'hdb_live_queries', DETAIL = message;
    ELSE
        PERFORM pg_catalog.pg_notify('hdb_live_queries', message);
    END IF;
    RETURN NULL;
END;
$$;
"""
#: A trigger that sees rows is for one kind of change.
_TRIGGERS = {
    "hdb_live_queries_delete": sql.SQL("AFTER DELETE ON {} REFERENCING OLD TABLE AS changed"),
    "hdb_live_queries_insert": sql.SQL("AFTER INSERT ON {} REFERENCING NEW TABLE AS changed"),
    "hdb_live_queries_truncate": sql.SQL("AFTER TRUNCATE ON {}"),
    "hdb_live_queries_update": sql.SQL(
        "AFTER UPDATE ON {} REFERENCING OLD TABLE AS gone NEW TABLE AS changed"
    ),
}
_CREATE = sql.SQL("CREATE TRIGGER {} {} FOR EACH STATEMENT EXECUTE FUNCTION hdb_catalog.announce_rows({})")
_DROP = sql.SQL("DROP TRIGGER IF EXISTS {} ON {}")

# A partition, or a table that others inherit from, may change by a statement that names another table:
# its own statement-level trigger stays silent then. Keys are what rows are looked up by.
_STATES = r"""
SELECT n.nspname AS schema, c.relname AS name,
       wanted.name IS NOT NULL AS tracked,
       ARRAY(SELECT a.attname::text
               FROM pg_catalog.pg_attribute AS a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                AND a.atttypid = ANY ('{int2,int4,int8,uuid}'::pg_catalog.regtype[])
                AND a.attname ~ '^[A-Za-z0-9_]+$'
                AND EXISTS (SELECT FROM pg_catalog.pg_index AS i
                             WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum)
              ORDER BY a.attnum) AS keys,
       ARRAY(SELECT pg_catalog.json_build_array(
                        t.tgname, t.oid::int8, t.tgenabled IN ('O', 'A'), pg_catalog.encode(t.tgargs, 'hex'))
               FROM pg_catalog.pg_trigger AS t
              WHERE t.tgrelid = c.oid AND t.tgparentid = 0 AND t.tgname LIKE 'hdb\_live\_queries%%'
              ORDER BY t.tgname) AS triggers,
       c.relkind = 'r' AND NOT c.relispartition
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits AS i WHERE c.oid IN (i.inhrelid, i.inhparent))
           AS whole
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN unnest(%(schemas)s::text[], %(names)s::text[]) AS wanted(schema, name)
         ON wanted.schema = n.nspname AND wanted.name = c.relname
 WHERE c.relkind IN ('r', 'p')
   AND (wanted.name IS NOT NULL
        OR EXISTS (SELECT FROM pg_catalog.pg_trigger AS t
                    WHERE t.tgrelid = c.oid AND t.tgparentid = 0 AND t.tgname LIKE 'hdb\_live\_queries%%'))
"""

log = structlog.get_logger("livequery-trigger")


def fingerprint(text: str, type_: str) -> str | None:
    """What announcements have in place of a key with this text; None where only PostgreSQL can read it."""
    try:
        plain = str(UUID(text)) if type_ == "uuid" else str(int(text))
    except ValueError:
        return None
    return hashlib.md5(plain.encode(), usedforsecurity=False).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class _State:
    schema: str
    name: str
    tracked: bool
    #: the columns whose values are to be announced
    keys: list[str]
    #: name, oid, whether it is enabled, and its arguments, of each trigger of ours
    triggers: list[tuple[str, int, bool, str]]
    #: its own triggers see every change
    whole: bool

    @property
    def table(self) -> Table:
        return (self.schema, self.name)

    @property
    def wanted(self) -> frozenset[str]:
        """The names of the triggers that it should have. A partition cannot have those that see rows."""
        return frozenset(_TRIGGERS) if self.tracked and self.whole else frozenset()

    @property
    def spare(self) -> list[str]:
        """The names of those that it should not have, or not so."""
        arguments = "".join(key.encode().hex() + "00" for key in self.keys)
        return [name for name, _, _, given in self.triggers if name not in self.wanted or given != arguments]

    @property
    def missing(self) -> list[str]:
        """The names of those to make, once the spare ones are gone."""
        return sorted(self.wanted - ({name for name, *_ in self.triggers} - set(self.spare)))

    @property
    def announces(self) -> bool:
        """Every change will be heard of."""
        return bool(self.wanted) and not self.missing and all(enabled for _, _, enabled, _ in self.triggers)


class Triggers:
    """Keeps the triggers in step with the tracked tables. Several engines on one database take turns."""

    def __init__(self) -> None:
        self._refusals: dict[Table, str] = {}

    async def install(
        self, connection: psycopg.AsyncConnection[Any], tracked: frozenset[Table]
    ) -> dict[Table, tuple[int, ...]]:
        """Adds what is missing, removes what is spare; answers the triggers that announce every change of a table,
        as numbers: others tell that there was a time without.

        A table whose triggers cannot be made (no right, a lock that is not free for a second) is left out: its
        live queries are polled, and the next call tries again. The connection is in autocommit mode.
        """
        states = await _states(connection, tracked)
        if any(state.spare or state.missing for state in states) or (
            tracked and not await _function_is_ours(connection)
        ):
            async with _alone(connection):
                await self._mend(connection, await _states(connection, tracked))
            states = await _states(connection, tracked)
        return {
            state.table: tuple(oid for _, oid, _, _ in state.triggers) for state in states if state.announces
        }

    async def _mend(self, connection: psycopg.AsyncConnection[Any], states: list[_State]) -> None:
        try:
            if any(state.wanted for state in states) and not await _function_is_ours(connection):
                await connection.execute(_FUNCTION)
        except psycopg.errors.InsufficientPrivilege as error:
            self._refused(("hdb_catalog", "announce_rows"), error)
            return
        for state in states:
            if not state.spare and not state.missing:
                continue
            try:
                async with connection.transaction():
                    # Writers queue behind a lock that waits: give up early, and poll meanwhile.
                    await connection.execute("SET LOCAL lock_timeout = '1s'")
                    table = sql.Identifier(*state.table)
                    for name in state.spare:
                        await connection.execute(_DROP.format(sql.Identifier(name), table))
                    keys = sql.SQL(", ").join(map(sql.Literal, state.keys))
                    for name in state.missing:
                        event = _TRIGGERS[name].format(table)
                        await connection.execute(_CREATE.format(sql.Identifier(name), event, keys))
                self._refusals.pop(state.table, None)
            except (
                psycopg.errors.InsufficientPrivilege,
                psycopg.errors.LockNotAvailable,
                psycopg.errors.UndefinedTable,
                psycopg.errors.WrongObjectType,
            ) as error:
                self._refused(state.table, error)

    def _refused(self, table: Table, error: psycopg.Error) -> None:
        reason = error.diag.message_primary or type(error).__name__
        if self._refusals.get(table) != reason:
            self._refusals[table] = reason
            log.warning("live queries on this table are polled", table=".".join(table), reason=reason)


async def _function_is_ours(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Not that of an earlier version."""
    body = _FUNCTION.split("$$")[1]
    cursor = await connection.execute(
        "SELECT p.prosrc = %s FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace"
        " WHERE n.nspname = 'hdb_catalog' AND p.proname = 'announce_rows'",
        [body],
    )
    return await cursor.fetchone() == (True,)


async def _states(connection: psycopg.AsyncConnection[Any], tracked: frozenset[Table]) -> list[_State]:
    ordered = sorted(tracked)
    async with connection.cursor(row_factory=class_row(_State)) as cursor:
        await cursor.execute(
            _STATES,
            {"schemas": [s for s, _ in ordered], "names": [n for _, n in ordered]},
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
