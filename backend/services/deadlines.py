"""How long a request may take, for everything that is done for it; it travels on in a header."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: Milliseconds that whoever asks is ready to wait. Hasura ignores it; the embedded engine ends its statement by then.
HEADER = "X-Request-Timeout-Ms"


class DeadlineExceeded(Exception):
    """The time is over; what was under way has been cancelled."""


class Deadline:
    """:ivar at: on the event loop's clock, None once it was lifted; :ivar asked: by the caller, who means it."""

    def __init__(self, at: float, limit: asyncio.Timeout, *, asked: bool) -> None:
        self.at: float | None = at
        self.asked = asked
        self._limit = limit

    def lift(self) -> None:
        """It was kept: what follows, a stream, has bounds of its own."""
        self.at = None
        self._limit.reschedule(None)


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@asynccontextmanager
async def within(seconds: float, *, asked: bool = False) -> AsyncIterator[Deadline]:
    """What is inside is cancelled after so long, or by an earlier deadline around it. Raises DeadlineExceeded."""
    at = asyncio.get_running_loop().time() + seconds
    outer = _current.get()
    if outer is not None and outer.at is not None:
        at = min(at, outer.at)
    token = None
    try:
        async with asyncio.timeout_at(at) as limit:
            deadline = Deadline(at, limit, asked=asked)
            token = _current.set(deadline)
            yield deadline
    except TimeoutError:
        if not limit.expired():
            raise
        raise DeadlineExceeded from None
    finally:
        if token is not None:
            _current.reset(token)


def remaining() -> float | None:
    """Seconds, none or less when it is over; None where nothing bounds it."""
    deadline = _current.get()
    if deadline is None or deadline.at is None:
        return None
    return deadline.at - asyncio.get_running_loop().time()


def relax() -> None:
    """This takes as long as it takes, unless the caller asked for less: an answer of a model as one body."""
    deadline = _current.get()
    if deadline is not None and not deadline.asked:
        deadline.lift()


def detached() -> Context:
    """The present context without the deadline: for a task that goes on when the request has ended."""
    context = copy_context()
    context.run(_current.set, None)
    return context
