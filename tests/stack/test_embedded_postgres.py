"""The embedded PostgreSQL: who may use it, and every way in which a start can go wrong."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest

from backend.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from backend.postgres_account import ACCOUNT
from tests.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A data directory of version 18 that nobody uses, to copy from: `initdb` is the slow part of a start."""
    directory = Path(tempfile.mkdtemp(prefix="chat-tests-"))
    with EmbeddedPostgres(directory / "postgres", free_port(), "secret", durable=False).running():
        pass
    yield directory / "postgres"
    shutil.rmtree(directory)


@pytest.fixture
def place(cluster_place: Path) -> Path:
    """Like a root home: nobody else may enter it."""
    return cluster_place


@pytest.fixture
def server(made: Path, place: Path) -> EmbeddedPostgres:
    copied = place / "postgres"
    shutil.copytree(made, copied)
    owner = made.stat()
    for path in (copied, *copied.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    return EmbeddedPostgres(copied, free_port(), "secret", durable=False)


def refusal(server: EmbeddedPostgres) -> str:
    """What a person reads, which is one line."""
    with pytest.raises(EmbeddedPostgresError) as error, server.running():
        pass
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_new_cluster_is_private_and_durable(place: Path) -> None:
    server = EmbeddedPostgres(place / "deep" / "down" / "postgres", free_port(), secrets.token_hex(8))
    with server.running():
        data = server.data_dir.stat()
        assert data.st_mode & 0o777 == 0o700
        assert (data.st_uid == 0) is False
        with psycopg.connect(server.url("postgres")) as db:
            shown = [
                db.execute(f"SHOW {name}").fetchone()
                for name in ("fsync", "synchronous_commit", "listen_addresses")
            ]
    assert shown == [("on",), ("on",), ("127.0.0.1",)]
    assert not (server.data_dir / "postmaster.pid").exists()


@pytest.mark.parametrize("password", ["", "wrong"])
def test_nobody_enters_without_the_password(server: EmbeddedPostgres, password: str) -> None:
    with server.running(), pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url("postgres", password=password))


def test_the_owner_of_the_database_is_no_superuser_and_keeps_it_over_starts(server: EmbeddedPostgres) -> None:
    for _ in range(2):
        with server.running():
            url = server.ensure_database("chat", "chat", "first")
            with psycopg.connect(url) as db:
                db.execute("CREATE TABLE IF NOT EXISTS kept ()")
                assert db.execute(
                    "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = 'chat'"
                ).fetchone() == (
                    False,
                    False,
                )
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    db.execute("COPY kept TO PROGRAM 'true'")


def test_a_new_password_of_the_owner_replaces_the_old_one(server: EmbeddedPostgres) -> None:
    with server.running():
        server.ensure_database("chat", "chat", "first")
        psycopg.connect(server.ensure_database("chat", "chat", "second")).close()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url("chat", "chat", "first"))


def test_a_taken_port_is_named_with_its_setting(server: EmbeddedPostgres) -> None:
    with socket.create_server(("127.0.0.1", server.port)):
        assert f"port {server.port}" in refusal(server)
        assert "CHAT_POSTGRES_PORT" in refusal(server)


def test_a_data_directory_of_another_version_is_refused_by_both_numbers(server: EmbeddedPostgres) -> None:
    (server.data_dir / "PG_VERSION").write_text("15\n")
    said = refusal(server)
    assert "PostgreSQL 15" in said
    assert "PostgreSQL 18" in said
    assert "CHAT_DATA_DIR" in said


def test_a_data_directory_in_use_is_refused(server: EmbeddedPostgres) -> None:
    with server.running():
        other = EmbeddedPostgres(server.data_dir, free_port(), "secret")
        assert "already runs" in refusal(other)
        psycopg.connect(server.url("postgres")).close()


def test_another_superuser_password_than_the_clusters_is_said(server: EmbeddedPostgres) -> None:
    other = EmbeddedPostgres(server.data_dir, server.port, "not the one", durable=False)
    assert "password does not open the database" in refusal(other)
    assert "not the one" not in refusal(other)


