"""Doing again what failed for the moment."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, TypeVar

import stamina

from telemetry.retries import tell_retry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


async def repeated(
    call: Callable[[], Awaitable[T]],
    *,
    on: Callable[[Exception], bool],
    wait: float,
    longest_wait: float,
    attempts: int | None = None,
    timeout: float | None = None,  # noqa: ASYNC109  (stamina's: of all attempts, none of which it ends)
) -> T:
    """What `call` returns, or raises when it is not worth another attempt.

    The first attempt goes by without stamina: what that makes for each call leaves fifty objects in circles, and while
    the collector looks for those everybody waits.

    :param wait: seconds before the second attempt, at random up to twice as many; then ever more up to `longest_wait`.
    """
    try:
        return await call()
    except Exception as exc:
        if not on(exc):
            raise
        pause = random.uniform(wait, 2 * wait)  # noqa: S311
        tell_retry(1, exc, pause)
    await asyncio.sleep(pause)
    async for attempt in stamina.retry_context(
        on=on,
        attempts=None if attempts is None else attempts - 1,
        timeout=timeout,
        wait_initial=2 * wait,
        wait_max=longest_wait,
        wait_jitter=wait,
    ):
        with attempt:
            return await call()
    raise AssertionError("unreachable: the last attempt returns or raises")
