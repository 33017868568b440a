"""A backup brings back every table as it was, on every version, or changes nothing."""

import os
import re
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from backend.backup import BackupError, backup, restore
from backend.cli import app
from backend.embedded_postgres import EmbeddedPostgres
from tests.conftest import free_port, new_database
from tests.sql.conftest import add_messages, new_session, new_user


@pytest.fixture(params=["postgres18", "postgres15"])
def cluster(request: pytest.FixtureRequest) -> EmbeddedPostgres:
    found: EmbeddedPostgres = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def filled(cluster: EmbeddedPostgres) -> Iterator[str]:
    with new_database(cluster, "migrated") as url:
        fill(url)
        yield url


@pytest.fixture
def empty(cluster: EmbeddedPostgres) -> Iterator[str]:
    with new_database(cluster) as url:
        yield url


def quiet(_: str) -> None: ...


def fill(url: str) -> None:
    """Something in every kind of row: answers, branches, marks, a device, a deleted session, hostile text."""
    with psycopg.connect(url, autocommit=True) as db:
        for name in ("ada", "bob"):
            user = new_user(db, name)
            session, other = new_session(db, user), new_session(db, user)
            add_messages(db, user, session, 300)
            db.execute(
                "INSERT INTO chat_messages (session_id, user_id, content, metadata) VALUES (%s, %s, %s, %s)",
                [
                    session,
                    user,
                    "tab\t\\. newline\n\\N ÄÖ 漢字 🙂 $$ SET transaction_timeout = 0;",
                    '{"a": [1]}',
                ],
            )
            db.execute(
                "UPDATE chat_sessions SET is_active = false, title = 'gone' WHERE session_id = %s", [other]
            )
            db.execute("INSERT INTO sign_ins (sign_in_id, user_id) VALUES (gen_random_uuid(), %s)", [user])


