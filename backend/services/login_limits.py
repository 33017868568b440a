"""How often somebody may try to sign in: a moving window for each name at each address, and for each address.

Kept in memory: every process of the backend counts for itself.
"""

from __future__ import annotations

import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

WINDOW_MINUTES = 5


class TooManyAttempts(Exception):
    def __init__(self, retry_after: int) -> None:
        super().__init__(f"again in {retry_after} s")
        self.retry_after = retry_after


class LoginLimits:
    """`attempts` for one name at one address and `per_address` for one address, in 5 minutes."""

    def __init__(self, attempts: int, per_address: int) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._name = RateLimitItemPerMinute(attempts, WINDOW_MINUTES, namespace="name")
        self._address = RateLimitItemPerMinute(per_address, WINDOW_MINUTES, namespace="address")

    async def attempt(self, address: str, username: str | None = None) -> None:
        """Counts an attempt before it is made, so that parallel guesses count too. Raises TooManyAttempts."""
        await self._hit(self._address, address)
        if username is not None:
            await self._hit(self._name, address, username.lower())

    async def succeeded(self, address: str, username: str) -> None:
        """Whoever knows the password starts afresh."""
        await self._limiter.clear(self._name, address, username.lower())

    async def _hit(self, limit: RateLimitItemPerMinute, *key: str) -> None:
        if not await self._limiter.hit(limit, *key):
            window = await self._limiter.get_window_stats(limit, *key)
            raise TooManyAttempts(max(1, round(window.reset_time - time.time())))
