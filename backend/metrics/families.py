"""The metrics that are counted as things happen: one object an app, two apps in a process share none."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from backend.services.assistant_errors import AssistantError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

# When each series began is of no use here, and would double their number.
disable_created_metrics()  # type: ignore[no-untyped-call]

#: Seconds. A request takes milliseconds; where it waits for something, as long as the settings allow.
REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
#: Of an answer, and of what a model takes before its first word.
ANSWER_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
#: A connection is mostly free; none is waited for much longer than the last.
POOL_SECONDS = (0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0)
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """:ivar registry: everything of this app, its process included."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)

        self.http_requests = Histogram(
            "chat_http_request_duration_seconds",
            "From a request to the head of its answer; the body of a stream is not counted.",
            ["route", "method", "status"],
            buckets=REQUEST_SECONDS,
            registry=registry,
        )
        self.http_under_way = Gauge(
            "chat_http_requests_in_progress",
            "Requests whose answer has not ended, streams included.",
            registry=registry,
        )
        self.streams = Gauge(
            "chat_streams_open", "Server-Sent Events that somebody reads.", ["route"], registry=registry
        )
        self.sockets = Gauge(
            "chat_websockets_open",
            "WebSockets that were accepted and have not ended.",
            ["route"],
            registry=registry,
        )
        self.handshakes = Counter(
            "chat_websocket_handshakes_total",
            "WebSockets that were asked for, by outcome: accepted or refused.",
            ["route", "outcome"],
            registry=registry,
        )
        self.errors = Counter(
            "chat_errors_total",
            "Problems that callers were told, by the slug of the problem's type; internal is a defect of ours.",
            ["kind"],
            registry=registry,
        )
        self.graphql = Histogram(
            "chat_graphql_request_duration_seconds",
            "One request to GraphQL; a repeated one counts each time. The outcome is ok or the client's error.",
            ["operation", "outcome"],
            buckets=REQUEST_SECONDS,
            registry=registry,
        )
        self.live_queries = Gauge(
            "chat_live_queries", "Subscriptions of this process at GraphQL.", ["operation"], registry=registry
        )
        self.interruptions = Counter(
            "chat_live_query_interruptions_total",
            "Subscriptions that were cut off, and are tried again.",
            registry=registry,
        )
        self.messages = Counter(
            "chat_messages_total",
            "Messages that users sent (one that is sent again counts again), and answers that ended.",
            ["role"],
            registry=registry,
        )
        self.answers = Counter(
            "chat_answers_total",
            "Answers that this process wrote, by the state in which they ended.",
            ["status"],
            registry=registry,
        )
        self.answer_failures = Counter(
            "chat_answer_failures_total", "Answers that failed, by cause.", ["kind"], registry=registry
        )
        self.answers_waiting = Gauge(
            "chat_answers_waiting", "Answers that wait for a free place at this process.", registry=registry
        )
        self.answer_wait = Histogram(
            "chat_answer_wait_seconds",
            "How long an answer waited for a free place (CHAT_REPLIES_AT_ONCE).",
            buckets=ANSWER_SECONDS,
            registry=registry,
        )
        self.answer_seconds = Histogram(
            "chat_answer_duration_seconds",
            "From a free place to the end of the answer.",
            buckets=ANSWER_SECONDS,
            registry=registry,
        )
        self.first_token = Histogram(
            "chat_llm_first_token_seconds",
            "From a free place to the answer's first word.",
            buckets=ANSWER_SECONDS,
            registry=registry,
        )
        self.tokens = Counter(
            "chat_llm_tokens_total",
            "Tokens of answers, counted at each one's end: as the model's server says, else estimated.",
            ["kind"],
            registry=registry,
        )
        self.sweeps = Histogram(
            "chat_sweep_duration_seconds",
            "One look for what is over: answers whose writer died, chats and accounts that go for good.",
            ["sweep", "outcome"],
            buckets=ANSWER_SECONDS,
            registry=registry,
        )
        self.swept = Counter(
            "chat_swept_total",
            "What sweeps ended or removed: answers; chats that went for good.",
            ["sweep"],
            registry=registry,
        )
        self.pool_waits = Histogram(
            "chat_pool_wait_seconds",
            "How long a request waited for a connection of the pool, or in vain: database or graphql.",
            ["pool"],
            buckets=POOL_SECONDS,
            registry=registry,
        )
        self.loop_lag = Histogram(
            "chat_event_loop_lag_seconds",
            "How much later than asked for the event loop called back, tried twice a second.",
            buckets=LAG_SECONDS,
            registry=registry,
        )
        # A rate needs a value to begin with: what may happen is there before it happens.
        for role in ("user", "assistant"):
            self.messages.labels(role)
        for status in ("complete", "stopped", "failed"):
            self.answers.labels(status)
        for kind in ("prompt", "completion"):
            self.tokens.labels(kind)
        self.errors.labels("internal")
        for error in AssistantError.__subclasses__():
            self.answer_failures.labels(error.kind)

    # What the GraphQL client tells (`hasura_client.Observer`).

    def answered(self, operation: str, seconds: float, outcome: str) -> None:
        self.graphql.labels(operation, outcome).observe(seconds)

    @contextmanager
    def watched(self, operation: str) -> Iterator[None]:
        with self.live_queries.labels(operation).track_inprogress():
            yield

    def interrupted(self) -> None:
        self.interruptions.inc()

    def waited(self, seconds: float) -> None:
        self.pool_waits.labels("graphql").observe(seconds)

    def ended(self, status: str, error: AssistantError | None, metadata: Mapping[str, Any]) -> None:
        """An answer, with what is saved of it."""
        self.answers.labels(status).inc()
        self.messages.labels("assistant").inc()
        if error is not None:
            self.answer_failures.labels(error.kind).inc()
        self.answer_seconds.observe(metadata["duration_ms"] / 1000)
        for kind in ("prompt", "completion"):
            self.tokens.labels(kind).inc(metadata[f"{kind}_tokens"] or 0)

    @contextmanager
    def sweep(self, name: str) -> Iterator[None]:
        """Of one sweep; an exception passes."""
        started, outcome = time.perf_counter(), "failed"
        try:
            yield
            outcome = "ok"
        finally:
            self.sweeps.labels(name, outcome).observe(time.perf_counter() - started)
