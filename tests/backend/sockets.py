"""A client of the WebSocket API, as a test needs it: events by type, and how it ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import websockets
from websockets.asyncio.client import ClientConnection

from tests.backend.conftest import Person


class Client:
    """Events that `wait` passes over stay in `passed`, in order."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.passed: list[dict[str, Any]] = []

    async def send(self, type_: str, **members: Any) -> None:
        await self.connection.send(json.dumps({"type": type_, **members}, default=str))

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(60):
            event: dict[str, Any] = json.loads(await self.connection.recv())
        return event

    async def wait(self, type_: str, **members: Any) -> dict[str, Any]:
        """The next event of this type that has these members."""
        while True:
            event = await self.next()
            if event["type"] == type_ and members.items() <= event.items():
                return event
            self.passed.append(event)

    async def end(self) -> tuple[int, list[dict[str, Any]]]:
        """The close code, and the events before it."""
        events = []
        try:
            while True:
                events.append(await self.next())
        except websockets.ConnectionClosed as exc:
            return exc.rcvd.code if exc.rcvd else 1006, events


@asynccontextmanager
async def connected(
    api: httpx.AsyncClient, path: str, person: Person | None = None, **options: Any
) -> AsyncIterator[Client]:
    """A WebSocket of the served `api`; as `person` by the Authorization header."""
    url = f"ws{str(api.base_url).removeprefix('http')}{path}"
    headers = {} if person is None else person.headers
    options = {"close_timeout": 1, "compression": None} | options
    async with websockets.connect(url, additional_headers=headers, max_size=2**24, **options) as connection:
        yield Client(connection)


async def new_session(api: httpx.AsyncClient, person: Person) -> UUID:
    made = await api.post("/api/chat/sessions", json={}, headers=person.headers)
    return UUID(made.json()["session_id"])


async def refused(api: httpx.AsyncClient, path: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """The HTTP status and the problem that a handshake is refused with."""
    try:
        async with websockets.connect(
            f"ws{str(api.base_url).removeprefix('http')}{path}", additional_headers=headers
        ):
            raise AssertionError("it was accepted")
    except websockets.InvalidStatus as exc:
        return exc.response.status_code, json.loads(exc.response.body)
