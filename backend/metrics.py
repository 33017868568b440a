"""What this process counts and measures, for Prometheus: one registry an app, served by `routes/metrics.py`.

Names begin with ``chat_``, units are seconds, bytes and plain numbers (https://prometheus.io/docs/practices/naming/).
A label has few values, all of them known to the code: no user, no session, no text. docs/observability.md lists all.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

#: Seconds. A request takes milliseconds; where it waits for something, the timeouts of the settings.
REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The metrics of one app; two apps in a process share none."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

        self.http_requests = Histogram(
            "chat_http_request_duration_seconds",
            "From a request to the head of its answer; the body of a stream is not counted.",
            ["route", "method", "status"],
            buckets=REQUEST_SECONDS,
            registry=self.registry,
        )
        self.http_under_way = Gauge(
            "chat_http_requests_in_progress",
            "Requests whose answer has not ended, streams included.",
            registry=self.registry,
        )
        self.streams = Gauge(
            "chat_streams_open",
            "Server-Sent Events that somebody listens to.",
            ["route"],
            registry=self.registry,
        )
        self.sockets = Gauge(
            "chat_websockets_open",
            "WebSockets that were accepted and are open.",
            ["route"],
            registry=self.registry,
        )
        self.sockets_opened = Counter(
            "chat_websockets_opened_total",
            "WebSockets by what became of the handshake: accepted or refused.",
            ["route", "outcome"],
            registry=self.registry,
        )
