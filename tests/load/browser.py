"""One browser: a cookie, and the connections of its tabs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson

from tests.load.figures import Failure
from tests.load.plan import PATIENCE
from webapp import login_cookie

if TYPE_CHECKING:
    import random

    from tests.load.figures import Figures
    from tests.load.ledger import Ledger

_TIMEOUT = aiohttp.ClientTimeout(total=PATIENCE)


@dataclass
class Browser:
    """:ivar said: what its tabs have asked for, where that is to be compared (test_protocol.py)."""

    home: str
    http: aiohttp.ClientSession
    login_id: str
    built: tuple[list[str], str]
    figures: Figures
    ledger: Ledger
    chance: random.Random
    said: list[tuple[str, Any]] | None = field(default=None)

    def record(self, kind: str, value: Any) -> None:
        if self.said is not None:
            self.said.append((kind, value))

    async def document(self, path: str) -> None:
        """A page as the server sends it; its scripts and styles are in the browser's cache."""
        self.record("GET", (path, []))
        async with self.http.get(self.home + path, headers=self._headers(), timeout=_TIMEOUT) as answer:
            await answer.read()
            if answer.status != 200 or (answer.history and self.login_id):
                raise Failure(f"document {answer.status} {answer.url.path}")

    async def get(self, path: str, query: dict[str, str]) -> Any:
        """Raises Failure, or what the HTTP client raises."""
        self.record("GET", (path, sorted(query)))
        async with self.http.get(
            self.home + path, params=query, headers=self._headers(), timeout=_TIMEOUT
        ) as answer:
            content = await answer.read()
            if answer.status != 200:
                raise Failure(f"{answer.status}")
            return orjson.loads(content)

    async def post(self, path: str, body: dict[str, Any]) -> None:
        """Raises Failure, or what the HTTP client raises."""
        self.record("POST", (path, sorted(body)))
        async with self.http.post(
            self.home + path, json=body, headers=self._headers(), timeout=_TIMEOUT
        ) as answer:
            await answer.read()
            if answer.status >= 400:
                raise Failure(f"{answer.status}")
            if login_cookie.NAME in answer.cookies:
                self.login_id = answer.cookies[login_cookie.NAME].value

    async def begin(self, ticket: str) -> None:
        """A ticket becomes the cookie."""
        await self.post(login_cookie.BEGIN, {"ticket": ticket})

    async def connect(self, path: str) -> aiohttp.ClientWebSocketResponse:
        """As Chromium does, with `permessage-deflate`."""
        self.record("WebSocket", path)
        async with asyncio.timeout(PATIENCE):
            return await self.http.ws_connect(
                self.home + path, headers=self._headers(), compress=15, max_msg_size=0
            )

    def _headers(self) -> dict[str, str]:
        cookie = {"Cookie": f"{login_cookie.NAME}={self.login_id}"} if self.login_id else {}
        return {"Origin": self.home, **cookie}
