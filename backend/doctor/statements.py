"""What the database is busy with: statements that take long, and transactions that hold others up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg

from backend.doctor.finding import note, ok, wrong

if TYPE_CHECKING:
    from backend.doctor.finding import Finding

_LONGEST_TEXT = 100

_HISTORY = """
SELECT s.mean_exec_time, s.calls, s.query FROM pg_stat_statements AS s
 WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND s.calls >= %s AND s.mean_exec_time >= %s
 ORDER BY s.mean_exec_time * s.calls DESC LIMIT 5
"""
_RUNNING = """
SELECT extract(epoch FROM clock_timestamp() - query_start)::float8, pid, query FROM pg_stat_activity
 WHERE datname = current_database() AND state = 'active' AND backend_type = 'client backend'
   AND pid <> pg_backend_pid() AND clock_timestamp() - query_start > make_interval(secs => %s)
 ORDER BY 1 DESC LIMIT 5
"""
_TRANSACTIONS = """
SELECT extract(epoch FROM clock_timestamp() - a.xact_start)::float8, a.pid, a.state, a.application_name,
       (SELECT count(*) FROM pg_stat_activity AS w WHERE a.pid = ANY (pg_blocking_pids(w.pid)))
  FROM pg_stat_activity AS a
 WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
   AND clock_timestamp() - a.xact_start > make_interval(secs => %s)
 ORDER BY 5 DESC, 1 DESC LIMIT 5
"""


async def slowest(
    connection: psycopg.AsyncConnection, *, mean: float = 50.0, calls: int = 10, running: float = 5.0
) -> Finding:
    """`mean` is in milliseconds, of at least so many `calls`; `running` in seconds, where no history is kept."""
    try:
        rows = await (await connection.execute(_HISTORY, [calls, mean])).fetchall()
    except (psycopg.errors.UndefinedTable, psycopg.errors.ObjectNotInPrerequisiteState):
        return await _now(connection, running)
    if rows:
        details = [f"{took:,.0f} ms on average, {count:,} times: {shown(text)}" for took, count, text in rows]
        return note("statements", f"some take more than {mean:g} ms (pg_stat_statements)", *details)
    return ok("statements", f"none that came {calls} times takes more than {mean:g} ms (pg_stat_statements)")


async def _now(connection: psycopg.AsyncConnection, running: float) -> Finding:
    rows = await (await connection.execute(_RUNNING, [running])).fetchall()
    how = "only what runs now was looked at: pg_stat_statements, which remembers, is not there"
    if rows:
        details = [f"for {took:,.1f} s, process {pid}: {shown(text)}" for took, pid, text in rows]
        return note("statements", f"some run for more than {running:g} s ({how})", *details)
    return ok("statements", f"none runs for more than {running:g} s ({how})")


async def long_transactions(connection: psycopg.AsyncConnection, *, seconds: float = 60.0) -> Finding:
    rows = await (await connection.execute(_TRANSACTIONS, [seconds])).fetchall()
    if not rows:
        return ok("transactions", f"none is open for more than {seconds:g} s")
    details = [
        f"for {took:,.0f} s, process {pid} of {name or 'an unnamed program'} ({state}), {waiting} wait for it"
        for took, pid, state, name, waiting in rows
    ]
    says = wrong if any(row[4] for row in rows) else note
    return says("transactions", f"some are open for more than {seconds:g} s: they keep dead rows", *details)


def shown(query: str) -> str:
    """In one line, without what is quoted in it: that may be somebody's."""
    plain = " ".join(re.sub(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", "'…'", query, flags=re.DOTALL).split())
    return plain if len(plain) <= _LONGEST_TEXT else f"{plain[:_LONGEST_TEXT]}…"
