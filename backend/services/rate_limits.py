"""How often something may happen in a moving window: counted in Redis for all processes, else in this one's memory.

While Redis is away each process counts for itself, so that a sign-in still works and still is limited.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError

if TYPE_CHECKING:
    from limits import RateLimitItem
    from redis.asyncio import Redis

#: Seconds until Redis is asked again after a failure: an unreachable one would hold up every sign-in.
ASK_AGAIN = 2.0

log = structlog.get_logger(__name__)


class LimitReached(Exception):
    def __init__(self, retry_after: int) -> None:
        super().__init__(f"again in {retry_after} s")
        self.retry_after = retry_after


class RateLimits:
    """Counts for every kind of limit; the kind is the item's `namespace`."""

    def __init__(self, redis: Redis | None) -> None:
        self._memory = MovingWindowRateLimiter(MemoryStorage())
        self._shared = None
        self._shared_from = 0.0
        if redis is not None:
            storage = RedisStorage(
                "redis://",
                wrap_exceptions=True,
                implementation="redispy",
                key_prefix="chat-sessions",
                connection_pool=redis.connection_pool,  # type: ignore[arg-type]  # documented so, typed narrower
            )
            self._shared = MovingWindowRateLimiter(storage)

    async def hit(self, item: RateLimitItem, *key: str) -> None:
        """Counts one. Raises LimitReached, and then counts nothing."""
        if self._shared is not None and time.monotonic() >= self._shared_from:
            try:
                await _hit(self._shared, item, *key)
            except StorageError as exc:
                self._shared_from = time.monotonic() + ASK_AGAIN
                log.warning("limits_counted_here", cause=repr(exc.storage_error))
            else:
                return
        await _hit(self._memory, item, *key)

    async def clear(self, item: RateLimitItem, *key: str) -> None:
        await self._memory.clear(item, *key)
        if self._shared is not None and time.monotonic() >= self._shared_from:
            try:
                await self._shared.clear(item, *key)
            except StorageError as exc:
                log.warning("limit_not_cleared", cause=repr(exc.storage_error))


async def _hit(limiter: MovingWindowRateLimiter, item: RateLimitItem, *key: str) -> None:
    if not await limiter.hit(item, *key):
        window = await limiter.get_window_stats(item, *key)
        raise LimitReached(max(1, round(window.reset_time - time.time())))
