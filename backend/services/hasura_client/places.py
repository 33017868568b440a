"""How many requests may be under way to GraphQL, and how many may wait for that."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from backend.services.hasura_client.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from backend.services.hasura_client.observer import Observer

AT_ONCE = 100
#: Who may wait: a request takes milliseconds, so these wait for less than a second. Everybody else is told at once.
MOST_WAITING = 1000
#: Seconds.
WITHIN = 3.0


class Places:
    """`AT_ONCE` of them: as many as there are connections, so that nobody waits there, unseen."""

    def __init__(self, observer: Observer) -> None:
        self._free = asyncio.Semaphore(AT_ONCE)
        self._observer = observer
        self._waiting = 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Raises Unavailable, which is not worth an immediate repetition."""
        if not self._free.locked():
            await self._free.acquire()  # at once
            self._observer.waited(0.0)
        else:
            await self._wait()
        try:
            yield
        finally:
            self._free.release()

    async def _wait(self) -> None:
        if self._waiting >= MOST_WAITING:
            raise _full()
        self._waiting += 1
        began = time.perf_counter()
        try:
            async with asyncio.timeout(WITHIN):
                await self._free.acquire()
        except TimeoutError:
            raise _full() from None
        finally:
            self._waiting -= 1
            self._observer.waited(time.perf_counter() - began)


def _full() -> Unavailable:
    full = Unavailable("too many requests are under way to GraphQL", sent=False)
    full.retryable = False
    full.outage = None  # what is late here may be on time there
    return full
