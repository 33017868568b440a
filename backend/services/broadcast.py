"""How the process that writes an answer and the others speak of it over the bus, on one topic for each answer:

- a follower → ``{"want": offset}``, every `WANT_EVERY`: the text from there on, please;
- the writer → ``{"run", "offset", "text"}`` while somebody wants it, and ``{"ended": true}`` once the row is final;
- anybody → ``{"stop": run}``.

Nothing depends on a message arriving: whoever hears nothing looks at the row.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import structlog

from backend.services.bus import BusDown
from backend.services.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from uuid import UUID

    from backend.services.bus import Bus
    from backend.services.growth import Growth

#: How often a follower says that it is still there, in seconds.
WANT_EVERY = 10.0
#: After so long without a word nobody follows any more.
WANTED_FOR = 25.0
#: Pause between two pieces, in seconds.
PACE = 0.03
#: Characters of a piece; each takes at most six bytes of a message's 7000.
PIECE = 1000
#: Seconds until a bus that is down is tried again.
_AGAIN_AFTER = 0.5
#: Seconds for the last word of a process that may be ending.
_END_WITHIN = 1.0

log = structlog.get_logger(__name__)


def topic_of(message_id: UUID) -> str:
    return f"answer:{message_id}"


async def say(bus: Bus, message_id: UUID, message: dict[str, Any]) -> bool:
    """Whether it could be sent."""
    try:
        await bus.publish(topic_of(message_id), message)
    except BusDown:
        return False
    return True


@asynccontextmanager
async def broadcasting(
    bus: Bus, message_id: UUID, growth: Growth, *, on_stop: Callable[[], object]
) -> AsyncIterator[None]:
    """Tells followers of the growing text, and the writer of a stop; at the end says that there is one."""
    broadcast = _Broadcast(bus, message_id, growth, on_stop)
    tasks = [asyncio.create_task(broadcast.listen()), asyncio.create_task(broadcast.tell())]
    try:
        yield
    finally:
        await end(*tasks)
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_WITHIN):
                await say(bus, message_id, {"ended": True})


class _Broadcast:
    def __init__(self, bus: Bus, message_id: UUID, growth: Growth, on_stop: Callable[[], object]) -> None:
        self._bus = bus
        self._message_id = message_id
        self._growth = growth
        self._on_stop = on_stop
        self._wanted = asyncio.Event()
        self._wanted_until = 0.0
        self._told = 0

    async def listen(self) -> None:
        async with self._bus.subscribe(topic_of(self._message_id)) as messages:
            async for message in messages:
                match message:
                    case {"want": int(offset)} if offset >= 0:
                        # Who comes later, or has missed something, sets it back for all: a piece twice does no harm.
                        self._told = min(self._told, offset) if self._wanted.is_set() else offset
                        self._wanted_until = asyncio.get_running_loop().time() + WANTED_FOR
                        self._wanted.set()
                    case {"stop": self._growth.run}:
                        self._on_stop()
                    case _:
                        pass  # our own words, or a gap: who wants something says it again

    async def tell(self) -> None:
        while True:
            await self._wanted.wait()
            if asyncio.get_running_loop().time() > self._wanted_until:
                self._wanted.clear()
                continue
            start = self._told
            text = self._growth.text[start : start + PIECE]
            if not text:
                await self._growth.changed(WANTED_FOR)
                continue
            piece = {"run": self._growth.run, "offset": start, "text": text}
            if not await say(self._bus, self._message_id, piece):
                await asyncio.sleep(_AGAIN_AFTER)
                continue
            if self._told == start:
                self._told = start + len(text)
            await asyncio.sleep(PACE)
