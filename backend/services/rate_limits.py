"""How often something may happen in a moving window: counted in Redis for all processes, else in this one's memory.

Not by the library `limits`: it needs a second round trip for each limit to say how many are left, and its memory looks
at every key after every hit. Here one script counts all limits of a request, and all or none.

While Redis is away, or slow, each process counts for itself: nobody is shut out, and the limits still hold, for each
process.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import RedisError

from telemetry.safe import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

    from backend.settings import Settings

#: Seconds until Redis is asked again after a failure, by one request.
ASK_AGAIN = 2.0
#: Seconds that an answer of Redis may take: every request waits for it.
ANSWER_WITHIN = 0.5
#: Scripts on their way at once, each with a connection.
AT_ONCE = 32
#: New keys in memory after which those that have run out are dropped.
SWEEP_EVERY = 1000

_SCRIPT = Path(__file__).with_suffix(".lua").read_text(encoding="utf-8")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rule:
    """`setting` is the field of `Settings` with how many there may be in `seconds`."""

    name: str
    setting: str
    seconds: int
    #: Counted over all processes; else each protects itself, and nobody waits for Redis.
    shared: bool = True


@dataclass(frozen=True, slots=True)
class Claim:
    """One more under a rule, for somebody."""

    rule: Rule
    key: str

    @property
    def place(self) -> str:
        return f"chat-sessions:limit:{self.rule.name}:{self.key}"


@dataclass(frozen=True, slots=True)
class Standing:
    """Of somebody under a rule: `remaining` now, one more in `reset` seconds."""

    limit: int
    seconds: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-06"""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
            "RateLimit-Policy": f"{self.limit};w={self.seconds}",
        }


class LimitReached(Exception):
    def __init__(self, rule: Rule, standing: Standing) -> None:
        super().__init__(f"{rule.name}: again in {standing.reset} s")
        self.rule = rule
        self.standing = standing

    @property
    def retry_after(self) -> int:
        return self.standing.reset


class RateLimits:
    """:ivar refused: how often, by the rule's name; :ivar redis_down: whether this process counts for itself."""

    def __init__(self, redis: Redis | None, settings: Settings) -> None:
        self.refused: dict[str, int] = {}
        self.redis_down = False
        self._settings = settings
        self._memory = _Memory()
        self._redis = redis
        self._script = redis.register_script(_SCRIPT) if redis is not None else None
        self._ask_from = 0.0
        self._asking = asyncio.Semaphore(AT_ONCE)

    async def hit(self, *claims: Claim) -> Standing:
        """Counts one for each, and answers the one that is nearest to its end. Raises LimitReached, and then counts
        nothing.
        """
        limits = [(claim.place, self._amount(claim), claim.rule.seconds) for claim in claims]
        found = None
        if self._script is not None and all(claim.rule.shared for claim in claims):
            found = await self._ask_redis(limits)
        counted, states = found or self._memory.hit(limits)
        standings = [
            Standing(amount, seconds, max(0, amount - used), max(1, math.ceil(wait)))
            for (_, amount, seconds), (used, wait) in zip(limits, states, strict=True)
        ]
        if counted:
            return min(standings, key=lambda each: each.remaining)
        full = [pair for pair in zip(claims, standings, strict=True) if not pair[1].remaining]
        claim, standing = max(full, key=lambda pair: pair[1].reset)
        self.refused[claim.rule.name] = self.refused.get(claim.rule.name, 0) + 1
        raise LimitReached(claim.rule, standing)

    async def clear(self, claim: Claim) -> None:
        self._memory.clear(claim.place)
        if self._redis is not None and time.monotonic() >= self._ask_from:
            try:
                async with asyncio.timeout(ANSWER_WITHIN):
                    await self._redis.delete(claim.place)
            except (RedisError, TimeoutError) as exc:
                log.warning("limit_not_cleared", cause=told(exc))

    async def _ask_redis(self, limits: Sequence[tuple[str, int, int]]) -> _Answer | None:
        if time.monotonic() < self._ask_from or self._script is None:
            return None
        if self.redis_down:
            self._ask_from = time.monotonic() + ASK_AGAIN  # the others go on without it until this one knows
        keys = [key for key, _, _ in limits]
        numbers = [number for _, amount, seconds in limits for number in (amount, seconds * 1000)]
        try:
            async with asyncio.timeout(ANSWER_WITHIN), self._asking:
                counted, *flat = await self._script(keys=keys, args=numbers)
        except (RedisError, TimeoutError) as exc:
            self._ask_from = time.monotonic() + ASK_AGAIN
            if not self.redis_down:
                log.warning("limits_counted_here", cause=told(exc))
            self.redis_down = True
            return None
        self._ask_from, self.redis_down = 0.0, False
        return bool(counted), [(flat[n], flat[n + 1] / 1000) for n in range(0, len(flat), 2)]

    def _amount(self, claim: Claim) -> int:
        amount: int = getattr(self._settings, claim.rule.setting)
        return amount


#: Whether it was counted; for each limit how many are in its window, and the seconds until there is one place more.
_Answer = tuple[bool, list[tuple[int, float]]]


class _Memory:
    """What the script does, for one process."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[deque[float], int]] = {}
        self._sweep_at = SWEEP_EVERY

    def hit(self, limits: Sequence[tuple[str, int, int]]) -> _Answer:
        now = time.monotonic()
        windows = [self._window(key, seconds, now) for key, _, seconds in limits]
        counted = all(len(window) < amount for window, (_, amount, _) in zip(windows, limits, strict=True))
        states = []
        for window, (_, amount, seconds) in zip(windows, limits, strict=True):
            if counted:
                window.append(now)
            next_to_go = window[max(0, len(window) - amount)] if window else now
            states.append((len(window), next_to_go + seconds - now))
        return counted, states

    def clear(self, key: str) -> None:
        self._windows.pop(key, None)

    def _window(self, key: str, seconds: int, now: float) -> deque[float]:
        if key not in self._windows:
            self._sweep(now)
            self._windows[key] = deque(), seconds
        window, _ = self._windows[key]
        while window and window[0] <= now - seconds:
            window.popleft()
        return window

    def _sweep(self, now: float) -> None:
        if len(self._windows) < self._sweep_at:
            return
        self._windows = {
            key: (window, seconds)
            for key, (window, seconds) in self._windows.items()
            if window and window[-1] > now - seconds
        }
        self._sweep_at = 2 * len(self._windows) + SWEEP_EVERY
