"""The database: whether it can be reached, what it is, and whether it has room."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg

from backend.doctor import counts, schema, statements, storage
from backend.doctor.finding import note, ok, reason, wrong

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from backend.doctor.finding import Finding
    from backend.installation import Installation

    Connection = psycopg.AsyncConnection[tuple[object, ...]]
    Check = Callable[[psycopg.AsyncConnection], Awaitable[Finding]]

#: Those that the tests run on.
OLDEST, NEWEST = 15, 18
#: Of one check, which shall not be a load itself.
_STATEMENT_TIMEOUT = "30s"
_GB = 1e9


async def examine(
    installation: Installation, progress: Callable[[str], None], *, repair: bool
) -> AsyncIterator[Finding]:
    """Raises InstallationError."""
    try:
        connection = await psycopg.AsyncConnection.connect(
            installation.database_url,
            autocommit=True,
            connect_timeout=5,
            application_name="chat-sessions doctor",
        )
    except psycopg.OperationalError as error:
        why = str(error).strip().splitlines()[0]
        yield wrong("database", f"cannot be reached ({why}): is the stack running?")
        return
    async with connection:
        await connection.execute(f"SET statement_timeout = '{_STATEMENT_TIMEOUT}'".encode())
        yield version(connection)
        yield encryption(connection, local=installation.database_is_local)
        if installation.is_embedded:
            yield disk(installation.data_dir)
        found = await schema.migrations(connection)
        yield found
        checks: list[tuple[str, Check]] = [
            ("clock", clock),
            ("connections", connections),
            ("statements", statements.slowest),
            ("transactions", statements.long_transactions),
            ("tables", storage.tables),
            ("unused indexes", storage.unused_indexes),
            ("duplicate indexes", storage.duplicate_indexes),
            ("invalid indexes", storage.invalid_indexes),
            ("numbers", storage.numbers),
            ("database role", schema.role),
            ("grants", schema.grants),
        ]
        if found.level != "wrong":
            checks += [
                ("audit log", schema.audit_log),
                ("message counts", lambda each: counts.drift(each, progress, repair=repair)),
            ]
        for subject, check in checks:
            try:
                yield await check(connection)
            except psycopg.Error as error:
                yield wrong(subject, f"cannot be looked at ({reason(error)})")


def version(connection: psycopg.AsyncConnection) -> Finding:
    info = connection.info
    text = f"PostgreSQL {info.parameter_status('server_version')} on {info.host}:{info.port}"
    text += f", with psycopg {psycopg.__version__} and libpq {psycopg.pq.version() // 10_000}"
    if not OLDEST <= info.server_version // 10_000 <= NEWEST:
        return note("database", f"{text}: tested are {OLDEST} to {NEWEST}")
    return ok("database", text)


def encryption(connection: psycopg.AsyncConnection, *, local: bool) -> Finding:
    subject = "encryption"
    if local:
        return ok(subject, "the database is on this machine")
    mode = connection.info.get_parameters().get("sslmode", "prefer")
    if not connection.pgconn.ssl_in_use:
        return note(
            subject, "the way to the database is in the clear: right in a private network only (sslmode)"
        )
    if mode != "verify-full":
        return note(
            subject,
            f"the database may be another one's (sslmode={mode}): sslmode=verify-full checks its name",
        )
    return ok(subject, "the way to the database is encrypted, and its certificate checked")


def disk(data_dir: Path, *, little: float = 0.15, too_little: float = 0.05, least: float = _GB) -> Finding:
    """`little` and `too_little` are parts of the disk, `least` is in bytes."""
    usage = shutil.disk_usage(data_dir)
    text = f"{usage.free / _GB:,.1f} GB of {usage.total / _GB:,.1f} are free below {data_dir}"
    if usage.free < least or usage.free < too_little * usage.total:
        return wrong("disk", f"{text}: PostgreSQL stops when there is none left")
    return note("disk", text) if usage.free < little * usage.total else ok("disk", text)


async def clock(connection: psycopg.AsyncConnection, *, seconds: float = 2.0) -> Finding:
    before = datetime.now(UTC)
    row = await (await connection.execute("SELECT clock_timestamp()")).fetchone()
    here = before + (datetime.now(UTC) - before) / 2
    skew = abs((row[0] - here).total_seconds()) if row else 0.0
    if skew > seconds:
        return wrong(
            "clock",
            f"the database's is {skew:,.1f} s from this machine's: tokens end too early or too late",
        )
    return ok("clock", f"the database's and this machine's are {1000 * skew:,.0f} ms apart")


async def connections(connection: psycopg.AsyncConnection, *, part: float = 0.8) -> Finding:
    row = await (
        await connection.execute(
            "SELECT count(*), current_setting('max_connections')::int"
            " - current_setting('superuser_reserved_connections')::int"
            " FROM pg_stat_activity WHERE backend_type = 'client backend'"
        )
    ).fetchone()
    used, most = row or (0, 1)
    text = f"{used} of {most} are in use"
    if used > part * most:
        return wrong("connections", f"{text}: raise max_connections, or put PgBouncer before it")
    return ok("connections", text)
