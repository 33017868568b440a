"""Ending tasks that run for ever."""

from __future__ import annotations

import asyncio
from typing import Any

_AGAIN_AFTER = 2.0


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancels until they have ended. For loops, whose own ending takes less than two seconds.

    Once is not enough: who is cancelled in the moment in which the pool hands it a connection gets the connection and
    never hears of it (psycopg_pool's `WaitingClient.wait`; so does `asyncio.wait_for` up to Python 3.11,
    https://github.com/python/cpython/issues/86296).
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=_AGAIN_AFTER)
    await asyncio.gather(*tasks, return_exceptions=True)  # whoever waits for errors has seen them
