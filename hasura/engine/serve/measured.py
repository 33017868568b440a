"""What the engine knows anyway, read at each scrape; and what is watched beside requests.

Read in a thread beside the event loop: what changes meanwhile is copied first, in one step of Python's.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from hasura.engine import offload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Histogram, Metric
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from hasura.engine.metrics import Metrics

    from .engine import Engine

#: Seconds between two looks at the event loop.
LOOK_EVERY = 0.5


class State(Collector):
    """Of an engine that runs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        engine = self._engine
        yield GaugeMetricFamily(
            "hasura_engine_websockets", "WebSocket connections of clients.", len(engine.connections)
        )
        yield GaugeMetricFamily(
            "hasura_engine_offload_requests",
            "Large requests that are prepared aside, or wait for that.",
            offload.under_way(),
        )
        served = engine.resource_version
        yield GaugeMetricFamily(
            "hasura_engine_serving", "1 once there is metadata that is served.", int(served is not None)
        )
        yield GaugeMetricFamily(
            "hasura_engine_metadata_version", "The resource version of what is served.", served or 0
        )
        yield GaugeMetricFamily(
            "hasura_engine_inconsistent_objects",
            "Objects of the metadata that are not served.",
            engine.inconsistencies,
        )
        yield from self._live()
        yield from self._reads()
        yield from self._pools()

    def _live(self) -> Iterator[Metric]:
        subscribers = GaugeMetricFamily(
            "hasura_engine_subscriptions", "Subscriptions, by kind: live or stream.", labels=["kind"]
        )
        cohorts = GaugeMetricFamily(
            "hasura_engine_cohorts", "Cohorts: subscribers that ask the same.", labels=["kind"]
        )
        pollers = GaugeMetricFamily(
            "hasura_engine_pollers", "Statements that refresh cohorts.", labels=["kind"]
        )
        due = GaugeMetricFamily(
            "hasura_engine_cohorts_due", "Cohorts that wait to be refreshed.", labels=["kind"]
        )
        listening = GaugeMetricFamily(
            "hasura_engine_change_feed_listening",
            "1 while changes of tables are announced; without that they are polled for.",
            labels=["source"],
        )
        databases = self._engine.databases.open_now()
        for kind, streams in (("live", False), ("stream", True)):
            found = [poller for each in databases.values() for poller in each.live.pollers(streams=streams)]
            subscribers.add_metric([kind], sum(poller.subscribers for poller in found))
            cohorts.add_metric([kind], sum(poller.cohorts for poller in found))
            due.add_metric([kind], sum(poller.due for poller in found))
            pollers.add_metric([kind], len(found))
        for name, each in databases.items():
            listening.add_metric([name], int(each.live.listens))
        yield from (subscribers, cohorts, pollers, due, listening)

    def _reads(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily(
            "hasura_engine_shared_reads_waiting",
            "Queries that wait for others of their shape, to go in one statement.",
            labels=["source"],
        )
        reads = CounterMetricFamily(
            "hasura_engine_shared_reads", "Queries that were sent to PostgreSQL.", labels=["source"]
        )
        statements = CounterMetricFamily(
            "hasura_engine_shared_read_statements",
            "Statements that these went in, together with others of their shape.",
            labels=["source"],
        )
        for name, each in self._engine.databases.open_now().items():
            waiting.add_metric([name], each.pool.reads_waiting)
            reads.add_metric([name], each.pool.reads)
            statements.add_metric([name], each.pool.read_statements)
        yield from (waiting, reads, statements)

    def _pools(self) -> Iterator[Metric]:
        # https://www.psycopg.org/psycopg3/docs/advanced/pool.html#pool-stats
        connections = GaugeMetricFamily(
            "hasura_engine_pool_connections",
            "Connections to PostgreSQL, by source (metadata has its own) and state: used or idle.",
            labels=["source", "state"],
        )
        gauges = {
            "pool_max": GaugeMetricFamily(
                "hasura_engine_pool_max", "Connections that the pool may have at most.", labels=["source"]
            ),
            "requests_waiting": GaugeMetricFamily(
                "hasura_engine_pool_waiting", "Requests that wait for a connection now.", labels=["source"]
            ),
        }
        counters = {
            key: (CounterMetricFamily(f"hasura_engine_pool_{name}", text, labels=["source"]), scale)
            for key, name, text, scale in (
                ("requests_num", "requests", "Requests for a connection to PostgreSQL.", 1),
                ("requests_queued", "waits", "Requests for a connection that had to wait.", 1),
                ("requests_wait_ms", "wait_seconds", "How long these waited, together.", 0.001),
                ("requests_errors", "timeouts", "Requests for a connection that waited in vain.", 1),
                ("usage_ms", "usage_seconds", "How long connections were in use, together.", 0.001),
                ("connections_num", "connects", "Attempts to connect to PostgreSQL.", 1),
                (
                    "connections_errors",
                    "connect_failures",
                    "Attempts to connect to PostgreSQL that failed.",
                    1,
                ),
                (
                    "connections_lost",
                    "connections_lost",
                    "Connections to PostgreSQL that were found broken.",
                    1,
                ),
            )
        }
        for name, stats in self._engine.pool_stats().items():
            size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
            connections.add_metric([name, "used"], size - idle)
            connections.add_metric([name, "idle"], idle)
            for key, gauge in gauges.items():
                gauge.add_metric([name], stats.get(key, 0))
            for key, (counter, scale) in counters.items():
                counter.add_metric([name], stats.get(key, 0) * scale)
        yield connections
        yield from gauges.values()
        yield from (counter for counter, _ in counters.values())


class MeasureApis:
    """ASGI middleware, for what is not GraphQL: that measures its operations, one by one."""

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: frozenset[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].endswith("/graphql"):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = scope["path"] if scope["path"] in self._routes else "other"
                self._metrics.api.labels(route, str(message["status"])).observe(time.perf_counter() - started)
            await send(message)

        await self._app(scope, receive, answer)


async def watch_loop(lag: Histogram) -> None:
    """How late the event loop is: what everybody waits for when somebody does not let go of it. Until cancelled."""
    clock = asyncio.get_running_loop().time
    while True:
        asked = clock()
        await asyncio.sleep(LOOK_EVERY)
        lag.observe(max(0.0, clock() - asked - LOOK_EVERY))
