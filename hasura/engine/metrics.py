"""What an engine process counts and measures, for Prometheus; docs/observability.md lists all of it.

Labels have few values: kinds, codes of errors, root fields that the schema has. Nothing of a session, no operation's
name, which is whatever its client chose.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from prometheus_client import Metric

# When each series began is of no use here, and would double their number.
disable_created_metrics()  # type: ignore[no-untyped-call]

#: Seconds.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500)
#: Root fields that have a label; metadata that changes all the time must not fill the memory.
_MOST_ROOTS = 500


class Metrics:
    """One engine's, with a registry of its own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self._operations = Operations()
        registry.register(self._operations)
        self.api = Histogram(
            "hasura_engine_api_duration_seconds",
            "A request to another API than GraphQL's, to the head of its answer.",
            ["route", "status"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.refresh = Histogram(
            "hasura_engine_refresh_duration_seconds",
            "One statement that refreshes a batch of subscriptions; kind is live or stream.",
            ["kind"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.refresh_cohorts = Histogram(
            "hasura_engine_refresh_cohorts",
            "Cohorts (subscribers that ask the same) that one statement refreshed.",
            ["kind"],
            buckets=_SIZES,
            registry=registry,
        )
        self.told = Counter(
            "hasura_engine_subscription_answers_total",
            "Answers that subscribers were told.",
            registry=registry,
        )
        self.held_back = Counter(
            "hasura_engine_subscription_answers_held_back_total",
            "Answers that were not told at once, because the client had not taken the ones before.",
            registry=registry,
        )
        self.loop_lag = Histogram(
            "hasura_engine_event_loop_lag_seconds",
            "How much later than asked for the event loop called back, tried twice a second.",
            buckets=_LAG_SECONDS,
            registry=registry,
        )
        for kind in ("live", "stream"):
            self.refresh.labels(kind)
            self.refresh_cohorts.labels(kind)

    def operation(self) -> Timed:
        """Measures one, as a context manager."""
        return Timed(self._operations)


class Operations(Collector):
    """The histogram that every request comes by. prometheus_client's own takes four times as long: it locks, and
    there is one event loop here."""

    def __init__(self) -> None:
        self._roots: set[str] = set()
        #: by the values of the labels: how many in each bucket, and beyond the last; and the sum of all
        self._counts: dict[tuple[str, str, str], list[int]] = {}
        self._sums: dict[tuple[str, str, str], float] = {}

    def ended(self, kind: str, root: str, outcome: str, seconds: float) -> None:
        """Counts one."""
        if root not in self._roots:
            # What succeeded was in the schema.
            if outcome == "ok" and len(self._roots) < _MOST_ROOTS:
                self._roots.add(root)
            else:
                root = "other"
        key = (kind, root, outcome)
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = [0] * (len(_SECONDS) + 1)
            self._sums[key] = 0.0
        counts[bisect_left(_SECONDS, seconds)] += 1
        self._sums[key] += seconds

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(
            "hasura_engine_operation_duration_seconds",
            "A GraphQL operation, from its request to its answer; of a subscription, to the first one. "
            "root is its root field (several, or other where the schema has not been seen to have it), "
            "outcome ok or Hasura's code of the error.",
            labels=["kind", "root", "outcome"],
        )
        bounds = [*map(floatToGoString, _SECONDS), "+Inf"]
        for key, counts in list(self._counts.items()):
            family.add_metric(
                key, list(zip(bounds, accumulate(counts), strict=True)), sum_value=self._sums[key]
            )
        yield family


class Timed:
    """``kind`` and ``root`` are the operation's, once it is read."""

    __slots__ = ("_operations", "_started", "kind", "root")

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self.kind = "unread"
        self.root = "other"

    def __enter__(self) -> Timed:
        self._started = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # An EngineError's code; of others (a client that hung up, a defect) there is none.
        outcome = "ok" if error is None else getattr(error, "code", type(error).__name__)
        self._operations.ended(self.kind, self.root, outcome, time.perf_counter() - self._started)
