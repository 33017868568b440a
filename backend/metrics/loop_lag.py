"""How late the event loop is: what everybody waits for when somebody does not let go of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Histogram

#: Seconds.
EVERY = 0.5


async def watch(lag: Histogram) -> None:
    """Until cancelled."""
    clock = asyncio.get_running_loop().time
    while True:
        asked = clock()
        await asyncio.sleep(EVERY)
        lag.observe(max(0.0, clock() - asked - EVERY))
