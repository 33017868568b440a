"""A user's account and session, made through whichever backend is up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx2

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

PASSWORD = "correct horse battery"
#: Seconds between two tries.
PAUSE = 0.2
#: A stream that is silent for so many seconds is broken: the server's comments come oftener.
SILENCE = 20.0
#: What a server says that is restarting, or has lost what it needs, or is asked too much.
PASSING = frozenset({429, 500, 502, 503, 504})


class Account:
    """Signed up once `made` is set, with one session of its own.

    :param urls: of the backends; each call goes to one of them at random.
    """

    def __init__(self, name: str, urls: Sequence[str], chance: random.Random) -> None:
        self.name = name
        self.session_id: UUID = uuid4()
        self.made = asyncio.Event()
        self.token = ""
        self.http = httpx2.AsyncClient(timeout=httpx2.Timeout(SILENCE, connect=2))
        self._urls = urls
        self._chance = chance

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def somewhere(self, path: str) -> str:
        """The path's URL at one of the backends."""
        return self._chance.choice(self._urls) + path

    async def make(self) -> None:
        """Tries until it has worked: whatever is down comes back."""
        credentials = {"username": self.name, "password": PASSWORD}
        # An answer that was lost may have registered.
        while not (tokens := await self._post("/auth/register", credentials)):
            if tokens := await self._post("/auth/login", credentials):
                break
            await asyncio.sleep(PAUSE)
        self.token = tokens["access_token"]
        session = {"session_id": str(self.session_id)}
        while not await self._post("/api/chat/sessions/create", session):  # noqa: ASYNC110  (no event tells)
            await asyncio.sleep(PAUSE)
        self.made.set()

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer; nothing when it was not done."""
        try:
            answer = await self.http.post(self.somewhere(path), json=body, headers=self.headers)
        except httpx2.TransportError:
            return {}
        found: dict[str, Any] = answer.json() if answer.is_success else {}
        return found
