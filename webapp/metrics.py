"""What the web UI's process counts and measures, for Prometheus; docs/observability.md lists all of it.

A label has few values, all of them known to the code: no user, no session, no text.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from backend.services.hasura_client import STATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backend.services.hasura_client import Breaker

# When each series began is of no use here, and would double their number.
disable_created_metrics()

#: Seconds.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: Between two looks at the event loop.
LOOK_EVERY = 0.5


class Metrics:
    """One server's, with a registry of its own. Also a `hasura_client.Observer`."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self.http = Histogram(
            "chat_web_http_request_duration_seconds",
            "From a request to the head of its answer; pages are everything that has no route of its own.",
            ["route", "method", "status"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.sockets = Gauge(
            "chat_web_websockets_open",
            "WebSockets: of tabs (Reflex's own), and of tabs that show an answer as it is written.",
            ["route"],
            registry=registry,
        )
        self.tabs = Gauge("chat_web_tabs_connected", "Tabs with a connection to Reflex.", registry=registry)
        self.events = Histogram(
            "chat_web_event_duration_seconds",
            "What a handler of Reflex's took, from the state's lock to its end.",
            ["handler"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.background = Gauge(
            "chat_web_background_events",
            "Handlers that run beside the others: most watch something for as long as a page is open.",
            ["handler"],
            registry=registry,
        )
        self.failures = Counter(
            "chat_web_event_failures_total",
            "Handlers that failed in a way that nobody foresaw.",
            registry=registry,
        )
        self.deliveries = Counter(
            "chat_web_outbox_deliveries_total",
            "Messages that browsers' outboxes tried to deliver, by what came of it: stored, refused, or later.",
            ["outcome"],
            registry=registry,
        )
        self.graphql = Histogram(
            "chat_web_graphql_request_duration_seconds",
            "One request to GraphQL; a repeated one counts each time. The outcome is ok or the client's error.",
            ["operation", "outcome"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.live_queries = Gauge(
            "chat_web_live_queries",
            "Subscriptions of this process at GraphQL.",
            ["operation"],
            registry=registry,
        )
        self.interruptions = Counter(
            "chat_web_live_query_interruptions_total",
            "Subscriptions that were cut off, and are tried again.",
            registry=registry,
        )
        self.pool_waits = Histogram(
            "chat_web_pool_wait_seconds",
            "How long a request waited for a connection of the pool, or in vain: graphql.",
            ["pool"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.breaker = Gauge(
            "chat_web_breaker_state",
            "1 for the state that the circuit breaker is in, else 0: closed, half_open or open.",
            ["breaker", "state"],
            registry=registry,
        )
        self.reachable = Gauge(
            "chat_web_servers_reachable",
            "1 while GraphQL and the API answer; it is looked at while a page is open.",
            registry=registry,
        )
        self.loop_lag = Histogram(
            "chat_web_event_loop_lag_seconds",
            "How much later than asked for the event loop called back, tried twice a second.",
            buckets=_SECONDS,
            registry=registry,
        )
        # A rate needs a value to begin with.
        for outcome in ("stored", "refused", "later"):
            self.deliveries.labels(outcome)

    def answered(self, operation: str, seconds: float, outcome: str, /) -> None:
        self.graphql.labels(operation, outcome).observe(seconds)

    @contextmanager
    def watched(self, operation: str, /) -> Iterator[None]:
        with self.live_queries.labels(operation).track_inprogress():
            yield

    def interrupted(self) -> None:
        self.interruptions.inc()

    def waited(self, seconds: float, /) -> None:
        self.pool_waits.labels("graphql").observe(seconds)

    def watch_breaker(self, breaker: Breaker) -> None:
        """Its state is read at each scrape."""
        for state in STATES:
            self.breaker.labels(breaker.name, state).set_function(
                lambda state=state: float(breaker.state == state)
            )

    async def watch_loop(self) -> None:
        """How late the event loop is: what all tabs wait for when somebody does not let go of it. Until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            asked = clock()
            await asyncio.sleep(LOOK_EVERY)
            self.loop_lag.observe(max(0.0, clock() - asked - LOOK_EVERY))
