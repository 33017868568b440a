"""What every bus does: topics, subscriptions that never grow without bound, and one channel for all of them.

One channel, because who listens to what changes by the second: a process drops what nobody in it wants before
it has parsed it, and a lost connection is one event for all, told to each as `Lost`.
"""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import orjson
import structlog

from backend.services.tasks import end
from telemetry.safe import told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: Bytes of one message as JSON. PostgreSQL's NOTIFY takes less than 8000, with the topic.
LONGEST = 7000
_LONGEST_TOPIC = 200
#: Messages that wait for one subscriber. Who is slower than that loses them all, and is told so.
WAITING = 256
#: Between two attempts to reconnect, in seconds.
_LONGEST_WAIT = 3.0

log = structlog.get_logger(__name__)


class BusDown(Exception):
    """The bus cannot be reached. What was said reached nobody, or somebody: the truth is in the database."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Messages may have been missed (a reconnect, or this reader was too slow): look at the truth again."""


class Subscription:
    """An async iterator of messages and `Lost` marks; it ends when the bus closes."""

    def __init__(self) -> None:
        self._waiting: deque[dict[str, Any] | Lost] = deque()
        self._changed = asyncio.Event()
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any] | Lost:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()

    def put(self, message: dict[str, Any]) -> None:
        if len(self._waiting) >= WAITING:
            self.lose()
        self._waiting.append(message)
        self._changed.set()

    def lose(self) -> None:
        self._waiting.clear()
        self._waiting.append(Lost())
        self._changed.set()

    def close(self) -> None:
        self._closed = True
        self._changed.set()


class Bus(ABC):
    """Open it with ``async with``: it needs no server to start, and finds one whenever there is one."""

    def __init__(self) -> None:
        self._topics: dict[str, set[Subscription]] = {}
        self._listener: asyncio.Task[None] | None = None
        #: Whether what others say is heard now.
        self.connected = False

    @property
    def subscribers(self) -> int:
        return sum(map(len, list(self._topics.values())))

    async def __aenter__(self) -> Self:
        self._listener = asyncio.create_task(self._keep_listening(), name="bus")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listener is not None:
            await end(self._listener)
        for subscription in self._subscriptions():
            subscription.close()

    async def publish(self, topic: str, message: dict[str, Any]) -> None:
        """To every subscriber of the topic in every process, this one included.

        Raises ValueError when the message is over `LONGEST` bytes or no JSON, BusDown when it cannot be sent.
        """
        await self._send(_pack(topic, message))

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[Subscription]:
        """From here on, whatever is published. The first thing is `Lost` when there is no connection yet."""
        subscription = Subscription()
        self._topics.setdefault(topic, set()).add(subscription)
        try:
            yield subscription
        finally:
            subscription.close()
            self._topics[topic].discard(subscription)
            if not self._topics[topic]:
                del self._topics[topic]

    @abstractmethod
    async def ping(self) -> None:
        """Nothing, when the bus can be reached. Raises BusDown."""

    @abstractmethod
    async def _send(self, payload: bytes) -> None:
        """Raises BusDown."""

    @abstractmethod
    async def _listen(self) -> None:
        """Connects, calls `_connected`, then `_received` for each payload. Ends by raising BusDown only."""

    def _connected(self) -> None:
        self.connected = True
        for subscription in self._subscriptions():
            subscription.lose()

    def _received(self, payload: bytes) -> None:
        topic, _, text = payload.partition(b"\n")
        subscriptions = self._topics.get(topic.decode("utf-8", "replace"))
        if not subscriptions:
            return
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            log.warning("bus_message_malformed", bytes=len(text))
            return
        for subscription in subscriptions:
            subscription.put(message)

    async def _keep_listening(self) -> None:
        wait = 0.1
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await self._listen()
            except BusDown as exc:
                self.connected = False
                log.warning("bus_down", cause=told(exc.__cause__))
            if asyncio.get_running_loop().time() - started > _LONGEST_WAIT:
                wait = 0.1
            await asyncio.sleep(random.uniform(0.5, 1.0) * wait)  # noqa: S311
            wait = min(_LONGEST_WAIT, wait * 2)

    def _subscriptions(self) -> list[Subscription]:
        return [subscription for readers in self._topics.values() for subscription in readers]


def _pack(topic: str, message: dict[str, Any]) -> bytes:
    if not 0 < len(topic.encode()) <= _LONGEST_TOPIC or "\n" in topic or "\x00" in topic:
        raise ValueError("a topic is one line of at most 200 bytes")
    try:
        text = orjson.dumps(message)
    except TypeError as exc:
        raise ValueError(f"a message is JSON: {exc}") from exc
    if len(text) > LONGEST:
        raise ValueError(f"a message has at most {LONGEST} bytes, not {len(text)}")
    return topic.encode() + b"\n" + text
