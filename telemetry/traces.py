"""Spans, where ``OTEL_EXPORTER_OTLP_ENDPOINT`` names a collector; else no import and no cost.

A trace has an id in either case, for log lines and error answers: the one that came with the request
(https://www.w3.org/TR/trace-context/), or a new one.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from telemetry.recorder import Recorder

    Kind = Literal["internal", "server", "client", "producer", "consumer"]
    Attributes = Mapping[str, str | int | float | bool]

# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_NOTHING: AbstractContextManager[Any] = nullcontext()

#: Asked every few seconds by whoever looks after the processes.
_CHECKS = frozenset({"/healthz", "/hasura/healthz", "/readyz", "/metrics", "/ping"})

#: What records, between `start` and `stop`. As logging, it belongs to the process.
_recorder: Recorder | None = None


class Place(NamedTuple):
    """A place in a trace: of a caller's span, by its ids in hexadecimal."""

    trace_id: str
    span_id: str
    sampled: bool

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


def wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment asks for traces.

    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    """
    return (
        any(environment.get(name) for name in _ENDPOINTS)
        and environment.get("OTEL_SDK_DISABLED", "").lower() != "true"
        and environment.get("OTEL_TRACES_EXPORTER", "otlp") == "otlp"
    )


def start(service: str, *, edge: bool = False) -> None:
    """From now on this process records, if the environment asks for it.

    :param service: its name, unless ``OTEL_SERVICE_NAME`` says otherwise.
    :param edge: its callers are browsers: whether their traces are kept is decided here.
    :raises ValueError: the environment asks for a protocol that is not ``http/protobuf``.
    """
    global _recorder  # noqa: PLW0603  the process's own, as logging's handlers are
    if _recorder is None and wanted():
        from telemetry.recorder import Recorder  # noqa: PLC0415  the SDK takes a quarter of a second to import

        _recorder = Recorder(service, edge=edge)


def stop() -> None:
    """Sends what has not been sent, within a few seconds."""
    global _recorder  # noqa: PLW0603
    if _recorder is not None:
        _recorder.close()
        _recorder = None


def on() -> bool:
    return _recorder is not None


def recorder() -> Recorder | None:
    return _recorder


def place_of(traceparent: str) -> Place | None:
    found = _TRACEPARENT.fullmatch(traceparent)
    return Place(found[1], found[2], int(found[3], 16) & 1 == 1) if found else None


def trace_id_of(traceparent: str, request_id: str = "") -> str:
    """The id of the caller's trace, by either header, or a new one."""
    if found := place_of(traceparent):
        return found.trace_id
    return request_id if _TRACE_ID.fullmatch(request_id) else secrets.token_hex(16)


def span(
    name: str,
    kind: Kind = "internal",
    attributes: Attributes | None = None,
    *,
    within: Context | None = None,
    links: Iterable[Context] = (),
) -> AbstractContextManager[Span | None]:
    """A part of what goes on, current inside; None where nothing is recorded, or nothing goes on that somebody asked
    for.

    Failures are known by their types: what an exception says may be content.

    :param within: of another task, from `here`.
    :param links: what else it was done for.
    """
    if _recorder is None:
        return _NOTHING
    return _recorder.span(name, kind, attributes, within=within, links=links)


def served(
    name: str,
    traceparent: str,
    trace_id: str,
    kind: Kind = "server",
    *,
    path: str = "",
) -> AbstractContextManager[Span | None]:
    """A request of somebody else: below the caller's span, or the first of the trace `trace_id`."""
    if _recorder is None or path in _CHECKS:
        return _NOTHING
    return _recorder.served(name, place_of(traceparent), trace_id, kind)


def answered(method: str, route: str | None, status: int) -> None:
    """How a request that is `served` ended; `route` is a template, without ids."""
    if _recorder is not None:
        _recorder.answered(method, route, status)


def traceparent(trace_id: str) -> str:
    """The current span's, or one in the trace `trace_id` that nobody has recorded."""
    own = None if _recorder is None else _recorder.outgoing().get("traceparent")
    if own:
        return own
    return Place(trace_id, secrets.token_hex(8), sampled=False).traceparent


def shared(name: str, callers: Sequence[Context | None]) -> AbstractContextManager[Span | None]:
    """Work done once for several requests, by their `here`: below the first, linked with the others both ways."""
    if _recorder is None:
        return _NOTHING
    known = [caller for caller in callers if caller is not None]
    if not known:
        return _NOTHING
    if len(known) == 1:
        return _recorder.at(known[0])
    return _recorder.shared(name, known)


def begun(name: str, attributes: Attributes) -> AbstractContextManager[None]:
    """Work that nobody waits for, in a trace of its own."""
    return _NOTHING if _recorder is None else _recorder.begun(name, attributes)


def here() -> Context | None:
    """For `span` in another task."""
    return None if _recorder is None else _recorder.here()


def annotate(**attributes: str | float) -> None:
    """Attributes of the current span; a name's double underscores are dots."""
    if _recorder is not None:
        _recorder.annotate({name.replace("__", "."): value for name, value in attributes.items()})


def current_trace_id() -> str | None:
    """Of the request that is worked on."""
    trace_id = structlog.contextvars.get_contextvars().get("trace_id")
    if isinstance(trace_id, str):
        return trace_id
    # Reflex's events bring theirs by OpenTelemetry's interface, whether or not anything is recorded (webapp.tracing).
    api = sys.modules.get("opentelemetry.trace")
    context = api.get_current_span().get_span_context() if api else None
    return f"{context.trace_id:032x}" if context and context.is_valid else None


def outgoing() -> dict[str, str]:
    """Headers that tell another of our services which trace its work belongs to."""
    trace_id = current_trace_id()
    headers = {} if trace_id is None else {"x-request-id": trace_id}  # Hasura's own name for it, in its logs
    return headers if _recorder is None else headers | _recorder.outgoing()
