"""What the services know anyway, read at each scrape: it costs no request anything.

Read in a thread beside the event loop: what changes meanwhile is copied first, in one step of Python's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from backend.route_limits import RULES
from backend.services.breakers import STATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from backend.deps import Services


class State(Collector):
    """Of an app that runs: register it in the app's registry, and unregister it when it ends."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        services = self._services
        yield GaugeMetricFamily(
            "chat_users_connected", "Users with a WebSocket at this process.", services.open_sockets.users
        )
        yield GaugeMetricFamily(
            "chat_sessions_connected",
            "Chat sessions that somebody has open over a WebSocket of this process.",
            services.presence.sessions,
        )
        yield GaugeMetricFamily(
            "chat_answers_under_way", "Answers that this process writes.", services.replies.running
        )
        yield GaugeMetricFamily(
            "chat_bus_connected",
            "1 while this process hears what the others say.",
            int(services.bus.connected),
        )
        yield GaugeMetricFamily(
            "chat_bus_subscriptions", "Who in this process listens to the bus.", services.bus.subscribers
        )
        refused = CounterMetricFamily(
            "chat_limits_refused", "Requests that a limit refused, by its name.", labels=["limit"]
        )
        never = {rule.name: 0 for rule in RULES}
        for name, number in (never | services.limits.refused).items():
            refused.add_metric([name], number)
        yield refused
        yield GaugeMetricFamily(
            "chat_limits_counted_here",
            "1 while this process counts limits for itself although there is a Redis: it does not answer.",
            int(services.limits.redis_down),
        )
        yield from self._pool()
        yield from self._breakers()

    def _pool(self) -> Iterator[Metric]:
        # https://www.psycopg.org/psycopg3/docs/advanced/pool.html#pool-stats
        stats = self._services.pool.get_stats()
        size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
        connections = GaugeMetricFamily(
            "chat_db_pool_connections", "Connections to PostgreSQL, by state: used or idle.", labels=["state"]
        )
        connections.add_metric(["used"], size - idle)
        connections.add_metric(["idle"], idle)
        yield connections
        yield GaugeMetricFamily(
            "chat_db_pool_max", "Connections that the pool may have at most.", stats["pool_max"]
        )
        yield GaugeMetricFamily(
            "chat_db_pool_waiting",
            "Requests that wait for a connection now.",
            stats.get("requests_waiting", 0),
        )
        for name, help_text, value in (
            ("requests", "Requests for a connection to PostgreSQL.", stats.get("requests_num", 0)),
            ("waits", "Requests for a connection that had to wait.", stats.get("requests_queued", 0)),
            ("wait_seconds", "How long these waited, together.", stats.get("requests_wait_ms", 0) / 1000),
            ("timeouts", "Requests for a connection that waited in vain.", stats.get("requests_errors", 0)),
            ("usage_seconds", "How long connections were in use, together.", stats.get("usage_ms", 0) / 1000),
            ("connects", "Attempts to connect to PostgreSQL.", stats.get("connections_num", 0)),
            (
                "connect_failures",
                "Attempts to connect to PostgreSQL that failed.",
                stats.get("connections_errors", 0),
            ),
            (
                "connections_lost",
                "Connections to PostgreSQL that were found broken.",
                stats.get("connections_lost", 0),
            ),
        ):
            yield CounterMetricFamily(f"chat_db_pool_{name}", help_text, value)

    def _breakers(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(
            "chat_breaker_state",
            "1 for the state that the circuit breaker is in, else 0: closed, half_open or open.",
            labels=["breaker", "state"],
        )
        opened = CounterMetricFamily(
            "chat_breaker_opened", "How often a circuit breaker opened.", labels=["breaker"]
        )
        refused = CounterMetricFamily(
            "chat_breaker_refused", "What was not even tried, because it was open.", labels=["breaker"]
        )
        for breaker in self._services.breakers:
            for state in STATES:
                states.add_metric([breaker.name, state], float(breaker.state == state))
            opened.add_metric([breaker.name], breaker.opened)
            refused.add_metric([breaker.name], breaker.refused)
        yield from (states, opened, refused)
