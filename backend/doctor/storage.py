"""What lies in the database: tables that are not cleaned up, indexes that are of no use, numbers that run out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.doctor.finding import note, ok, wrong

if TYPE_CHECKING:
    import psycopg

    from backend.doctor.finding import Finding

_TABLES = """
SELECT relid::regclass::text, n_dead_tup, n_live_tup, coalesce(last_autovacuum, last_vacuum)::timestamp(0)::text
  FROM pg_stat_user_tables
 WHERE n_dead_tup > %(rows)s AND n_dead_tup > %(part)s * (n_live_tup + n_dead_tup)
 ORDER BY n_dead_tup DESC
"""
_AGE = """
SELECT current_setting('autovacuum')::boolean, age(datfrozenxid), pg_size_pretty(pg_database_size(oid)),
       (SELECT array_agg(t.relid::regclass::text ORDER BY 1) FROM pg_stat_user_tables AS t
         WHERE t.n_live_tup > 10000 AND coalesce(t.last_analyze, t.last_autoanalyze) IS NULL)
  FROM pg_database WHERE datname = current_database()
"""
# Those that only serve reading: no constraint and no uniqueness hangs on them.
_UNUSED = """
SELECT i.indexrelid::regclass::text, i.indrelid::regclass::text, pg_size_pretty(pg_relation_size(i.indexrelid))
  FROM pg_index AS i JOIN pg_stat_user_indexes AS s USING (indexrelid)
 WHERE s.idx_scan = 0 AND NOT i.indisunique AND i.indisvalid AND pg_relation_size(i.indexrelid) >= %s
   AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
 ORDER BY pg_relation_size(i.indexrelid) DESC
"""
_SINCE = """
SELECT extract(epoch FROM now() - coalesce(stats_reset, pg_postmaster_start_time()))::float8 / 86400
  FROM pg_stat_database WHERE datname = current_database()
"""
_DUPLICATE = """
SELECT string_agg(i.indexrelid::regclass::text, ', ' ORDER BY i.indexrelid), i.indrelid::regclass::text
  FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
 WHERE c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
 GROUP BY i.indrelid, c.relam, i.indkey::text, i.indclass::text, i.indoption::text, i.indcollation::text,
          pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid)
HAVING count(*) > 1
"""
_INVALID = """
SELECT i.indexrelid::regclass::text, i.indrelid::regclass::text FROM pg_index AS i
 WHERE NOT i.indisvalid AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index AS p
                                         WHERE p.index_relid = i.indexrelid)
"""
_NUMBERS = """
SELECT schemaname || '.' || sequencename, 100.0 * last_value / max_value FROM pg_sequences
 WHERE last_value > %s * max_value AND NOT cycle ORDER BY 2 DESC
"""


async def tables(
    connection: psycopg.AsyncConnection, *, rows: int = 10_000, part: float = 0.3, age: int = 1_000_000_000
) -> Finding:
    """More than `rows` dead ones, and that `part` of all; `age` is in transactions."""
    row = await (await connection.execute(_AGE)).fetchone()
    autovacuum, oldest, size, uncounted = row or (True, 0, "", None)
    if not autovacuum:
        return wrong("tables", "autovacuum is off: tables grow, and the database stops in the end")
    if oldest > age:
        return wrong("tables", f"the oldest row is {oldest:,} transactions old: run VACUUM (FREEZE) soon")
    found = await (await connection.execute(_TABLES, {"rows": rows, "part": part})).fetchall()
    if found:
        details = [
            f"{name}: {dead:,} dead rows beside {live:,}, last vacuum {last or 'never'}"
            for name, dead, live, last in found
        ]
        return note("tables", f"{size}, and some hold many dead rows: VACUUM (ANALYZE) them", *details)
    if uncounted:
        return note("tables", f"{size}, and the planner knows nothing of some: ANALYZE them", *uncounted)
    return ok("tables", f"{size}, cleaned up")


async def unused_indexes(
    connection: psycopg.AsyncConnection, *, size: int = 10_000_000, days: float = 7.0
) -> Finding:
    """Of at least so many bytes, when the statistics are at least so many days old."""
    subject = "unused indexes"
    row = await (await connection.execute(_SINCE)).fetchone()
    since = row[0] if row else 0.0
    if since < days:
        return ok(subject, f"not looked for: the statistics are of {since:.1f} days, {days:g} say something")
    found = await (await connection.execute(_UNUSED, [size])).fetchall()
    if found:
        details = [f"{index} on {table}, {room}" for index, table, room in found]
        return note(
            subject, f"nothing was read by them in {since:,.0f} days (replicas not counted)", *details
        )
    return ok(subject, f"each large one was read in {since:,.0f} days")


async def duplicate_indexes(connection: psycopg.AsyncConnection) -> Finding:
    found = await (await connection.execute(_DUPLICATE)).fetchall()
    if found:
        details = [f"{names} on {table}" for names, table in found]
        return note("duplicate indexes", "every write pays twice: drop one of each", *details)
    return ok("duplicate indexes", "none")


async def invalid_indexes(connection: psycopg.AsyncConnection) -> Finding:
    found = await (await connection.execute(_INVALID)).fetchall()
    if found:
        details = [f"{index} on {table}" for index, table in found]
        return wrong(
            "invalid indexes", "their making was broken off: REINDEX INDEX CONCURRENTLY, or drop", *details
        )
    return ok("invalid indexes", "none")


async def numbers(connection: psycopg.AsyncConnection, *, part: float = 0.5) -> Finding:
    found = await (await connection.execute(_NUMBERS, [part])).fetchall()
    if found:
        return wrong(
            "numbers", "some sequences run out", *(f"{name}: {used:.0f} % used" for name, used in found)
        )
    return ok("numbers", f"no sequence is {100 * part:.0f} % used")
