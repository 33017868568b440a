"""Circuit breakers: what does not answer is left alone for a while, and whoever asks is told so at once.

               `failures` in a row                       `seconds` later, to whoever asks next
    closed ─────────────────────────► open ◄───────────┐ ──────────────────► half open: one attempt, nobody else
      ▲                                └─ it fails ────┴──────────────────────┤
      └─────────────────────────────────── it succeeds ───────────────────────┘

Own code: `purgatory` and `aiobreaker` let everybody through while half open, and count a caller who went away as a
failure; neither lets a stream succeed before its end.
"""

from __future__ import annotations

import time
from math import ceil
from typing import TYPE_CHECKING, Literal, Self, get_args

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

State = Literal["closed", "half_open", "open"]
STATES: tuple[State, ...] = get_args(State)

log = structlog.get_logger(__name__)


class BreakerOpen(Exception):
    """It is not even tried; `retry_after` in whole seconds."""

    def __init__(self, name: str, retry_after: int) -> None:
        super().__init__(f"{name} is left alone for a while")
        self.retry_after = retry_after


class Breaker:
    """Of one other side, for one process and event loop.

    :param failures: in a row, that open it.
    :param seconds: that it stays open.
    :param judge: says what an exception means; one that is no Exception, such as a cancellation, means nothing.
    :ivar opened: how often it has opened; :ivar refused: attempts that were not made.
    """

    def __init__(
        self, name: str, *, failures: int, seconds: float, judge: Callable[[Exception], bool | None]
    ) -> None:
        self.name = name
        self.opened = 0
        self.refused = 0
        self.judge = judge
        self._most = failures
        self._seconds = seconds
        self._failures = 0
        self._open_until: float | None = None
        self._probe: Attempt | None = None

    @property
    def state(self) -> State:
        if self._open_until is None:
            return "closed"
        return "open" if self._probe is None else "half_open"

    def attempt(self) -> Attempt:
        """To be entered with ``with`` around what is attempted. Raises BreakerOpen."""
        attempt = Attempt(self, self.opened)
        if self._open_until is not None:
            wait = self._open_until - time.monotonic()
            if wait > 0 or self._probe is not None:
                self.refused += 1
                raise BreakerOpen(self.name, max(1, ceil(wait)))
            self._probe = attempt
        return attempt

    def close(self) -> None:
        """It was seen to answer."""
        if self._open_until is not None:
            log.info("breaker_closed", breaker=self.name)
        self._failures, self._open_until, self._probe = 0, None, None

    def settle(self, attempt: Attempt, failed: bool | None) -> None:
        if attempt is self._probe:
            if failed is False:
                self.close()
                return
            self._probe = None  # the next one may try
            if failed:
                self._open()
        elif self._open_until is None and attempt.era == self.opened and failed is not None:
            # What began before it opened says nothing about afterwards.
            self._failures = self._failures + 1 if failed else 0
            if self._failures >= self._most:
                self._open()

    def _open(self) -> None:
        self.opened += 1
        self._failures = 0
        self._open_until = time.monotonic() + self._seconds
        log.warning("breaker_opened", breaker=self.name, seconds=self._seconds)


class Attempt:
    """One use of the other side."""

    __slots__ = ("_breaker", "era")

    def __init__(self, breaker: Breaker, era: int) -> None:
        self._breaker = breaker
        self.era = era

    def answered(self) -> None:
        """A stream has begun: if this was the probe, others need not wait for its end."""
        if self._breaker.state == "half_open":
            self._breaker.settle(self, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, exc: BaseException | None, __: TracebackType | None
    ) -> None:
        match exc:
            case None:
                failed: bool | None = False
            case Exception():
                failed = self._breaker.judge(exc)
            case _:
                failed = None
        self._breaker.settle(self, failed)
