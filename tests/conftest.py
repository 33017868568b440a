"""Real PostgreSQL for every test: one cluster a session, one database a test, cloned from a template."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql
from xdist.scheduler.loadscope import LoadScopeScheduling

from backend.embedded_postgres import EmbeddedPostgres
from backend.migrations import migrate

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("default", deadline=None)
settings.load_profile("default")
#: `pytest --hypothesis-profile=thorough`
settings.register_profile("thorough", max_examples=2000, deadline=None)

DEBIAN_POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")
_TEMPLATE = "migrated"
_OWNER, _PASSWORD = "chat", "chat-of-the-tests"


def free_port() -> int:
    """A port below those that the system gives to outgoing connections: one of these may take any of them meanwhile."""
    while True:
        port = secrets.randbelow(10_000) + 21_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def make_user(database_url: str, name: str) -> UUID:
    """A row in users (whose password nobody knows), for tests that do not sign in."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        row = connection.execute(
            "INSERT INTO users (username, password_hash, display_name) VALUES (%s, '!', %s) RETURNING id",
            [name, name],
        ).fetchone()
    assert row is not None
    return row[0]


BROWSER_TESTS = ("tests/console/", "tests/e2e/", "tests/webapp/")
#: These start a whole stack, or look at all processes of one: one worker runs them, one after the other.
IN_ONE_WORKER = ("tests/e2e/", "tests/faults/", "tests/load/", "tests/stack/")


class Together(LoadScopeScheduling):
    """With `-n`: the tests of a file share a database or an engine, those of some folders more than that."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((folder for folder in IN_ONE_WORKER if file.startswith(folder)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: what is left at the end is short."""
    items.sort(key=lambda item: item.path.parent.name != "e2e")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a browser test that did not run is a failure: nobody reads the list of skipped tests."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") != "true" or reporter is None:
        return
    skipped = [report.nodeid for report in reporter.stats.get("skipped", [])]
    for node in (node for node in skipped if node.startswith(BROWSER_TESTS)):
        reporter.write_line(f"CI: the browser test {node} was skipped", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def tool(name: str) -> str:
    """The path of a program of Debian's prometheus packages; a skip where there is none, under CI a failure."""
    found = shutil.which(name)
    if found is None:
        hint = "apt-get install --no-install-recommends prometheus prometheus-postgres-exporter"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is missing: {hint}")
        pytest.skip(f"no {name} on this machine (Debian: {hint})")
    return found


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path, for Playwright's `executable_path`; a skip where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium)")
    return found


@contextmanager
def new_database(cluster: EmbeddedPostgres, template: str = "template1") -> Iterator[str]:
    """A database of the role `chat` (no superuser, as in production), dropped afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
        connection.execute(create.format(*map(sql.Identifier, (name, _OWNER, template))))
        try:
            yield cluster.url(name, _OWNER, _PASSWORD)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _cluster(binaries: Path | None) -> Iterator[EmbeddedPostgres]:
    directory = Path(tempfile.mkdtemp(prefix="chat-tests-"))
    cluster = EmbeddedPostgres(
        directory / "postgres", free_port(), secrets.token_hex(16), binaries=binaries, durable=False
    )
    try:
        with (directory / "log").open("wb") as log, cluster.running(output=log):
            migrate(cluster.ensure_database(_TEMPLATE, _OWNER, _PASSWORD))
            yield cluster
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def postgres18() -> Iterator[EmbeddedPostgres]:
    """The embedded cluster, as `make up` runs it; its database `migrated` holds the whole schema."""
    with _cluster(None) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgres15() -> Iterator[EmbeddedPostgres]:
    """The version of the compose deployment, from Debian's package."""
    if not (DEBIAN_POSTGRES_15 / "postgres").exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"PostgreSQL 15 is missing in {DEBIAN_POSTGRES_15}: apt-get install postgresql-15")
        pytest.skip(f"no PostgreSQL 15 in {DEBIAN_POSTGRES_15} (apt-get install postgresql-15)")
    with _cluster(DEBIAN_POSTGRES_15) as cluster:
        yield cluster


@pytest.fixture
def cluster_place() -> Iterator[Path]:
    """Where a test makes a cluster of its own. Not `tmp_path`: each pytest that starts on this machine closes
    the parent of all of these (`TempPathFactory.getbasetemp`), also to the account that PostgreSQL runs as."""
    directory = Path(tempfile.mkdtemp(prefix="chat-tests-"))
    yield directory
    shutil.rmtree(directory)


@dataclass
class RedisServer:
    """A Redis of the test's own, which it may end and start again; it forgets everything meanwhile."""

    binary: str
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([self.binary, *options], stdout=subprocess.DEVNULL, cwd="/")
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        pytest.fail("Redis did not start in 5 s")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def _redis() -> Iterator[RedisServer]:
    binary = shutil.which("redis-server")
    if binary is None:
        if os.environ.get("CI") == "true":
            pytest.fail("redis-server is missing: apt-get install redis-server")
        pytest.skip("no redis-server on this machine (Debian: apt install redis-server)")
    server = RedisServer(binary, free_port())
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A real Redis, from Debian's package."""
    with _redis() as server:
        yield server


@pytest.fixture(scope="module")
def shared_redis_server() -> Iterator[RedisServer]:
    """The same for a module's tests together, which leave it running."""
    with _redis() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_template(postgres18: EmbeddedPostgres) -> str:
    """The name of the template database that `database_url` is cloned from."""
    return _TEMPLATE


@pytest.fixture
def database_url(postgres18: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    """A fresh, migrated database: `postgresql://…`, as the role that owns it."""
    with new_database(postgres18, migrated_template) as url:
        yield url
