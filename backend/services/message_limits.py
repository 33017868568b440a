"""How many messages one user may send, whichever way they come: a moving window of a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limits import RateLimitItemPerMinute

if TYPE_CHECKING:
    from uuid import UUID

    from backend.services.rate_limits import RateLimits


class MessageLimits:
    def __init__(self, limits: RateLimits, per_minute: int) -> None:
        self._limits = limits
        self._user = RateLimitItemPerMinute(per_minute, namespace="messages")

    async def count(self, user_id: UUID) -> None:
        """Raises LimitReached."""
        await self._limits.hit(self._user, str(user_id))
