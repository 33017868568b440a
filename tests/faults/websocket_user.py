"""Somebody's program on the WebSocket API: sends, and keeps what it hears; comes back with its cursor."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.faults.account import PAUSE, SILENCE, Account

if TYPE_CHECKING:
    import random

    from tests.faults.ledger import Ledger


class WebSocketUser:
    """Sends one message after the other; each is sent again until it is acknowledged."""

    def __init__(self, account: Account, ledger: Ledger, chance: random.Random) -> None:
        self.account = account
        #: What this client holds of its session by now, from events alone.
        self.messages: dict[str, dict[str, Any]] = {}
        self._ledger = ledger
        self._chance = chance
        self._cursor = ""
        self._acknowledged = asyncio.Event()
        self._waiting: dict[str, Any] | None = None
        self._connection: ClientConnection | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Until told to stop."""
        await self.account.make()
        number = 0
        while not stopping.is_set():
            number += 1
            await self._say(f"{self.account.name} says {number}")
            await asyncio.sleep(self._chance.uniform(0.2, 1.5))

    async def listen(self) -> None:
        """Until it is cancelled: connects again and again, and goes on where it was."""
        await self.account.made.wait()
        while True:
            try:
                await self._listen_once()
            except (OSError, WebSocketException, TimeoutError) as error:
                self._connection = None
                if not (isinstance(error, ConnectionClosed) and error.rcvd and error.rcvd.code == 1012):
                    self._ledger.setbacks.append(f"WebSocket: {error!r}")
                self._ledger.resumed += 1
                await asyncio.sleep(PAUSE)

    async def _listen_once(self) -> None:
        path = f"/ws/chat/{self.account.session_id}" + (f"?cursor={self._cursor}" if self._cursor else "")
        url = self.account.somewhere(path).replace("http", "ws", 1)
        async with connect(
            url, additional_headers=self.account.headers, open_timeout=SILENCE, proxy=None
        ) as connection:
            async for frame in connection:
                self._take(json.loads(frame))
                if self._connection is None:  # after `ready`
                    self._connection = connection
                    await self._send()

    async def _say(self, content: str) -> None:
        self._acknowledged.clear()
        self._waiting = {"type": "send", "id": str(uuid4()), "content": content}
        await self._send()
        while not self._acknowledged.is_set():
            try:
                await asyncio.wait_for(self._acknowledged.wait(), SILENCE / 4)
            except TimeoutError:
                await self._send()

    async def _send(self) -> None:
        if self._connection is None or self._waiting is None:
            return
        with contextlib.suppress(WebSocketException):  # sent again by whoever connects
            await self._connection.send(json.dumps(self._waiting))

    def _take(self, event: dict[str, Any]) -> None:
        self._cursor = event.get("cursor") or self._cursor
        match event["type"]:
            case "ack" if self._waiting and event["id"] == self._waiting["id"]:
                self._ledger.promise(
                    str(self.account.session_id), self._waiting["id"], self._waiting["content"]
                )
                self._waiting = None
                self._acknowledged.set()
            case "message":
                self.messages[event["message"]["message_id"]] = event["message"]
            case "removed":
                for message_id in event["message_ids"]:
                    self.messages.pop(message_id, None)
            case "reset":
                self.messages.clear()
