"""A reader of turns as Server-Sent Events, who does what docs/api.md says a client does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.backend.conftest import Person


@dataclass(frozen=True)
class Event:
    name: str
    id: str
    data: dict[str, Any]


async def events_of(answer: httpx.Response) -> AsyncIterator[Event]:
    name = event_id = ""
    async for line in _lines(answer):
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("id: "):
            event_id = line.removeprefix("id: ")
        elif line.startswith("data: "):
            yield Event(name, event_id, json.loads(line.removeprefix("data: ")))


async def _lines(answer: httpx.Response) -> AsyncIterator[str]:
    # Not httpx's own: it takes characters of the text (U+0085, U+2028 …) for ends of lines.
    waiting = b""
    async for piece in answer.aiter_raw():
        *lines, waiting = (waiting + piece).split(b"\n")
        for line in lines:
            yield line.decode()


@dataclass
class Reader:
    """Keeps the text over any number of streams, from any process; `cuts` are the corrections it was told."""

    who: Person
    text: str = ""
    last_id: str = ""
    events: list[Event] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)

    @property
    def turn(self) -> dict[str, Any]:
        return next(event.data for event in self.events if event.name == "turn")

    @property
    def last(self) -> Event:
        return self.events[-1]

    async def ask(self, api: httpx.AsyncClient, **body: Any) -> None:
        await self._read(api, "POST", "/api/chat", json={key: str(value) for key, value in body.items()})

    async def post(self, api: httpx.AsyncClient, path: str, body: Any = None) -> None:
        await self._read(api, "POST", path, json=body or {})

    async def resume(
        self, api: httpx.AsyncClient, message_id: object, until: Callable[[Reader], bool] | None = None
    ) -> None:
        """Goes on from the last event, to the end or as far as `until` says."""
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        await self._read(api, "GET", f"/api/chat/{message_id}/stream", until, headers=headers)

    async def read(self, api: httpx.AsyncClient, until: Callable[[Reader], bool], **body: Any) -> None:
        """Asks, and hangs up as soon as `until` says."""
        sent = {key: str(value) for key, value in body.items()}
        await self._read(api, "POST", "/api/chat", until, json=sent)

    async def _read(
        self,
        api: httpx.AsyncClient,
        method: str,
        path: str,
        until: Callable[[Reader], bool] | None = None,
        headers: dict[str, str] | None = None,
        **request: Any,
    ) -> None:
        async with self._stream(api, method, path, self.who.headers | (headers or {}), **request) as answer:
            async for event in events_of(answer):
                self._take(event)
                if until is not None and until(self):
                    return

    def _take(self, event: Event) -> None:
        self.events.append(event)
        self.last_id = event.id
        match event.name:
            case "turn":
                if event.data["offset"] != len(self.text):
                    self.cuts.append(event.data["offset"])
                self.text = self.text[: event.data["offset"]]
            case "delta":
                self.text += event.data["text"]
                assert event.id.endswith(f":{len(self.text)}"), "no gap and no repeat"

    @staticmethod
    @asynccontextmanager
    async def _stream(
        api: httpx.AsyncClient, method: str, path: str, headers: dict[str, str], **request: Any
    ) -> AsyncIterator[httpx.Response]:
        async with api.stream(method, path, headers=headers, **request) as answer:
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield answer


def longer_than(length: int) -> Callable[[Reader], bool]:
    return lambda reader: len(reader.text) > length