def test_a_file_where_the_data_directory_should_be_is_said(place: Path) -> None:
    (place / "file").write_text("")
    said = refusal(EmbeddedPostgres(place / "file" / "postgres", free_port(), "secret"))
    assert "CHAT_DATA_DIR" in said


def test_a_pid_file_that_a_crash_has_left_does_not_stop_a_start(server: EmbeddedPostgres) -> None:
    # Our own number: a process that lives and is not PostgreSQL.
    (server.data_dir / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data_dir}\n")
    with server.running():
        psycopg.connect(server.url("postgres")).close()


def test_an_initdb_that_was_killed_half_way_is_begun_again(place: Path) -> None:
    server = EmbeddedPostgres(place / "postgres", free_port(), "secret", durable=False)
    (place / "postgres.new" / "base").mkdir(parents=True)
    with server.running():
        psycopg.connect(server.url("postgres")).close()


def test_a_start_after_the_launcher_was_killed_recovers_what_was_committed(server: EmbeddedPostgres) -> None:
    program = f"""
import subprocess, time
from pathlib import Path
from backend.embedded_postgres import EmbeddedPostgres
with EmbeddedPostgres(Path({str(server.data_dir)!r}), {server.port}, "secret").running(subprocess.DEVNULL):
    print("ready", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE) as launcher:
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == b"ready\n"
        with psycopg.connect(server.url("postgres"), autocommit=True) as db:
            db.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        launcher.send_signal(signal.SIGKILL)
    orphan = int((server.data_dir / "postmaster.pid").read_text().split()[0])
    assert psutil.pid_exists(orphan)
    with server.running() as process, psycopg.connect(server.url("postgres")) as db:
        assert process.pid != orphan
        assert not psutil.pid_exists(orphan)
        assert db.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_start_after_the_server_was_killed_recovers_what_was_committed(server: EmbeddedPostgres) -> None:
    server = replace(server, durable=True)
    with server.running() as process:
        with psycopg.connect(server.url("postgres"), autocommit=True) as db:
            db.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        process.kill()
        process.wait()
    with server.running(), psycopg.connect(server.url("postgres")) as db:
        assert db.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_stopping_does_not_wait_for_clients(server: EmbeddedPostgres) -> None:
    with contextlib.ExitStack() as clients:
        with server.running() as process:
            client = clients.enter_context(psycopg.connect(server.url("postgres")))
            client.execute("SELECT 1")
        assert process.returncode == 0
        clients.pop_all()


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")


@needs_root
def test_root_hands_over_to_an_account_without_opening_its_directories_to_others(
    server: EmbeddedPostgres,
) -> None:
    home = server.data_dir.parent
    home.chmod(0o700)
    with server.running() as process:
        assert psutil.Process(process.pid).username() == ACCOUNT
        assert home.stat().st_mode & 0o007 == 0
        denied = subprocess.run(
            ["/usr/bin/env", "test", "-x", str(home)],
            user="nobody",
            group=65534,
            extra_groups=[],
            cwd="/",
            check=False,
        )
    assert denied.returncode == 1


@needs_root
def test_the_secrets_of_the_environment_do_not_reach_the_server(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HASURA_GRAPHQL_ADMIN_SECRET", "very secret")
    with server.running() as process:
        assert "HASURA_GRAPHQL_ADMIN_SECRET" not in psutil.Process(process.pid).environ()


def test_its_log_has_neither_values_nor_rows(server: EmbeddedPostgres, place: Path) -> None:
    with (place / "log").open("w+b") as log, server.running(output=log.fileno()):
        with psycopg.connect(server.url("postgres"), autocommit=True) as db:
            db.execute("CREATE TABLE t (a text CHECK (a = ''))")
            with pytest.raises(psycopg.errors.CheckViolation, match="canary"):
                db.execute("INSERT INTO t VALUES ('canary')")
            with pytest.raises(psycopg.errors.InvalidTextRepresentation, match="canary"):
                db.execute("SELECT 'canary'::int")
        told = (place / "log").read_text()
    assert "ready to accept connections" in told
    assert "canary" not in told
