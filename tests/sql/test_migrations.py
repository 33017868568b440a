"""The schema comes onto an empty database, onto one that holds data, and never half."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from backend.embedded_postgres import EmbeddedPostgres
from backend.migrations import DIRECTORY, MigrationError, expected_version, migrate, schema_version
from tests.conftest import new_database
from tests.sql.conftest import drifted, one

NAMES = sorted(path.stem for path in DIRECTORY.glob("*.sql"))


@pytest.fixture
def url(cluster: EmbeddedPostgres) -> Iterator[str]:
    """An empty database: these tests bring the schema themselves."""
    with new_database(cluster) as database:
        yield database


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A place for migrations of a test's own."""
    made = tmp_path / "sql"
    made.mkdir()
    return made


def test_an_empty_database_gets_every_migration_once(url: str, db: psycopg.Connection) -> None:
    assert schema_version(db) is None
    assert migrate(url) == NAMES
    assert schema_version(db) == expected_version() == NAMES[-1]
    assert migrate(url) == []


@pytest.mark.parametrize("first", range(1, len(NAMES)))
def test_the_rest_is_applied_to_a_database_that_holds_data(
    url: str, db: psycopg.Connection, directory: Path, first: int
) -> None:
    for name in NAMES[:first]:
        shutil.copy(DIRECTORY / f"{name}.sql", directory)
    assert migrate(url, directory) == NAMES[:first]

    db.execute(
        "INSERT INTO users (username, password_hash, display_name)"
        " SELECT 'user' || n, '!', 'User ' || n FROM generate_series(1, 3) AS n"
    )
    if first < 11:
        # Of each user's three sign-ins one has run out and one was revoked.
        db.execute(
            "INSERT INTO refresh_tokens (token_hash, family_id, user_id, expires_at, revoked_at)"
            " SELECT sha256((id::text || n || twin)::bytea), md5(id::text || n)::uuid, id,"
            "  now() + CASE n WHEN 1 THEN interval '-1 day' ELSE interval '30 days' END, CASE n WHEN 2 THEN now() END"
            " FROM users, generate_series(0, 2) AS n, generate_series(0, 1) AS twin"
        )
    else:
        db.execute("INSERT INTO sign_ins (sign_in_id, user_id) SELECT md5(id::text)::uuid, id FROM users")
        db.execute(
            "INSERT INTO refresh_tokens (token_hash, family_id, user_id, expires_at)"
            " SELECT sha256((id::text || twin)::bytea), md5(id::text)::uuid, id, now() + interval '30 days'"
            " FROM users, generate_series(0, 1) AS twin"
        )
    if first >= 2:
        db.execute("INSERT INTO chat_sessions (user_id) SELECT id FROM users, generate_series(1, 4)")
    if first >= 3:
        db.execute(
            "INSERT INTO chat_messages (session_id, user_id, content)"
            " SELECT session_id, user_id, 'hi' FROM chat_sessions, generate_series(1, 5) WHERE id % 2 = 0"
        )
    if first == 4:
        db.execute(
            "INSERT INTO chat_messages (session_id, user_id, role, content, status)"
            " SELECT session_id, user_id, 'assistant', '', 'streaming' FROM chat_sessions WHERE id % 2 = 0"
        )
    if 2 <= first < 7:
        db.execute("UPDATE chat_sessions SET title = 'Mine', is_active = false WHERE id % 3 = 0")
    tables = ["users", "chat_sessions", "chat_messages"][:first]
    before = [one(db, f"SELECT count(*) FROM {table}") for table in tables]

    assert migrate(url) == NAMES[first:]
    assert [one(db, f"SELECT count(*) FROM {table}") for table in tables] == before
    assert drifted(db) == []
    assert one(db, "SELECT (SELECT count(*) FROM sign_ins), (SELECT count(*) FROM refresh_tokens)") == (3, 6)
    if first == 3:
        assert one(db, "SELECT sum(total_messages), count(last_message_at) FROM chat_sessions") == (30, 6)
    if first == 4:
        unfinished = "SELECT count(*) FROM chat_messages WHERE lease_until > now() AND status = 'streaming'"
        assert one(db, unfinished) == (6,), "what was under way ends when nobody renews it"
    if 2 <= first < 7:
        shelves = "SELECT shelf, auto_title, deleted_at = updated_at, changed_at = updated_at, count(*)"
        assert db.execute(f"{shelves} FROM chat_sessions GROUP BY 1, 2, 3, 4 ORDER BY 1").fetchall() == [
            ("active", True, None, True, 8),
            ("trash", False, True, True, 4),
        ]
    if 3 <= first < 6:
        unread = "SELECT sum(last_read_id), sum(chat_sessions_unread_messages(s)) FROM chat_sessions AS s"
        read = (
            "SELECT sum(newest) FROM (SELECT max(id) AS newest FROM chat_messages GROUP BY session_id) AS m"
        )
        assert one(db, unread) == (*one(db, read), 0), "what is older than marks counts as read"


def test_a_second_migrator_is_refused_soon_in_one_line(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        # What migrate() itself takes while it runs.
        other.execute("SELECT pg_advisory_lock(x'63686174'::int)")
        with pytest.raises(MigrationError, match="another migration of this database is running") as error:
            migrate(url)
    assert "\n" not in str(error.value)
    assert migrate(url) == NAMES


def test_of_many_migrators_at_once_one_applies_all(url: str) -> None:
    def attempt(_: int) -> list[str]:
        try:
            return migrate(url)
        except MigrationError:
            return []

    with ThreadPoolExecutor(6) as pool:
        applied = [names for names in pool.map(attempt, range(6)) if names]
    assert applied == [NAMES]


def test_a_migration_that_fails_leaves_no_trace_and_can_be_mended(
    url: str, db: psycopg.Connection, directory: Path
) -> None:
    (directory / "0001_good.sql").write_text("CREATE TABLE good (id int);")
    (directory / "0002_bad.sql").write_text("CREATE TABLE half (id int);\nCREATE TABLE good (id int);")
    with pytest.raises(MigrationError, match='0002_bad failed: relation "good" already exists') as error:
        migrate(url, directory)
    assert "\n" not in str(error.value)
    assert schema_version(db) == "0001_good"
    assert one(db, "SELECT to_regclass('good') IS NOT NULL, to_regclass('half') IS NULL") == (True, True)
    (directory / "0002_bad.sql").write_text("CREATE TABLE half (id int);")
    assert migrate(url, directory) == ["0002_bad"]


def test_a_killed_migration_is_done_again_by_the_next_run(
    url: str, db: psycopg.Connection, directory: Path
) -> None:
    (directory / "0001_slow.sql").write_text("CREATE TABLE made (id int);\nSELECT pg_sleep(2);")
    program = (
        f"from pathlib import Path; from backend.migrations import migrate; migrate({url!r}, Path('sql'))"
    )
    child = subprocess.Popen([sys.executable, "-c", program], cwd=directory.parent)
    sleeping = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    )
    while one(db, sleeping) == (0,):
        assert child.poll() is None
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    db.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 1) ON CONFLICT DO NOTHING")
    assert one(db, "SELECT to_regclass('made') IS NULL") == (True,)
    assert migrate(url, directory) == ["0001_slow"]


def test_a_database_that_cannot_be_reached_is_said_in_one_line_without_the_password() -> None:
    with pytest.raises(MigrationError, match="cannot be reached") as error:
        migrate("postgresql://chat:the-secret@127.0.0.1:1/chat")
    assert "\n" not in str(error.value)
    assert "the-secret" not in str(error.value)
