"""Migrations run while old and new code serve: nobody waits for them, and nothing goes that the old code uses."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from backend import migrations
from backend.migrations import DIRECTORY, MigrationError, migrate

#: From here on a migration runs beside the release before it.
FIRST_ONLINE = "0013"
ONLINE = sorted(path for path in DIRECTORY.glob("*.sql") if path.stem >= FIRST_ONLINE)

#: What breaks the code that still runs, or holds a lock for as long as a table is large; and what to do instead.
DANGEROUS = {
    r"\bDROP\s+(TABLE|VIEW|COLUMN|TYPE|FUNCTION|TRIGGER|CONSTRAINT|INDEX)\b": "first a release that does without it",
    r"\bRENAME\b": "add the new one; drop the old one a release later",
    r"\bALTER\s+COLUMN\s+\w+\s+(SET\s+DATA\s+)?TYPE\b": "add a column, fill it in batches, then change over",
    r"\bSET\s+NOT\s+NULL\b": "a CHECK (… IS NOT NULL) NOT VALID, validated in the next migration",
    r"\bADD\s+(CONSTRAINT\s+\w+\s+)?(CHECK|FOREIGN\s+KEY)\b(?![^;]*NOT\s+VALID)": "NOT VALID, then VALIDATE",
    r"\bADD\s+(CONSTRAINT\s+\w+\s+)?(UNIQUE|PRIMARY\s+KEY|EXCLUDE)\b(?!\s+USING\s+INDEX)": "an index, made before",
    r"\bGENERATED\s+ALWAYS\s+AS\s*\([^;]*STORED": "it writes every row of the table anew",
    r"^(VACUUM\s+FULL|CLUSTER|TRUNCATE|LOCK\s+TABLE|REINDEX)\b": "not while others work",
}


def statements(text: str) -> list[str]:
    """Without comments, and without the bodies of functions."""
    text = re.sub(r"--[^\n]*", "", text)
    text = re.sub(r"(\$\w*\$).*?\1", "''", text, flags=re.DOTALL)
    return [" ".join(each.split()) for each in text.split(";") if each.strip()]


def objections(text: str, before: set[str]) -> list[str]:
    """What of a migration may not run beside the release before it; ``before`` are the tables that it finds."""
    found = []
    for statement in statements(text):
        made = re.match(r"CREATE TABLE (IF NOT EXISTS )?(\w+)", statement, re.IGNORECASE)
        if made:
            continue
        for pattern, instead in DANGEROUS.items():
            if re.search(pattern, statement, re.IGNORECASE):
                found.append(f"{statement[:80]}: {instead}")
        # docs/upgrading.md: it was made CONCURRENTLY before, where the table is large.
        index = re.match(r"CREATE (UNIQUE )?INDEX (?!IF NOT EXISTS).* ON (\w+)", statement, re.IGNORECASE)
        if index and index[2] in before:
            found.append(f"{statement[:80]}: IF NOT EXISTS, and the command for before in docs/upgrading.md")
        every_row = re.match(r"(UPDATE|DELETE FROM) (\w+)", statement, re.IGNORECASE)
        if every_row and every_row[2] in before:
            found.append(f"{statement[:80]}: in batches, by the code that needs it")
    return found


def tables(files: list[Path]) -> set[str]:
    return {
        name
        for file in files
        for name in re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", file.read_text())
    }


@pytest.mark.parametrize("file", ONLINE, ids=lambda file: file.stem)
def test_a_migration_takes_nothing_away_and_holds_no_lock_for_long(file: Path) -> None:
    before = tables([each for each in DIRECTORY.glob("*.sql") if each.stem < file.stem])
    assert objections(file.read_text(), before) == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE users DROP COLUMN role",
        "ALTER TABLE users RENAME COLUMN role TO roles",
        "ALTER TABLE users ALTER COLUMN role TYPE varchar(9)",
        "ALTER TABLE users ALTER role SET NOT NULL",
        "ALTER TABLE users ADD CONSTRAINT short CHECK (length(role) < 9)",
        "ALTER TABLE users ADD CONSTRAINT one UNIQUE (role)",
        "CREATE INDEX by_role ON users (role)",
        "UPDATE users SET role = 'user'",
    ],
)
def test_what_is_dangerous_is_found(statement: str) -> None:
    assert objections(f"-- a comment\n{statement};", {"users"})


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE users ADD COLUMN shoe_size integer",
        "ALTER TABLE users ADD CONSTRAINT short CHECK (length(role) < 9) NOT VALID",
        "CREATE TABLE shoes (id bigint PRIMARY KEY, size integer NOT NULL CHECK (size > 0))",
        "CREATE INDEX IF NOT EXISTS by_role ON users (role)",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DELETE FROM users $$",
    ],
)
def test_what_is_harmless_is_let_through(statement: str) -> None:
    assert objections(f"{statement};", {"users"}) == []


def column(directory: Path) -> Path:
    for file in DIRECTORY.glob("*.sql"):
        (directory / file.name).write_text(file.read_text())
    last = max(path.stem for path in DIRECTORY.glob("*.sql"))
    (directory / "9999_more.sql").write_text(
        f"-- depends: {last}\nALTER TABLE users ADD COLUMN shoe_size integer;"
    )
    return directory


def test_a_migration_that_must_wait_lets_others_pass_and_comes_again(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_WITHIN_MS", 100)
    directory, passed = column(tmp_path), 0
    ended = threading.Event()
    with (
        psycopg.connect(url) as holder,
        psycopg.connect(url, autocommit=True) as other,
        ThreadPoolExecutor() as pool,
    ):
        holder.execute("LOCK TABLE users IN ROW EXCLUSIVE MODE")  # as any writer does
        migrating = pool.submit(migrate, url, directory)
        migrating.add_done_callback(lambda _: ended.set())
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            other.execute("SET lock_timeout = '10s'")
            other.execute("SELECT count(*) FROM users")
            passed += 1
        assert not ended.is_set()
        holder.commit()
        assert migrating.result(timeout=60) == ["9999_more"]
    assert passed > 3


def test_a_lock_that_never_comes_is_said(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "LOCK_WITHIN_MS", 50)
    monkeypatch.setattr(migrations, "LOCKED_FOR", 0.5)
    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE users IN ROW EXCLUSIVE MODE")
        with pytest.raises(MigrationError, match="9999_more failed"):
            migrate(url, column(tmp_path))
