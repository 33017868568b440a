"""How often somebody may try to sign in: a moving window for each name at each address, and for each address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limits import RateLimitItemPerMinute

if TYPE_CHECKING:
    from uuid import UUID

    from backend.services.rate_limits import RateLimits

WINDOW_MINUTES = 5


class LoginLimits:
    """`attempts` for one name at one address and `per_address` for one address, in 5 minutes."""

    def __init__(self, limits: RateLimits, attempts: int, per_address: int) -> None:
        self._limits = limits
        self._name = RateLimitItemPerMinute(attempts, WINDOW_MINUTES, namespace="name")
        self._address = RateLimitItemPerMinute(per_address, WINDOW_MINUTES, namespace="address")
        self._account = RateLimitItemPerMinute(attempts, WINDOW_MINUTES, namespace="account")

    async def attempt(self, address: str, username: str | None = None) -> None:
        """Counts an attempt before it is made, so that parallel guesses count too. Raises LimitReached."""
        await self._limits.hit(self._address, address)
        if username is not None:
            await self._limits.hit(self._name, address, username.lower())

    async def succeeded(self, address: str, username: str) -> None:
        """Whoever knows the password starts afresh."""
        await self._limits.clear(self._name, address, username.lower())

    async def confirmation(self, address: str, user_id: UUID) -> None:
        """Counts a try at the password of somebody who is signed in: `attempts` from all addresses together, since
        whoever holds a stolen token may have many. Raises LimitReached.
        """
        await self._limits.hit(self._address, address)
        await self._limits.hit(self._account, str(user_id))

    async def confirmed(self, user_id: UUID) -> None:
        await self._limits.clear(self._account, str(user_id))
