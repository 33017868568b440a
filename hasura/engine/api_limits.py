"""The limits that the metadata sets to what roles may ask for (``api_limits``); nothing limits an admin.

Source: https://hasura.io/docs/2.0/security/api-limits/. Rates are counted in the memory of each process.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from limits import RateLimitItemPerMinute

from hasura.engine.errors import (
    BatchLimitExceeded,
    DepthLimitExceeded,
    NodeLimitExceeded,
    RateLimitExceeded,
    TimeLimitExceeded,
)
from hasura.engine.metadata import model
from hasura.engine.session import ADMIN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from limits.strategies import MovingWindowRateLimiter

    from hasura.engine.document.extent import Extent
    from hasura.engine.session import Session

T = TypeVar("T")


class ApiLimits:
    """What one state of the metadata limits; the limiter, with what it has counted, outlives it."""

    @classmethod
    def of(cls, metadata: Mapping[str, Any], limiter: MovingWindowRateLimiter) -> ApiLimits | None:
        """None where nothing is limited."""
        found = model.ApiLimits.model_validate(metadata.get("api_limits") or {})
        return cls(found, limiter) if found.limits_anything else None

    def __init__(self, limits: model.ApiLimits, limiter: MovingWindowRateLimiter) -> None:
        self._limits = limits
        self._limiter = limiter

    def check_batch(self, session: Session, size: int) -> None:
        """:raises BatchLimitExceeded: so many operations may not come together."""
        most = _of(self._limits.batch_limit, session)
        if most is not None and size > most:
            raise BatchLimitExceeded(f"batch limit of {most} exceeded")

    def check(self, session: Session, extent: Extent, address: str) -> None:
        """Counts an operation that comes from an IP address.

        :raises RateLimitExceeded, DepthLimitExceeded, NodeLimitExceeded: it may not be run.
        """
        rate = _of(self._limits.rate_limit, session)
        if rate is not None and not self._hit(rate, session, address):
            raise RateLimitExceeded(f"rate limit of {rate.max_reqs_per_min} exceeded")
        most = _of(self._limits.depth_limit, session)
        if most is not None and extent.depth > most:
            raise DepthLimitExceeded(f"depth limit of {most} exceeded")
        most = _of(self._limits.node_limit, session)
        if most is not None and extent.nodes > most:
            raise NodeLimitExceeded(f"node limit of {most} exceeded")

    def _hit(self, rate: model.RateLimit, session: Session, address: str) -> bool:
        if rate.max_reqs_per_min == 0:
            return False
        params = rate.unique_params or ()
        whose = (address,) if params == "IP" else [session.variables.get(name.lower(), "") for name in params]
        return self._limiter.hit(RateLimitItemPerMinute(rate.max_reqs_per_min), session.role, *whose)

    async def timed(self, session: Session, work: Awaitable[T]) -> T:
        """What ``work`` answers.

        :raises TimeLimitExceeded: it took too long; what it was doing, PostgreSQL's statement too, is cancelled.
        """
        seconds = _of(self._limits.time_limit, session)
        try:
            async with asyncio.timeout(seconds) as limit:
                return await work
        except TimeoutError:
            if not limit.expired():
                raise
            raise TimeLimitExceeded(f"time limit of {seconds:g}s exceeded") from None


def _of(limit: model.Limit[T] | None, session: Session) -> T | None:
    if limit is None or session.role == ADMIN:
        return None
    return limit.per_role.get(session.role, limit.everybodys)
