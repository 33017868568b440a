"""A request may say how long its client waits for it; then its statement ends by then, too."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from hasura.engine.errors import TimeLimitExceeded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

T = TypeVar("T")

#: A whole number of milliseconds. Hasura knows no such header, and ignores it; anything else is ignored here as well.
HEADER = "x-request-timeout-ms"
_LONGEST = 9  # digits


async def in_time(headers: Mapping[str, str], work: Awaitable[T]) -> T:
    """What ``work`` answers.

    :raises TimeLimitExceeded: it took too long; what it was doing, PostgreSQL's statement too, is cancelled. A change
        is undone.
    """
    given = headers.get(HEADER)
    if given is None or not (given.isascii() and given.isdecimal() and len(given) <= _LONGEST):
        return await work
    try:
        async with asyncio.timeout(int(given) / 1000) as limit:
            return await work
    except TimeoutError:
        if not limit.expired():
            raise
        raise TimeLimitExceeded("the time that the request was given is over") from None
