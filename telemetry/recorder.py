"""OpenTelemetry's SDK as this project uses it. Imported only where traces are wanted."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from cachetools import LRUCache
from opentelemetry import context as contexts
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_NAMESPACE, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, TraceState
    from opentelemetry.util import types as otel

    from telemetry.traces import Attributes, Kind, Place

#: Of one attempt to reach the collector, in seconds: at the end of a process somebody waits for it.
PATIENCE = 3.0
#: Browsers' spans whose own measures are waited for.
CALLERS = 10_000
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_KINDS = {kind.name.lower(): kind for kind in SpanKind}


class Recorder:
    """One process's. Raises ValueError for a protocol that it does not speak."""

    def __init__(self, service: str, *, edge: bool = False) -> None:
        protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get(
            "OTEL_EXPORTER_OTLP_PROTOCOL"
        )
        if protocol not in {None, "", "http/protobuf"}:
            raise ValueError(f"OTEL_EXPORTER_OTLP_PROTOCOL: {protocol} is not supported, http/protobuf is")
        asked = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT") or os.environ.get(
            "OTEL_EXPORTER_OTLP_TIMEOUT"
        )
        exporter = OTLPSpanExporter(timeout=float(asked) if asked else PATIENCE)
        self._processor = BatchSpanProcessor(Contentless(exporter))
        self._providers: dict[str, TracerProvider] = {}
        self._wanted: ContextVar[tuple[int, int] | None] = ContextVar("wanted_ids", default=None)
        self._edge: Edge | None = None
        self.provider = self._provider(service, own=True)
        if edge:
            self.provider.sampler = self._edge = Edge(self.provider.sampler)
        self._tracer = self.provider.get_tracer("chat-sessions")
        trace.set_tracer_provider(self.provider)

    def close(self) -> None:
        self._processor.shutdown()  # type: ignore[no-untyped-call]

    @contextmanager
    def span(
        self,
        name: str,
        kind: Kind,
        attributes: Attributes | None,
        *,
        within: Context | None = None,
        links: Iterable[Context] = (),
    ) -> Iterator[Span | None]:
        if within is None and not trace.get_current_span().get_span_context().is_valid:
            yield None  # housekeeping, which nobody asked for
            return
        others = [Link(trace.get_current_span(other).get_span_context()) for other in links]
        span = self._tracer.start_span(name, within, _KINDS[kind], attributes, others)
        with _current(span):
            yield span

    @contextmanager
    def begun(self, name: str, attributes: Attributes) -> Iterator[None]:
        with _current(self._tracer.start_span(name, contexts.Context(), attributes=attributes)):
            yield

    @contextmanager
    def served(self, name: str, caller: Place | None, trace_id: str, kind: Kind) -> Iterator[Span]:
        if caller is None:
            with self._ids(trace_id):
                span = self._tracer.start_span(name, contexts.Context(), _KINDS[kind])
        else:
            span = self._tracer.start_span(name, _below(caller), _KINDS[kind])
        with _current(span):
            yield span

    def reported(
        self, service: str, place: Place, name: str, *, began: int, ended: int, attributes: Attributes
    ) -> None:
        """A span that a browser has measured, with the ids that it has there; times in ns since 1970.

        Once, and only of one that has called here lately: nobody else can put spans into a trace.
        """
        if self._edge is None or not self._edge.take(place):
            return
        tracer = self._provider(service).get_tracer("chat-sessions")
        with self._ids(place.trace_id, place.span_id):
            span = tracer.start_span(name, contexts.Context(), SpanKind.CLIENT, attributes, start_time=began)
        span.end(ended)

    @contextmanager
    def _ids(self, trace_id: str, span_id: str = "0") -> Iterator[None]:
        token = self._wanted.set((int(trace_id, 16), int(span_id, 16)))
        try:
            yield
        finally:
            self._wanted.reset(token)

    @contextmanager
    def at(self, place: Context) -> Iterator[None]:
        token = contexts.attach(place)
        try:
            yield
        finally:
            contexts.detach(token)

    @contextmanager
    def shared(self, name: str, callers: Sequence[Context]) -> Iterator[None]:
        first, *others = callers
        with self.span(
            name, "internal", {"chat.shared.by": len(callers)}, within=first, links=others
        ) as span:
            if span is not None:
                for other in others:
                    trace.get_current_span(other).add_link(span.get_span_context())
            yield

    def here(self) -> Context:
        return contexts.get_current()

    def annotate(self, attributes: Attributes) -> None:
        trace.get_current_span().set_attributes(dict(attributes))

    def answered(self, method: str, route: str | None, status: int) -> None:
        span = trace.get_current_span()
        known = method if method in _METHODS else "HTTP"
        span.update_name(f"{known} {route}" if route else known)
        span.set_attribute("http.request.method", known if known != "HTTP" else "_OTHER")
        span.set_attribute("http.response.status_code", status)
        if route:
            span.set_attribute("http.route", route)
        if status >= 500:
            failed(span, str(status))

    def outgoing(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        propagate.inject(headers)
        return headers

    def _provider(self, service: str, *, own: bool = False) -> TracerProvider:
        found = self._providers.get(service)
        if found is None:
            environment = Resource.create()
            named = own and not str(environment.attributes[SERVICE_NAME]).startswith("unknown_service")
            described = {SERVICE_NAMESPACE: "chat-sessions", **({} if named else {SERVICE_NAME: service})}
            found = TracerProvider(
                resource=environment.merge(Resource(described)),
                id_generator=_Ids(self._wanted),
                shutdown_on_exit=False,
            )
            found.add_span_processor(self._processor)
            self._providers[service] = found
        return found


def failed(span: Span, kind: str) -> None:
    """Its work did not succeed; `kind` is the type of what went wrong."""
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


class Contentless(SpanExporter):
    """Drops what libraries say of exceptions, which may be content: the type stays."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_without_content(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _without_content(span: ReadableSpan) -> ReadableSpan:
    if not span.events and not span.status.description:
        return span
    types = [(event.attributes or {}).get("exception.type") for event in span.events]
    thrown = next((kind for kind in types if kind), None)
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={**(span.attributes or {}), **({} if thrown is None else {"error.type": thrown})},
        links=span.links,
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
    )


class Edge(Sampler):
    """Decides for callers that are not ours, as if their traces began here, and remembers the latest of them."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self._callers: LRUCache[tuple[int, int], None] = LRUCache(CALLERS)

    def should_sample(  # noqa: PLR0917  the SDK's
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: otel.Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        caller = trace.get_current_span(parent_context).get_span_context()
        if not caller.is_remote:
            return self._sampler.should_sample(
                parent_context, trace_id, name, kind, attributes, links, trace_state
            )
        result = self._sampler.should_sample(contexts.Context(), trace_id, name, kind, attributes, links)
        if result.decision is not Decision.DROP:
            self._callers[caller.trace_id, caller.span_id] = None
        return result

    def take(self, place: Place) -> bool:
        """Whether it has called, and has not been taken yet."""
        key = (int(place.trace_id, 16), int(place.span_id, 16))
        found = key in self._callers
        self._callers.pop(key, None)
        return found

    def get_description(self) -> str:
        return f"Edge{{{self._sampler.get_description()}}}"


class _Ids(IdGenerator):
    """New ids, unless some are wanted: those of a trace that a request has named, or of a span measured elsewhere."""

    def __init__(self, wanted: ContextVar[tuple[int, int] | None]) -> None:
        self._wanted = wanted

    def generate_trace_id(self) -> int:
        wanted = self._wanted.get()
        return wanted[0] if wanted else int(secrets.token_hex(16), 16)

    def generate_span_id(self) -> int:
        wanted = self._wanted.get()
        return (wanted[1] if wanted else 0) or int(secrets.token_hex(8), 16)


@contextmanager
def _current(span: Span) -> Iterator[None]:
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield
        except Exception as exc:
            failed(span, type(exc).__qualname__)
            raise


def _below(caller: Place) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if caller.sampled else TraceFlags.DEFAULT)
    context = SpanContext(
        int(caller.trace_id, 16), int(caller.span_id, 16), is_remote=True, trace_flags=flags
    )
    return trace.set_span_in_context(NonRecordingSpan(context), contexts.Context())
