"""`migrate`, `token` and `doctor` against a database, with no stack around it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import jwt
import psycopg
import pytest
from typer.testing import CliRunner

from backend.cli import app
from backend.embedded_postgres import EmbeddedPostgres
from backend.migrations import expected_version
from tests.conftest import free_port, make_user, new_database

KEY = "k" * 48


@pytest.fixture(autouse=True)
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("CHAT_", "HASURA_GRAPHQL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CHAT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CHAT_GRAPHQL_PORT", str(free_port()))
    monkeypatch.setenv("HASURA_GRAPHQL_JWT_SECRET", json.dumps({"type": "HS256", "key": KEY}))


@pytest.fixture
def migrated(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HASURA_GRAPHQL_DATABASE_URL", database_url)
    return database_url


@pytest.fixture
def empty(postgres18: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with new_database(postgres18) as url:
        monkeypatch.setenv("HASURA_GRAPHQL_DATABASE_URL", url)
        yield url


def run(*arguments: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr)."""
    done = CliRunner().invoke(app, arguments)
    return done.exit_code, done.stdout, done.stderr


def findings(output: str) -> dict[str, tuple[str, str]]:
    """{subject: (ok, note or wrong, text)}."""
    found = {}
    for line in output.splitlines():
        if line.startswith(" "):
            continue
        mark, _, rest = line.partition("  ")
        subject, _, text = rest.strip().partition(": ")
        found[subject] = (mark.strip(), text)
    return found


def test_migrate_says_what_it_applied_and_the_second_time_nothing(empty: str) -> None:
    code, first, _ = run("migrate")
    assert code == 0
    assert f"applied {expected_version()}" in first
    assert run("migrate") == (0, f"the schema is at {expected_version()}\n", "")


def test_a_token_is_one_that_hasura_would_accept_and_says_what_it_is(migrated: str) -> None:
    user = make_user(migrated, "Ada")
    code, output, warning = run("token", "ada")
    assert code == 0
    claims = jwt.decode(output.strip(), KEY, algorithms=["HS256"], issuer="chat-sessions")
    assert claims["sub"] == str(user)
    hasura = claims["https://hasura.io/jwt/claims"]
    assert hasura["x-hasura-user-id"] == str(user)
    assert hasura["x-hasura-allowed-roles"] == ["user"]
    assert claims["exp"] - claims["iat"] == 15 * 60
    assert "no password was checked" in warning


def test_a_token_is_refused_for_nobody(migrated: str) -> None:
    code, output, error = run("token", "nobody")
    assert (code, output) == (1, "")
    assert "there is no user 'nobody'" in error


def test_a_token_is_refused_for_a_database_on_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASURA_GRAPHQL_DATABASE_URL", "postgresql://chat:secret@db.example/chat")
    code, output, error = run("token", "ada")
    assert (code, output) == (1, "")
    assert "for development only" in error
    assert "secret" not in error


@pytest.mark.parametrize(
    "secret", ["", "not json", '{"type":"RS256","key":"public"}', '{"type":"HS256","key":"short"}']
)
def test_a_token_is_refused_without_a_key_to_sign_with(
    migrated: str, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("HASURA_GRAPHQL_JWT_SECRET", secret)
    code, output, error = run("token", "ada")
    assert (code, output) == (1, "")
    assert "HASURA_GRAPHQL_JWT_SECRET" in error


def test_a_token_is_refused_before_the_first_migration(empty: str) -> None:
    assert "chat-sessions migrate" in run("token", "ada")[2]


def test_the_admin_secret_is_printed_once_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    code, output, error = run("admin-secret")
    assert (code, output) == (1, "")
    assert "make up" in error
    monkeypatch.setenv("HASURA_GRAPHQL_ADMIN_SECRET", "open sesame")
    assert run("admin-secret") == (0, "open sesame\n", "")


def test_doctor_finds_a_healthy_database_and_a_missing_graphql(migrated: str) -> None:
    code, output, _ = run("doctor")
    found = findings(output)
    assert code == 1
    marks = {subject: mark for subject, (mark, _) in found.items()}
    # The settings of these tests: no engine, no API, a key of one letter and no admin secret.
    assert {subject for subject, mark in marks.items() if mark == "wrong"} == {"GraphQL", "API", "secrets"}
    assert {subject for subject, mark in marks.items() if mark == "note"} == {"audit log"}
    assert {"database", "schema", "message counts", "statements", "clock"} <= marks.keys()


def test_doctor_tells_a_program_the_same(migrated: str) -> None:
    code, output, said = run("doctor", "--json")
    told = json.loads(output)
    assert (code, told["ok"], said) == (1, False, "")
    by_subject = {each["subject"]: each for each in told["findings"]}
    assert by_subject["schema"]["level"] == "ok"
    assert "is the stack running?" in by_subject["GraphQL"]["text"]
    assert any("HASURA_GRAPHQL_JWT_SECRET" in line for line in by_subject["secrets"]["details"])


def test_doctor_says_that_the_schema_is_missing(empty: str) -> None:
    code, output, _ = run("doctor")
    assert code == 1
    assert findings(output)["schema"][0] == "wrong"
    assert "chat-sessions migrate" in findings(output)["schema"][1]


def test_doctor_finds_drifted_counts_and_repairs_them_when_asked(migrated: str) -> None:
    user = make_user(migrated, "ada")
    with psycopg.connect(migrated, autocommit=True) as db:
        db.execute("INSERT INTO chat_sessions (user_id) SELECT %s FROM generate_series(1, 3)", [user])
        db.execute(
            "INSERT INTO chat_messages (session_id, user_id, content)"
            " SELECT session_id, user_id, 'hi' FROM chat_sessions"
        )
        db.execute("UPDATE chat_sessions SET total_messages = 7 WHERE id % 3 <> 0")
        assert findings(run("doctor")[1])["message counts"][0] == "wrong"
        assert "wrong in 2 sessions" in run("doctor")[1]
        assert "repaired in 2 sessions" in run("doctor", "--repair")[1]
        assert findings(run("doctor")[1])["message counts"][0] == "ok"
        assert db.execute("SELECT DISTINCT total_messages FROM chat_sessions").fetchall() == [(1,)]


def test_no_command_shows_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"postgresql://chat:the-password@127.0.0.1:{free_port()}/chat"
    monkeypatch.setenv("HASURA_GRAPHQL_DATABASE_URL", url)
    for command in (["migrate"], ["token", "ada"], ["doctor"]):
        code, output, error = run(*command)
        assert code == 1
        assert "the-password" not in output + error
        assert "Traceback" not in output + error
