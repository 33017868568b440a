"""A real engine for the tests: the ASGI application under uvicorn on a free port, over a real PostgreSQL."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import jwt
import pytest
import uvicorn
import websockets
from websockets.asyncio.client import ClientConnection

from hasura.engine.auth.jwt_config import JwtConfig
from hasura.engine.serve.app import create_app
from hasura.engine.serve.engine import Engine
from hasura.engine.serve.http_wire import HttpWire
from hasura.engine.serve.ws_wire import Wire
from hasura.engine.settings import Settings
from tests.conftest import free_port
from tests.engine.bookshop import bookshop, bookshop_template  # noqa: F401 (fixtures)
from tests.engine.served import chat, desk, library_template, shelf  # noqa: F401 (fixtures)

METADATA = Path(__file__).parents[2] / "hasura" / "metadata"
ADMIN_SECRET = "the admin secret of the tests"
JWT_KEY = "a key of the tests, at least thirty-two bytes"
ADMIN = {"x-hasura-admin-secret": ADMIN_SECRET}


def user_token(user_id: UUID | str, *, seconds: float = 900, **claims: Any) -> str:
    """A token of role `user`, as the backend signs them."""
    now = time.time()
    hasura = {
        "x-hasura-default-role": "user",
        "x-hasura-allowed-roles": ["user"],
        "x-hasura-user-id": str(user_id),
    }
    payload = {
        "sub": str(user_id),
        "iat": int(now),
        "exp": now + seconds,
        "https://hasura.io/jwt/claims": hasura,
    }
    return jwt.encode({**payload, **claims}, JWT_KEY, "HS256")


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


class RunningEngine:
    """The engine of a test, and its clients."""

    def __init__(self, engine: Engine, port: int, client: httpx.AsyncClient) -> None:
        self.engine = engine
        self.port = port
        self.client = client

    async def graphql(
        self, query: str, variables: dict[str, Any] | None = None, headers: dict[str, str] = ADMIN
    ) -> dict[str, Any]:
        answer = await self.client.post(
            "/v1/graphql", json={"query": query, "variables": variables or {}}, headers=headers
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def metadata(self, headers: dict[str, str] = ADMIN, **command: Any) -> httpx.Response:
        return await self.client.post("/v1/metadata", json=command, headers=headers)

    async def healthy(self) -> None:
        """Returns when the engine serves."""
        async with asyncio.timeout(20):
            while (await self.client.get("/healthz")).text == "ERROR":  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    @contextlib.asynccontextmanager
    async def socket(self, subprotocol: str = "graphql-transport-ws") -> AsyncIterator["Socket"]:
        url = f"ws://127.0.0.1:{self.port}/v1/graphql"
        async with websockets.connect(url, subprotocols=[subprotocol]) as connection:  # type: ignore[list-item]
            yield Socket(connection, subprotocol)


class Socket:
    """A client of either WebSocket protocol that leaves keep-alives out of what it hears."""

    def __init__(self, connection: ClientConnection, subprotocol: str) -> None:
        self.connection = connection
        self.modern = subprotocol == "graphql-transport-ws"
        self.start, self.stop, self.data = (
            ("subscribe", "complete", "next") if self.modern else ("start", "stop", "data")
        )

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def init(self, headers: dict[str, str] = ADMIN) -> "Socket":
        await self.send(type="connection_init", payload={"headers": headers})
        assert await self.receive() == {"type": "connection_ack"}
        return self

    async def subscribe(
        self, query: str, variables: dict[str, Any] | None = None, operation: str = "1"
    ) -> None:
        await self.send(id=operation, type=self.start, payload={"query": query, "variables": variables or {}})

    async def receive(self, seconds: float = 10) -> dict[str, Any]:
        async with asyncio.timeout(seconds):
            while True:
                message: dict[str, Any] = json.loads(await self.connection.recv())
                if message["type"] not in ("ka", "ping"):
                    return message

    async def news(self) -> Any:
        """The data of the next message, which is one."""
        message = await self.receive()
        assert message["type"] == self.data, message
        return message["payload"]["data"]

    async def silence(self, seconds: float = 0.3) -> None:
        with pytest.raises(TimeoutError):
            pytest.fail(f"unexpected: {await self.receive(seconds)}")

    async def closed(self) -> tuple[int | None, str | None]:
        """Waits for the server to close; code and reason."""
        async with asyncio.timeout(10):
            await self.connection.wait_closed()
        return self.connection.close_code, self.connection.close_reason


async def until(holds: Callable[[], bool]) -> None:
    """Returns when it holds; nobody tells of it otherwise."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are pytest's."""
        yield


@contextlib.asynccontextmanager
async def running_engine(
    database_url: str, *, wait: bool = True, **settings: Any
) -> AsyncIterator[RunningEngine]:
    """An engine with the project's metadata, an admin secret and HS256 tokens, unless told otherwise."""
    given = {
        "database_url": database_url,
        "metadata_dir": METADATA,
        "HASURA_GRAPHQL_ADMIN_SECRET": ADMIN_SECRET,
        "jwt_secret": JwtConfig(type="HS256", key=JWT_KEY),
        **settings,
    }
    app = create_app(Settings(**given))
    port = free_port()
    server = _Server(
        uvicorn.Config(
            app,
            port=port,
            http=HttpWire,
            ws=Wire,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=2,
            log_config=None,
        )
    )
    serving = asyncio.create_task(server.serve())
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        running = RunningEngine(app.state.engine, port, client)
        databases = app.state.engine.databases
        tracked = frozenset({("public", "users")}) if "metadata_dir" not in settings else frozenset()
        await until(lambda: server.started)
        if wait:
            await until(
                lambda: databases["default"].live._feed.announces(tracked) if tracked else server.started
            )
            await running.healthy()
        try:
            yield running
        finally:
            server.should_exit = True
            await serving


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[RunningEngine]:
    """An engine over a fresh database. Polling is off for all practical purposes: only a wake-up refreshes."""
    async with running_engine(
        database_url,
        live_queries_multiplexed_refetch_interval=60_000,
        streaming_queries_multiplexed_refetch_interval=60_000,
    ) as running:
        yield running


class Cable:
    """The network between an engine and its database: a TCP proxy that can be unplugged."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = free_port()

    async def plug_in(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def unplug(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._target)
        self._writers |= {writer, there_writer}

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(65536):
                    target.write(data)
                    await target.drain()
            target.close()

        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))
        self._writers -= {writer, there_writer}


@pytest.fixture
async def cable(database_url: str) -> AsyncIterator[tuple[Cable, str]]:
    """An unplugged cable to the database, and the database's URL through it."""
    parts = urlsplit(database_url)
    assert parts.hostname
    assert parts.port
    cable = Cable(parts.hostname, parts.port)
    yield cable, database_url.replace(f":{parts.port}/", f":{cable.port}/")
    await cable.unplug()
