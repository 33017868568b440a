"""Who is connected to a session and who is typing, over all processes.

Each process says over the bus who is connected to it: at once, when another asks, and every few seconds for as long as
another is interested in the same session. What is not said again is forgotten, so a process that dies takes its
readers along. A process that only watches asks again and again instead. One way for either bus: keys with a time to
live in Redis would say the same, and be gone when Redis restarts.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog

from backend.services.bus import Bus, BusDown, Lost
from backend.services.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

#: Each connection is announced so often, in seconds, and forgotten after three times without.
BEAT = 5.0
#: Between two announcements because somebody began or stopped typing, however quickly they change their mind.
PACE = 0.05
#: Who does not say so again is no longer typing, in seconds.
TYPING_FOR = 6.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Present:
    """One connection; `client` is what the program calls itself, `since` an ISO time."""

    connection_id: str
    user_id: str
    client: str | None
    since: str
    typing: bool = False


class Room:
    """One session, as this process sees it.

    :param process: names it among the others.
    """

    def __init__(self, bus: Bus, session_id: UUID, process: str) -> None:
        self.members = 0
        self._bus = bus
        self._process = process
        #: Until then somebody elsewhere wants to hear who is here, by the loop's clock.
        self._wanted_until = float("-inf")
        self._topic = f"presence:{session_id}"
        self._here: dict[str, Present] = {}
        self._elsewhere: dict[str, tuple[Present, float]] = {}
        self._quiet: dict[str, asyncio.TimerHandle] = {}
        self._changed = asyncio.Event()
        self._due = asyncio.Event()
        #: In order: who is said to be here after they were said to have left would stay for a while.
        self._saying = asyncio.Lock()

    @property
    def present(self) -> list[Present]:
        everybody = [*self._here.values(), *(present for present, _ in self._elsewhere.values())]
        return sorted(everybody, key=lambda present: (present.since, present.connection_id))

    async def states(self) -> AsyncIterator[list[Present]]:
        """Who is present: now, and after every change; a slow reader skips what lies between."""
        shown: list[Present] | None = None
        while True:
            changed, now = self._changed, self.present
            if now != shown:
                shown = now
                yield now
            else:
                await changed.wait()

    @asynccontextmanager
    async def joined(self, user_id: UUID, client: str | None) -> AsyncIterator[str]:
        """Present for as long as this lasts; yields the connection's id."""
        connection_id = uuid4().hex
        since = datetime.now(UTC).isoformat()
        self._here[connection_id] = Present(connection_id, str(user_id), client, since)
        self._wake()
        await self._say_here(connection_id)
        try:
            yield connection_id
        finally:
            del self._here[connection_id]
            self._no_timer(connection_id)
            self._wake()
            async with self._saying:
                await self._say({"left": connection_id})

    def typing(self, connection_id: str, typing: bool) -> None:
        self._no_timer(connection_id)
        if typing:
            loop = asyncio.get_running_loop()
            self._quiet[connection_id] = loop.call_later(TYPING_FOR, self._now_types, connection_id, False)
        self._now_types(connection_id, typing)

    async def run(self) -> None:
        """Listens and announces until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._beat())

    async def _listen(self) -> None:
        async with self._bus.subscribe(self._topic) as messages:
            await self._ask()
            async for message in messages:
                match message:
                    case Lost():
                        await self._ask()
                    case {"who": process} if process != self._process:
                        self._wanted_until = asyncio.get_running_loop().time() + 3 * BEAT
                        await self._announce()
                    case {"here": entry} if entry["connection_id"] not in self._here:
                        until = self._wanted_until = asyncio.get_running_loop().time() + 3 * BEAT
                        is_new = entry["connection_id"] not in self._elsewhere
                        self._elsewhere[entry["connection_id"]] = (Present(**entry), until)
                        self._wake()
                        if is_new and not self._here:
                            await self._ask()
                    case {"left": connection_id}:
                        self._elsewhere.pop(connection_id, None)
                        self._wake()

    async def _beat(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT):
                    await self._due.wait()
            self._due.clear()
            now = asyncio.get_running_loop().time()
            if any(seen[1] <= now for seen in self._elsewhere.values()):
                self._elsewhere = {name: seen for name, seen in self._elsewhere.items() if seen[1] > now}
                self._wake()
            if self._wanted_until > now:
                await self._announce()
            if self._elsewhere and not self._here:
                await self._ask()  # else nobody would know that somebody watches
            await asyncio.sleep(PACE)

    async def _ask(self) -> None:
        await self._say({"who": self._process})

    async def _announce(self) -> None:
        for connection_id in list(self._here):
            await self._say_here(connection_id)

    async def _say_here(self, connection_id: str) -> None:
        async with self._saying:
            if present := self._here.get(connection_id):
                await self._say({"here": asdict(present)})

    async def _say(self, message: dict[str, Any]) -> None:
        try:
            await self._bus.publish(self._topic, message)
        except BusDown:
            log.debug("presence_not_said")  # the next beat says it; the bus has logged that it is down

    def _now_types(self, connection_id: str, typing: bool) -> None:
        present = self._here[connection_id]
        if present.typing != typing:
            self._here[connection_id] = replace(present, typing=typing)
            self._wake()
            self._due.set()

    def _no_timer(self, connection_id: str) -> None:
        if timer := self._quiet.pop(connection_id, None):
            timer.cancel()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Presence:
    """The rooms that somebody in this process is in. Built by the app."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._process = uuid4().hex
        self._rooms: dict[UUID, Room] = {}
        self._running: dict[UUID, asyncio.Task[None]] = {}

    @property
    def sessions(self) -> int:
        """That somebody in this process has open."""
        return len(self._rooms)

    @asynccontextmanager
    async def room(self, session_id: UUID) -> AsyncIterator[Room]:
        room = self._rooms.get(session_id)
        if room is None:
            room = self._rooms[session_id] = Room(self._bus, session_id, self._process)
            self._running[session_id] = asyncio.create_task(room.run(), name=f"presence-{session_id}")
        room.members += 1
        try:
            yield room
        finally:
            room.members -= 1
            if room.members == 0:
                del self._rooms[session_id]
                await end(self._running.pop(session_id))
