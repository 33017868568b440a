"""The schema: the numbered plain-SQL files of `sql/`, applied by yoyo.

yoyo reads, orders and records. Two things are done around it, because its own way does not hold. Each
migration is applied *and recorded* in one transaction: yoyo records in a second one, so a kill between them
blocks every later run. Concurrent runs are kept apart by an advisory lock: yoyo's is a row, left by a kill.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import stamina
import yoyo
from psycopg import errors
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri
from yoyo.migrations import default_migration_table

DIRECTORY = Path(__file__).resolve().parent.parent / "sql"

# The newest applied migration, as schema_version() answers it, for callers with their own (async) connection.
# Fails with UndefinedTable in a database that was never migrated.
SCHEMA_VERSION_QUERY = "SELECT max(migration_id) FROM _yoyo_migration"

#: Milliseconds that a migration may keep others waiting behind a lock that it waits for.
LOCK_WITHIN_MS = 1000
#: Seconds for which it is tried again while others hold the lock.
LOCKED_FOR = 120.0

_LOCK_KEY = 0x63686174  # "chat"; advisory locks are per database


class MigrationError(Exception):
    """The schema could not be brought up to date. The text is one line for a person."""


def expected_version(directory: Path = DIRECTORY) -> str:
    """The newest migration that this code comes with, for example ``0004_message_counts``."""
    return max(path.stem for path in directory.glob("*.sql"))


def schema_version(connection: psycopg.Connection) -> str | None:
    """The newest migration that was applied to the database, ``None`` when there is none."""
    try:
        with connection.transaction():
            row = connection.execute(SCHEMA_VERSION_QUERY).fetchone()
    except errors.UndefinedTable:
        return None
    return row[0] if row else None


def migrate(database_url: str, directory: Path = DIRECTORY) -> list[str]:
    """Applies what is missing, each migration in one transaction, and answers the names of those applied.

    Raises MigrationError when another migration runs, the database cannot be reached, or a migration fails
    (which leaves the database as it was before that migration).
    """
    try:
        with _only_migrator(database_url), _yoyo(database_url) as backend:
            missing = backend.to_apply(yoyo.read_migrations(str(directory)))
            for migration in missing:
                try:
                    _apply(backend, migration)
                except psycopg.Error as cause:
                    raise MigrationError(f"migration {migration.id} failed: {_first_line(cause)}") from cause
            return [migration.id for migration in missing]
    except psycopg.OperationalError as cause:
        raise MigrationError(f"the database cannot be reached: {_first_line(cause)}") from cause


def _apply(backend: PostgresqlPsycopgBackend, migration: yoyo.migrations.Migration) -> None:
    """While it runs, so does everything else: a statement that cannot have its lock at once gives up, because whoever
    comes after it would wait behind it; and comes again."""
    for attempt in stamina.retry_context(
        on=errors.LockNotAvailable, attempts=None, timeout=LOCKED_FOR, wait_initial=0.5, wait_max=5.0
    ):
        with attempt, backend.transaction():
            backend.execute(f"SET LOCAL lock_timeout = {LOCK_WITHIN_MS}")
            migration.process_steps(backend, "apply")
            backend.mark_one(migration, log=False)


@contextmanager
def _only_migrator(database_url: str) -> Iterator[None]:
    with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
        # A migrator that has just ended holds the lock until PostgreSQL has ended its session.
        connection.execute(f"SET lock_timeout = {LOCK_WITHIN_MS}")
        try:
            connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK_KEY])
        except errors.LockNotAvailable:
            raise MigrationError(
                "another migration of this database is running: wait for it, then try again"
            ) from None
        yield  # the lock ends with the connection


def _yoyo(database_url: str) -> PostgresqlPsycopgBackend:
    # Not yoyo.get_backend(): it tries out on every run what PostgreSQL can do, by statements that fail, and each
    # is an alarming line in the database's log.
    uri = parse_uri(f"postgresql+psycopg://{database_url.partition('://')[2]}")
    backend = PostgresqlPsycopgBackend(uri, default_migration_table)
    if backend.lock_table in backend.list_tables():
        backend.break_lock()  # what a killed run left: ours is the lock that counts, and we hold it
    else:
        backend.create_lock_table()
    return backend


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
