"""Which trace a request or an event of a page belongs to.

A page makes the id (assets/js/trace.js). Log lines and calls of the other services bear it, and where traces are
wanted (`telemetry.traces`) the work is spans below the reader's click.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import structlog
from starlette.datastructures import Headers, MutableHeaders

from telemetry import traces

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from structlog.typing import EventDict

#: Tells a page that its own measures are wanted (https://www.w3.org/TR/server-timing/).
WANTED = "trace"
#: Where Reflex's WebSocket is: each of its events has a trace of its own.
EVENTS = "/_event/"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def follow_events() -> None:
    """Reflex's events bring the traces of their pages along (`reflex_base.otel`); without a collector that is all that
    they do.
    """
    from reflex_base import otel  # noqa: PLC0415  Reflex is imported once its environment is set

    otel.enable()


def add_trace_id(_logger: object, _level: str, line: EventDict) -> EventDict:
    """A processor of structlog: an event's line bears the id too."""
    if "trace_id" not in line and (trace_id := traces.current_trace_id()):
        line["trace_id"] = trace_id
    return line


class Traced:
    """ASGI middleware: what a page asks for by itself is a part of its trace. Files are not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        caller = Headers(scope=scope).get("traceparent", "")
        trace_id = traces.trace_id_of(caller)
        structlog.contextvars.clear_contextvars()
        if scope["type"] == "http" or scope["path"] != EVENTS:
            structlog.contextvars.bind_contextvars(trace_id=trace_id)
        if scope["type"] == "http" and caller:
            with traces.served(scope["method"], caller, trace_id):
                await self._answer(scope, receive, send, trace_id)
        else:
            await self._answer(scope, receive, send, trace_id)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, trace_id: str) -> None:
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = trace_id
                if traces.on():
                    headers["server-timing"] = WANTED
            await send(message)

        path = scope["path"]
        try:
            await self._app(scope, receive, answer)
        finally:
            traces.answered(scope.get("method", ""), None if status == 404 else _ID.sub("{id}", path), status)
