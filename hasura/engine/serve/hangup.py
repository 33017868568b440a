"""Nothing is read for a client that has hung up: its statement is cancelled in PostgreSQL too."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.types import Receive

T = TypeVar("T")

#: Seconds after which somebody looks whether the client is there: nearly every answer is faster, and costs nothing.
SLOW = 1.0


async def while_heard(receive: Receive, work: Awaitable[T]) -> T:
    """What ``work`` answers; ``receive`` is ASGI's, of a request whose body has been read.

    :raises ClientDisconnect: nobody waits for it any more; it was cancelled.
    """
    loop = asyncio.get_running_loop()
    asker = asyncio.current_task()
    assert asker is not None  # noqa: S101 (a coroutine that runs is some task's)
    watching: asyncio.Task[None] | None = None
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = asker.cancel()

    def begin() -> None:
        nonlocal watching
        watching = loop.create_task(watch(), name="hang-up")

    timer = loop.call_later(SLOW, begin)
    try:
        return await work
    except asyncio.CancelledError:
        if gone and not asker.uncancel():
            raise ClientDisconnect from None
        raise
    finally:
        timer.cancel()
        if watching is not None:
            watching.cancel()
