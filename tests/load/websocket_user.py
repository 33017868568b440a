"""Somebody's program on the WebSocket API (docs/websocket.md), with one device or two."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
import orjson

from tests.load.figures import Failure
from tests.load.habits import Habits
from tests.load.plan import PATIENCE

if TYPE_CHECKING:
    import random

    from tests.load.figures import Figures
    from tests.load.ledger import Ledger
    from tests.load.people import Person

KIND = "WebSocket"
#: Seconds before the end of an access token at which it is renewed.
EARLY = 60.0


class WebSocketUser(Habits):
    """Has one chat open all the time; its lists and older pages come over REST.

    :param url: of the backend.
    """

    def __init__(
        self,
        person: Person,
        url: str,
        http: aiohttp.ClientSession,
        ledger: Ledger,
        figures: Figures,
        chance: random.Random,
        *,
        devices: int,
    ) -> None:
        super().__init__(KIND, figures, chance)
        self.person = person
        self.token = ""
        self.url = url
        self.http = http
        self.ledger = ledger
        self._renew_at = 0.0
        self._cursor = ""
        self.devices = [Device(self, number) for number in range(devices)]

    @property
    def connections(self) -> int:
        return len(self.devices)

    async def arrive(self) -> None:
        with self.figures.timing(f"{KIND}: new access token"):
            await self._renew()
        for device in self.devices:
            await device.open()

    async def leave(self) -> None:
        for device in self.devices:
            await device.close()

    # What it does

    async def send(self) -> None:
        await self._renew_in_time()
        message_id, device = str(uuid4()), self.devices[0]
        content = f"{self.person.name} asks: {message_id}, and what follows from that?"
        self.ledger.send(
            self.person.sessions[0],
            message_id,
            content,
            sender=device.name,
            shown_by=[each.name for each in self.devices],
        )
        await device.say({"type": "typing", "typing": True})
        await device.send(message_id, content)

    async def page(self) -> None:
        """Back in the history of the open chat, and from its end again to the newest page."""
        query = f"?limit=50{'&cursor=' + self._cursor if self._cursor else ''}"
        answer = await self._get(
            "page of history", f"/api/chat/sessions/{self.person.sessions[0]}/messages{query}"
        )
        self._cursor = answer["next_cursor"] or ""

    async def list(self) -> None:
        await self._get("session list", f"/api/chat/sessions/user/{self.person.user_id}?limit=50")

    async def switch(self) -> None:
        """Looks into another chat."""
        session_id = self.chance.choice(self.person.sessions[1:])
        await self._get("page of history", f"/api/chat/sessions/{session_id}/messages?limit=50")

    async def reload(self) -> None:
        """The line breaks, and the device comes back with its cursor."""
        await self.devices[0].close()
        await self.devices[0].open()

    async def _get(self, what: str, path: str) -> Any:
        await self._renew_in_time()
        with self.figures.timing(f"{KIND}: {what}"):
            return await self._request("GET", path)

    async def _request(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self.http.request(method, self.url + path, json=body, headers=headers) as answer:
            content = await answer.read()
            if answer.status >= 400:
                raise Failure(f"{answer.status}")
            return orjson.loads(content)

    async def _renew_in_time(self) -> None:
        if time.monotonic() < self._renew_at:
            return
        with self.figures.timing(f"{KIND}: new access token"):
            await self._renew()
        for device in self.devices:
            await device.say({"type": "auth", "token": self.token})

    async def _renew(self) -> None:
        tokens = await self._request("POST", "/auth/refresh", {"refresh_token": self.person.refresh_token})
        self.token, self.person.refresh_token = tokens["access_token"], tokens["refresh_token"]
        self._renew_at = time.monotonic() + tokens["expires_in"] - EARLY


class Device:
    """One connection, and what it has put together from events."""

    def __init__(self, user: WebSocketUser, number: int) -> None:
        self.name = f"{user.person.name}/{number}"
        self._user = user
        self._cursor = ""
        self._questions: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._acknowledged: dict[str, asyncio.Future[None]] = {}
        self._ready: asyncio.Future[None]
        self._socket: aiohttp.ClientWebSocketResponse
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> None:
        user = self._user
        self._ready = asyncio.get_running_loop().create_future()
        cursor = {"cursor": self._cursor} if self._cursor else {}
        with user.figures.timing(f"{KIND}: connect → ready"):
            try:
                async with asyncio.timeout(PATIENCE):
                    self._socket = await user.http.ws_connect(
                        f"{user.url}/ws/chat/{user.person.sessions[0]}",
                        params=cursor,
                        headers={"Authorization": f"Bearer {user.token}"},
                        compress=15,
                        max_msg_size=0,
                    )
                    self._reading = asyncio.create_task(self._read())
                    await self._ready
            except aiohttp.WSServerHandshakeError as exc:
                raise Failure(f"handshake {exc.status}") from exc

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            await self._socket.close()

    async def say(self, event: dict[str, Any]) -> None:
        with contextlib.suppress(aiohttp.ClientConnectionResetError):  # which the reader counts
            await self._socket.send_str(orjson.dumps(event).decode())

    async def send(self, message_id: str, content: str) -> None:
        """Until it is acknowledged; again, over whichever connection there is, while it is not."""
        acknowledged = self._acknowledged[message_id] = asyncio.get_running_loop().create_future()
        try:
            while not acknowledged.done():
                await self.say({"type": "send", "id": message_id, "content": content})
                await asyncio.wait([acknowledged], timeout=PATIENCE)
                if not acknowledged.done():
                    self._user.figures.fail(f"{KIND}: send → acknowledged", "no answer in time")
        finally:
            del self._acknowledged[message_id]

    async def _read(self) -> None:
        figures = self._user.figures
        async for frame in self._socket:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                break
            figures.frames += 1
            self._take(orjson.loads(frame.data))
        figures.fail(f"{KIND}: connection", f"closed with {self._socket.close_code}")
        if not self._ready.done():
            self._ready.set_exception(Failure(f"closed with {self._socket.close_code}"))
        else:
            await asyncio.sleep(self._user.chance.uniform(0.2, 1.0))
            self._reading = None
            with contextlib.suppress(Failure):
                await self.open()

    def _take(self, event: dict[str, Any]) -> None:
        user = self._user
        self._cursor = event.get("cursor") or self._cursor
        match event["type"]:
            case "ready":
                if not self._ready.done():
                    self._ready.set_result(None)
            case "ack":
                user.ledger.acknowledge(event["id"])
                if (waiting := self._acknowledged.get(event["id"])) and not waiting.done():
                    waiting.set_result(None)
            case "message":
                self._take_message(event["message"])
            case "turn":
                answer = event["assistant_message_id"]
                self._questions[answer] = event["user_message_id"]
                self._texts[answer] = self._texts.get(answer, "")[: event["offset"]]
            case "delta":
                answer = event["message_id"]
                self._texts[answer] += event["text"]
                user.ledger.read(self.name, self._questions[answer])
            case "error":
                user.figures.fail(f"{KIND}: event", f"error {event['problem']['status']}")

    def _take_message(self, message: dict[str, Any]) -> None:
        ledger = self._user.ledger
        ledger.hear(self.name, message["message_id"])
        if message["role"] == "assistant" and message["status"] not in ("streaming", "pending"):
            text = self._texts.pop(message["message_id"], "")
            self._questions.pop(message["message_id"], None)
            if not message["content"].startswith(text):
                ledger.complaints.append(f"{self.name} read other words than are stored: {text[-40:]!r}")
