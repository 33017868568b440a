"""The real thing: PostgreSQL, the GraphQL engine as a process, and the app in process or behind a server."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from backend.embedded_postgres import EmbeddedPostgres
from backend.main import create_app
from backend.protocols import HttpProtocol, WebSocketProtocol
from backend.services.hasura_client import HasuraClient
from backend.services.tokens import Tokens
from backend.settings import Settings
from tests.conftest import free_port, make_user, new_database

ROOT = Path(__file__).resolve().parent.parent.parent
JWT_SECRET = json.dumps({"type": "HS256", "key": secrets.token_hex(32)})
ADMIN_SECRET = secrets.token_hex(16)
PASSWORD = "correct horse battery"


def settings_for(database_url: str, graphql_url: str, **changes: Any) -> Settings:
    return Settings(
        database_url=database_url,
        graphql_url=graphql_url,
        jwt_secret=JWT_SECRET,
        login_attempts_per_address=100_000,
        **changes,
    )


@contextmanager
def engine_process(database_url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m hasura.engine`, ready; killed afterwards if the test has not done so."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("HASURA_", "CHAT_"))
    }
    environment |= {
        "HASURA_GRAPHQL_DATABASE_URL": database_url,
        "HASURA_GRAPHQL_SERVER_HOST": "127.0.0.1",
        "HASURA_GRAPHQL_SERVER_PORT": str(port),
        "HASURA_GRAPHQL_METADATA_DIR": str(ROOT / "hasura" / "metadata"),
        "HASURA_GRAPHQL_ADMIN_SECRET": ADMIN_SECRET,
        "HASURA_GRAPHQL_JWT_SECRET": JWT_SECRET,
    }
    process = subprocess.Popen([sys.executable, "-m", "hasura.engine"], cwd=ROOT, env=environment)
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/healthz", process)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            pytest.fail(f"the engine ended with {process.returncode} before it was ready")
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail("the engine was not ready in 30 s")


@pytest.fixture(scope="session")
def backend_database(postgres18: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    """One database for the session's engine; tests make users of their own in it."""
    with new_database(postgres18, migrated_template) as url:
        yield url


@pytest.fixture(scope="session")
def graphql_url(backend_database: str) -> Iterator[str]:
    port = free_port()
    with engine_process(backend_database, port):
        yield f"http://127.0.0.1:{port}/v1/graphql"


@pytest.fixture(scope="session")
def tokens() -> Tokens:
    return Tokens(settings_for("postgresql://", "http://127.0.0.1:1/").jwt_secret)


@pytest.fixture(scope="session")
async def hasura(graphql_url: str) -> AsyncIterator[HasuraClient]:
    async with HasuraClient(graphql_url) as client:
        yield client


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The app in process, its lifespan on."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api") as api,
    ):
        yield api


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The app behind a real server on a real socket: for streams and hang-ups."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
            # As `python -m backend` does.
            http=HttpProtocol,
            ws=WebSocketProtocol,
            ws_per_message_deflate=False,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:  # noqa: ASYNC110  uvicorn offers no event
            await asyncio.sleep(0.01)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30
        ) as api:
            yield api
    finally:
        server.should_exit = True
        await task


@pytest.fixture(scope="session")
async def api(backend_database: str, graphql_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """The whole API over the real stack, with the offline assistant."""
    async with running(create_app(settings_for(backend_database, graphql_url))) as client:
        yield client


@pytest.fixture(scope="session")
async def accounts_api(backend_database: str) -> AsyncIterator[httpx.AsyncClient]:
    """The API where GraphQL is away: for what needs only the database."""
    async with running(
        create_app(settings_for(backend_database, f"http://127.0.0.1:{free_port()}/v1/graphql"))
    ) as c:
        yield c


@dataclass(frozen=True)
class Person:
    id: UUID
    username: str
    access_token: str
    refresh_token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}


async def register(api: httpx.AsyncClient, name: str = "user") -> Person:
    """A new account, signed in; `name` gets a random end."""
    username = f"{name}-{secrets.token_hex(4)}"
    answer = await api.post("/auth/register", json={"username": username, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    body = answer.json()
    return Person(UUID(body["user"]["id"]), username, body["access_token"], body["refresh_token"])


def _person(database_url: str, tokens: Tokens, name: str) -> Person:
    username = f"{name}-{secrets.token_hex(4)}"
    user_id = make_user(database_url, username)
    return Person(user_id, username, tokens.access(user_id, "user"), "")


@pytest.fixture
def ada(backend_database: str, tokens: Tokens) -> Person:
    """Somebody with an access token, who never signs in."""
    return _person(backend_database, tokens, "ada")


@pytest.fixture
def bob(backend_database: str, tokens: Tokens) -> Person:
    return _person(backend_database, tokens, "bob")


def assert_problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """RFC 9457, whole: shape, media type, and the trace id that the headers name too."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"] == f"urn:chat-sessions:problem:{slug}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["trace_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    return body
