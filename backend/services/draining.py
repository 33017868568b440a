"""That this process is to end, and others take over: it is not ready, and its WebSockets come back elsewhere."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backend.services.open_sockets import OpenSockets

#: WebSockets that are sent away in a second, so that whoever takes over is not run over; and the longest that takes.
AWAY_PER_SECOND, AWAY_WITHIN = 100.0, 5.0


class Draining:
    """:param seconds: what was begun may go on for so long."""

    def __init__(self, seconds: float, open_sockets: OpenSockets) -> None:
        self.seconds = seconds
        self._open_sockets = open_sockets
        self._begun = asyncio.Event()
        self._away_within = 0.0

    @property
    def begun(self) -> bool:
        return self._begun.is_set()

    def begin(self) -> None:
        self._away_within = min(len(self._open_sockets) / AWAY_PER_SECOND, AWAY_WITHIN)
        self._begun.set()

    async def turn(self) -> None:
        """Returns when it is one WebSocket's turn to go: at a moment by chance, once this has begun."""
        await self._begun.wait()
        await asyncio.sleep(random.uniform(0, self._away_within))  # noqa: S311
