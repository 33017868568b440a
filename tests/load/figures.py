"""What was measured: how long things took, and what went wrong."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds between two looks at how late the generator itself is.
_TICK = 0.02


class Failure(Exception):
    """Something that a user would call an error; the text is its kind."""


def percentile(sorted_values: list[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed (nearest rank)."""
    return sorted_values[max(0, math.ceil(len(sorted_values) * share) - 1)]


class Figures:
    """Times in seconds, by what was done; only those from `begin` on, but for arrivals."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)
        self.arrivals: dict[str, list[float]] = defaultdict(list)
        self.errors: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.frames = 0
        self.lag: list[float] = []
        self._measuring = False

    def begin(self) -> None:
        """Everybody has arrived."""
        self._measuring = True
        self.lag.clear()
        self.frames = 0

    def end(self) -> None:
        self._measuring = False

    def add(self, what: str, seconds: float) -> None:
        self.done[what] += 1
        if self._measuring:
            self.times[what].append(seconds)
        else:
            self.arrivals[what].append(seconds)

    def fail(self, what: str, why: str) -> None:
        self.done[what] += 1
        self.errors[f"{what}: {why}"] += 1

    @contextmanager
    def timing(self, what: str) -> Iterator[None]:
        """Adds how long the block took; a failure is counted, and raised on as `Failure`."""
        began = time.perf_counter()
        try:
            yield
        except Failure as exc:
            self.fail(what, str(exc))
            raise
        except TimeoutError:
            self.fail(what, "no answer in time")
            raise Failure("no answer in time") from None
        except (OSError, aiohttp.ClientError) as exc:
            self.fail(what, type(exc).__name__)
            raise Failure(type(exc).__name__) from exc
        self.add(what, time.perf_counter() - began)

    async def watch_lag(self) -> None:
        """How late this process runs what is due: what it measures is too long by so much. Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _TICK
            await asyncio.sleep(_TICK)
            self.lag.append(max(0.0, loop.time() - due))

    @property
    def error_share(self) -> float:
        """Of everything that was done."""
        return sum(self.errors.values()) / max(1, sum(self.done.values()))