def content(url: str) -> dict[str, list[str]]:
    """{table: its rows as text, in order}; and what the schema is made of."""
    with psycopg.connect(url, autocommit=True) as db:
        tables = [row[0] for row in db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        found = {}
        for table in tables:
            rows = sql.SQL("SELECT t::text FROM {} AS t ORDER BY t::text").format(sql.Identifier(table))
            found[table] = [row[0] for row in db.execute(rows)]
        for name, query in {
            "functions": "SELECT proname || md5(prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
            "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
            "triggers": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
            "constraints": "SELECT conrelid::regclass || ' ' || conname || pg_get_constraintdef(oid)"
            " FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'",
            "sequences": "SELECT sequencename || coalesce(last_value, 0) FROM pg_sequences",
        }.items():
            # Told and read again, `a OR (b OR c)` may have lost its parentheses.
            found[f"({name})"] = sorted(re.sub(r"[()\s]", "", row[0]) for row in db.execute(query))
    return found


def test_every_table_comes_back_as_it_was(filled: str, empty: str, tmp_path: Path) -> None:
    before = content(filled)
    assert len(before["chat_messages"]) == 602
    file = tmp_path / "chat.backup"
    made = backup(filled, file, quiet)
    assert made.rows["chat_messages"] == 602
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
    restore(empty, file, quiet)
    assert content(empty) == before
    # What was restored can be written in, saved and restored again.
    with psycopg.connect(empty, autocommit=True) as db:
        add_messages(db, (user := new_user(db, "eve")), new_session(db, user), 3)
    again = content(empty)
    backup(empty, tmp_path / "second", quiet)
    restore(empty, tmp_path / "second", quiet, replace=True)
    assert content(empty) == again


def test_an_older_server_moves_to_a_newer_one(
    postgres15: EmbeddedPostgres, postgres18: EmbeddedPostgres, tmp_path: Path
) -> None:
    with new_database(postgres15, "migrated") as old, new_database(postgres18) as new:
        fill(old)
        backup(old, tmp_path / "chat.backup", quiet)
        restore(new, tmp_path / "chat.backup", quiet)
        assert content(new) == content(old)


def test_what_is_written_meanwhile_is_in_it_whole_or_not_at_all(
    filled: str, empty: str, tmp_path: Path
) -> None:
    with psycopg.connect(filled, autocommit=True) as db:
        before = content(filled)

        def writes(_: str) -> None:
            user = new_user(db, os.urandom(8).hex())
            add_messages(db, user, new_session(db, user), 5)

        backup(filled, tmp_path / "chat.backup", writes)
    assert content(filled) != before
    restore(empty, tmp_path / "chat.backup", quiet)
    assert content(empty) == before | {"(sequences)": content(empty)["(sequences)"]}


def test_a_database_with_rows_is_replaced_by_force_only(filled: str, tmp_path: Path) -> None:
    file = tmp_path / "chat.backup"
    backup(filled, file, quiet)
    before = content(filled)
    with psycopg.connect(filled, autocommit=True) as db:
        new_user(db, "late")
        db.execute("CREATE VIEW names AS SELECT username FROM users")
    changed = content(filled)
    with pytest.raises(BackupError, match="--force"):
        restore(filled, file, quiet)
    assert content(filled) == changed
    restore(filled, file, quiet, replace=True)
    assert content(filled) == before | {"(sequences)": content(filled)["(sequences)"]}


def test_a_restore_that_counts_other_rows_changes_nothing(filled: str, tmp_path: Path) -> None:
    backup(filled, tmp_path / "right", quiet)
    with zipfile.ZipFile(tmp_path / "right") as right, zipfile.ZipFile(tmp_path / "wrong", "w") as wrong:
        wrong.writestr("database.dump", right.read("database.dump"))
        manifest = right.read("manifest.json").replace(b'"chat_messages": 602', b'"chat_messages": 603')
        wrong.writestr("manifest.json", manifest)
    before = content(filled)
    with pytest.raises(BackupError, match="chat_messages: 602 rows instead of 603"):
        restore(filled, tmp_path / "wrong", quiet, replace=True)
    assert content(filled) == before


def test_a_damaged_file_is_refused(filled: str, tmp_path: Path) -> None:
    file = tmp_path / "chat.backup"
    backup(filled, file, quiet)
    whole = file.read_bytes()
    before = content(filled)
    middle = len(whole) // 3
    for damaged in (whole[:middle], whole[:middle] + b"XXXX" + whole[middle + 4 :], b"", b"no zip"):
        file.write_bytes(damaged)
        with pytest.raises(BackupError):
            restore(filled, file, quiet, replace=True)
    assert content(filled) == before


def test_no_half_file_is_left_of_a_backup_that_fails(empty: str, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="never migrated"):
        backup(empty, tmp_path / "chat.backup", quiet)
    assert not list(tmp_path.iterdir())


def test_the_commands_on_the_embedded_database_of_a_stopped_stack(
    tmp_path: Path, cluster_place: Path, monkeypatch: pytest.MonkeyPatch, postgres18: EmbeddedPostgres
) -> None:
    for name in os.environ:
        if name.startswith(("CHAT_", "HASURA_GRAPHQL_")):
            monkeypatch.delenv(name)
    file = tmp_path / "chat.backup"
    with new_database(postgres18, "migrated") as url:
        fill(url)
        before = content(url)
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("HASURA_GRAPHQL_DATABASE_URL", url)
            saved = CliRunner().invoke(app, ["backup", str(file)])
            assert saved.exit_code == 0, saved.stderr
            assert "chat_messages: 602 rows" in saved.stderr
            assert CliRunner().invoke(app, ["backup", str(file)]).exit_code == 1
    monkeypatch.setenv("CHAT_DATA_DIR", str(cluster_place))
    monkeypatch.setenv("CHAT_POSTGRES_PORT", str(free_port()))
    restored = CliRunner().invoke(app, ["restore", str(file)])
    assert restored.exit_code == 0, restored.stderr
    assert "restored and counted" in restored.stdout
    refused = CliRunner().invoke(app, ["restore", str(file)])
    assert (refused.exit_code, "--force" in refused.stderr) == (1, True)
    again = CliRunner().invoke(app, ["backup", str(tmp_path / "again")])
    assert again.exit_code == 0, again.stderr
    with new_database(postgres18) as url:
        restore(url, tmp_path / "again", quiet)
        assert content(url) == before
