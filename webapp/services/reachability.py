"""Whether GraphQL and the backend answer: one look for all open pages, however many there are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self
from urllib.parse import urljoin

import httpx2

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

INTERVAL = 2.0


class Reachability:
    """Looks every two seconds while a page is open.

    :param graphql_url: the engine's; its health is at ``/healthz`` of the same server.
    :param api_url: the backend's, likewise.
    :param on_return: is called when they answer again, before the pages are told.
    """

    def __init__(
        self, graphql_url: str, api_url: str, on_return: Callable[[], object] = lambda: None
    ) -> None:
        self._on_return = on_return
        self._urls = [urljoin(url, "/healthz") for url in (graphql_url, api_url)]
        self._http = httpx2.AsyncClient(timeout=httpx2.Timeout(5, connect=2))
        self._viewers = 0
        self._changed = asyncio.Condition()
        self._looking: asyncio.Task[None] | None = None
        self.reachable = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._looking is not None:
            self._looking.cancel()
        await self._http.aclose()

    async def changes(self) -> AsyncGenerator[bool, None]:
        """True while both answer: now, and whenever that changes."""
        self._viewers += 1
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            told = self.reachable
            yield told
            while True:
                async with self._changed:
                    await self._changed.wait_for(lambda: self.reachable != told)  # noqa: B023
                    told = self.reachable
                yield told
        finally:
            self._viewers -= 1
            if self._viewers == 0:
                self._looking.cancel()
                self._looking = None

    async def _look(self) -> None:
        while True:
            reachable = all(await asyncio.gather(*map(self._answers, self._urls)))
            if reachable != self.reachable:
                if reachable:
                    self._on_return()
                async with self._changed:
                    self.reachable = reachable
                    self._changed.notify_all()
            await asyncio.sleep(INTERVAL)

    async def _answers(self, url: str) -> bool:
        try:
            answer = await self._http.get(url)
        except httpx2.TransportError:
            return False
        return answer.is_success
