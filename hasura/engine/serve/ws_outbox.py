"""What waits to be written to one client."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from .ws_messages import Close

if TYPE_CHECKING:
    from .ws_messages import ToClient


class Outbox:
    """Bounded, in messages and in bytes, because a client may stop reading."""

    #: Beyond these, the client is given up.
    LARGEST, MOST = 16 * 1024 * 1024, 1000
    #: Beyond these, it lags.
    MUCH, MANY = 1024 * 1024, 16

    def __init__(self) -> None:
        self._messages: deque[ToClient] = deque()
        self._size = 0
        self._filled = asyncio.Event()
        self.overflowed = asyncio.Event()

    @property
    def congested(self) -> bool:
        """The client lags: news that can wait should."""
        return self._size > self.MUCH or len(self._messages) > self.MANY

    def put(self, message: ToClient) -> None:
        """Never waits: a client for whom too much has piled up is given up."""
        if self.overflowed.is_set():
            return
        self._messages.append(message)
        self._size += 0 if isinstance(message, Close) else len(message)
        self._filled.set()
        if len(self._messages) > self.MOST or (self._size > self.LARGEST and len(self._messages) > 1):
            self._messages.clear()
            self._size = 0
            self.overflowed.set()

    async def get(self) -> ToClient:
        """The next message, waited for."""
        while not self._messages:
            self._filled.clear()
            await self._filled.wait()
        message = self._messages.popleft()
        self._size -= 0 if isinstance(message, Close) else len(message)
        return message
