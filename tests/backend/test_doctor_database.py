"""The doctor's checks of the database: each says that all is well, and says so no more once that is broken."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from backend.doctor import counts, database, schema, statements, storage
from backend.doctor.finding import Finding
from backend.embedded_postgres import EmbeddedPostgres
from tests.conftest import DEBIAN_POSTGRES_15, free_port, make_user

#: Of Debian's package, with its extensions.
EXTENSION = Path("/usr/share/postgresql/15/extension/pg_stat_statements.control")
CATALOG = Path(__file__).parents[2] / "hasura" / "engine" / "hdb_catalog.sql"

Check = Callable[[psycopg.AsyncConnection], Awaitable[Finding]]


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[psycopg.AsyncConnection]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[psycopg.AsyncConnection]:
    async with connected(database_url) as connection:
        yield connection


def silent(_: str) -> None: ...


async def drift(db: psycopg.AsyncConnection) -> Finding:
    return await counts.drift(db, silent, repair=False)


async def tables(db: psycopg.AsyncConnection) -> Finding:
    return await storage.tables(db, rows=100)


FILL = "CREATE TABLE filled AS SELECT n FROM generate_series(1, 20000) AS n;"
#: What a session has counted is told to all.
TELL = "SELECT pg_stat_force_next_flush();"


@pytest.mark.parametrize(
    ("check", "breaking", "level", "said"),
    [
        (
            schema.migrations,
            "DELETE FROM _yoyo_migration WHERE migration_id LIKE '0012%'",
            "wrong",
            "0012_purge",
        ),
        (schema.migrations, "DROP TABLE _yoyo_migration", "wrong", "never migrated"),
        (
            schema.migrations,
            "INSERT INTO _yoyo_migration (migration_hash, migration_id, applied_at_utc)"
            " VALUES ('x', '9999_z', now())",
            "note",
            "9999_z",
        ),
        (schema.grants, "GRANT SELECT, DELETE ON users TO PUBLIC", "wrong", "everybody may "),
        (
            schema.grants,
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
            "wrong",
            "f() runs as its owner",
        ),
        (schema.audit_log, "DROP TRIGGER audit ON hdb_catalog.hdb_metadata", "wrong", "start the API"),
        (schema.audit_log, "DROP SCHEMA hdb_catalog CASCADE", "note", "another database"),
        (schema.audit_log, "ALTER TABLE users DISABLE TRIGGER audit", "wrong", "users.audit"),
        (
            tables,
            f"{FILL} {TELL} ANALYZE filled; DELETE FROM filled WHERE n > 9000; {TELL}",
            "note",
            "filled: 11,000 dead",
        ),
        (tables, f"{FILL} {TELL}", "note", "filled"),
        (
            storage.duplicate_indexes,
            "CREATE INDEX again ON sign_ins (user_id, last_used_at DESC)",
            "note",
            "sign_ins_user, again on sign_ins",
        ),
        (
            storage.numbers,
            "SELECT setval('chat_messages_id_seq', 9e18::bigint)",
            "wrong",
            "chat_messages_id_seq",
        ),
        (drift, "UPDATE chat_sessions SET total_messages = 3", "wrong", "in 1 sessions of 1"),
    ],
)
async def test_what_is_broken_is_found(
    db: psycopg.AsyncConnection, database_url: str, check: Check, breaking: str, level: str, said: str
) -> None:
    user = make_user(database_url, "ada")
    await db.execute("INSERT INTO chat_sessions (user_id) VALUES (%s)", [user])
    await db.execute(CATALOG.read_text().encode())
    await db.execute("SELECT watch_permissions()")
    healthy = await check(db)
    assert (healthy.level, healthy.details) == ("ok", ()), healthy
    for statement in filter(str.strip, breaking.split(";")):
        await db.execute(statement.encode())
    found = await check(db)
    assert found.level == level, found
    assert said in " ".join([found.text, *found.details])


async def test_an_index_that_was_broken_off_is_found(db: psycopg.AsyncConnection) -> None:
    assert (await storage.invalid_indexes(db)).level == "ok"
    await db.execute("CREATE TABLE twice AS SELECT 1 AS n FROM generate_series(1, 2)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        await db.execute("CREATE UNIQUE INDEX CONCURRENTLY twice_n ON twice (n)")
    found = await storage.invalid_indexes(db)
    assert (found.level, found.details) == ("wrong", ("twice_n on twice",))


async def test_indexes_that_nothing_reads_by_are_named_once_the_statistics_are_old_enough(
    db: psycopg.AsyncConnection,
) -> None:
    young = await storage.unused_indexes(db)
    assert (young.level, "not looked for" in young.text) == ("ok", True)
    found = await storage.unused_indexes(db, size=0, days=0)
    assert found.level == "note"
    names = {line.split(" on ")[0] for line in found.details}
    assert "audit_log_user" in names
    assert not {name for name in names if name.endswith(("_pkey", "_key"))}, "these hold constraints"
    assert (await storage.unused_indexes(db, size=10**12, days=0)).level == "ok"


async def test_rows_that_are_too_old(db: psycopg.AsyncConnection) -> None:
    assert (await storage.tables(db)).level == "ok"
    assert "FREEZE" in (await storage.tables(db, age=-1)).text


async def test_the_version_and_the_way_to_the_database(
    db: psycopg.AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert database.version(db).level == "ok"
    monkeypatch.setattr(database, "NEWEST", 16)
    assert "tested are 15 to 16" in database.version(db).text
    assert database.encryption(db, local=True).level == "ok"
    assert "in the clear" in database.encryption(db, local=False).text


async def test_a_superuser_is_too_much(db: psycopg.AsyncConnection, postgres18: EmbeddedPostgres) -> None:
    assert (await schema.role(db)).level == "ok"
    async with connected(postgres18.url("postgres")) as root:
        assert (await schema.role(root)).level == "wrong"


async def test_a_clock_that_goes_wrong(db: psycopg.AsyncConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await database.clock(db, seconds=60)).level == "ok"

    class Late(datetime):
        @classmethod
        def now(cls, _: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) - timedelta(hours=1)

    monkeypatch.setattr(database, "datetime", Late)
    found = await database.clock(db)
    assert (found.level, "3,600" in found.text) == ("wrong", True)


async def test_room_on_the_disk_and_for_connections(db: psycopg.AsyncConnection, tmp_path: Path) -> None:
    assert database.disk(tmp_path, little=0, too_little=0, least=0).level == "ok"
    assert database.disk(tmp_path, little=1, too_little=0, least=0).level == "note"
    assert database.disk(tmp_path, least=1e18).level == "wrong"
    assert (await database.connections(db, part=1)).level == "ok"
    assert (await database.connections(db, part=0)).level == "wrong"


async def until(check: Callable[[], Awaitable[Finding]], level: str) -> Finding:
    async with asyncio.timeout(20):
        while (found := await check()).level != level:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return found


async def test_a_statement_that_runs_long_is_shown_without_what_is_quoted_in_it(
    db: psycopg.AsyncConnection, database_url: str
) -> None:
    assert (await statements.slowest(db)).level == "ok"
    async with connected(database_url) as busy:
        running = asyncio.create_task(busy.execute("SELECT 'my secret''s', $$mine$$, pg_sleep(60)"))
        found = await until(lambda: statements.slowest(db, running=0.05), "note")
        await busy.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            await running
    assert "SELECT '…', '…', pg_sleep(60)" in found.details[0]
    assert "pg_stat_statements" in found.text


async def test_a_transaction_that_others_wait_for_is_wrong(
    db: psycopg.AsyncConnection, database_url: str
) -> None:
    assert (await statements.long_transactions(db)).level == "ok"
    async with connected(database_url) as holder, connected(database_url) as waiter:
        async with holder.transaction():
            await holder.execute("LOCK TABLE chat_sessions")
            found = await until(lambda: statements.long_transactions(db, seconds=0), "note")
            assert "idle in transaction" in found.details[0]
            waiting = asyncio.create_task(waiter.execute("SELECT count(*) FROM chat_sessions"))
            found = await until(lambda: statements.long_transactions(db, seconds=0), "wrong")
            assert "1 wait for it" in found.details[0]
        await waiting


@pytest.mark.skipif(not EXTENSION.exists(), reason="no PostgreSQL 15 (apt-get install postgresql-15)")
async def test_what_pg_stat_statements_remembers_and_a_vacuum_that_is_off(cluster_place: Path) -> None:
    cluster = EmbeddedPostgres(
        cluster_place / "postgres",
        free_port(),
        secrets.token_hex(16),
        binaries=DEBIAN_POSTGRES_15,
        durable=False,
    )
    with (cluster_place / "log").open("wb") as log:
        with cluster.running(output=log):
            async with connected(cluster.url("postgres")) as db:
                await db.execute("CREATE EXTENSION pg_stat_statements")
                assert "is not there" in (await statements.slowest(db)).text, "it is not loaded"
                await db.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
                await db.execute("ALTER SYSTEM SET autovacuum = off")
        with cluster.running(output=log):
            async with connected(cluster.url("postgres")) as db:
                assert (await statements.slowest(db, mean=10_000)).level == "ok"
                for _ in range(3):
                    await db.execute("SELECT 'my secret', pg_sleep(0.01)")
                found = await statements.slowest(db, mean=5, calls=3)
                assert (await storage.tables(db)).text.startswith("autovacuum is off")
    assert found.level == "note"
    assert any("3 times: SELECT $1, pg_sleep($2)" in line for line in found.details)


async def sessions_of(db: psycopg.AsyncConnection, user: UUID, count: int) -> list[UUID]:
    """Each with one message, in the order of their ids."""
    await db.execute(
        "INSERT INTO chat_sessions (user_id) SELECT %s FROM generate_series(1, %s)", [user, count]
    )
    await db.execute(
        "INSERT INTO chat_messages (session_id, user_id, content)"
        " SELECT session_id, user_id, 'hi' FROM chat_sessions"
    )
    cursor = await db.execute("SELECT session_id FROM chat_sessions ORDER BY id")
    return [row[0] for row in await cursor.fetchall()]


async def test_a_repair_touches_what_has_drifted_and_nothing_else(
    db: psycopg.AsyncConnection, database_url: str
) -> None:
    sessions = await sessions_of(db, make_user(database_url, "ada"), 7)
    drifted = [sessions[1], sessions[6]]
    await db.execute("UPDATE chat_sessions SET total_messages = 9 WHERE session_id = ANY (%s)", [drifted])

    async def versions() -> dict[UUID, str]:
        cursor = await db.execute("SELECT session_id, ctid::text FROM chat_sessions")
        return dict(await cursor.fetchall())

    before = await versions()
    looked = await counts.drift(db, silent, repair=False, batch=2)
    assert (looked.level, looked.details) == ("wrong", tuple(map(str, drifted)))
    assert await versions() == before
    repaired = await counts.drift(db, silent, repair=True, batch=2)
    assert (repaired.level, "2 sessions of 7" in repaired.text) == ("ok", True)
    after = await versions()
    assert {session for session in sessions if after[session] != before[session]} == set(drifted)
    assert (await counts.drift(db, silent, repair=False, batch=2)).text.endswith("right in 7 sessions")


async def test_a_repair_counts_what_somebody_writes_meanwhile(
    db: psycopg.AsyncConnection, database_url: str
) -> None:
    user = make_user(database_url, "ada")
    (session,) = await sessions_of(db, user, 1)
    await db.execute("UPDATE chat_sessions SET total_messages = 9")
    async with connected(database_url) as writer, connected(database_url) as watch:
        async with writer.transaction():
            await writer.execute(
                "INSERT INTO chat_messages (message_id, session_id, user_id, content)"
                " VALUES (%s, %s, %s, 'hi')",
                [uuid4(), session, user],
            )
            repair = asyncio.create_task(counts.drift(db, silent, repair=True))
            blocked = "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
            async with asyncio.timeout(20):
                while await (await watch.execute(blocked)).fetchone() == (0,):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        assert (await repair).level == "ok"
    cursor = await db.execute("SELECT total_messages FROM chat_sessions")
    assert await cursor.fetchall() == [(2,)]
