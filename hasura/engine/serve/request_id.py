"""``x-request-id``: a client's own, or a new one; in the answer and in every log line of the request, as is the id of
the trace that the request belongs to.
"""

from __future__ import annotations

import hashlib
import re
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

from telemetry import traces

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from structlog.typing import EventDict

HEADER = b"x-request-id"
#: Characters of a client's id that are kept.
LONGEST = 128
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")

#: The id of the request that is worked on, and its ``traceparent``. Not undone: the server runs each request in a task,
#: which is a context, of its own.
_current: ContextVar[tuple[str, str] | None] = ContextVar("request", default=None)

log = structlog.get_logger("http-log")


class RequestId:
    """ASGI middleware, and the access log: a line a request, without its headers and body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given, caller = b"", ""
        for name, value in scope["headers"]:
            if name == HEADER:
                given = value[:LONGEST]
            elif name == b"traceparent":
                caller = value.decode("latin-1")
        request_id = given or str(uuid4()).encode()
        _current.set((request_id.decode("latin-1"), caller))
        if scope["type"] == "http" and traces.on():
            with traces.served(scope["method"], caller, current_trace_id(), path=scope["path"]):
                await self._logged(scope, receive, send, request_id)
        else:
            await self._logged(scope, receive, send, request_id)

    async def _logged(self, scope: Scope, receive: Receive, send: Send, request_id: bytes) -> None:
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (HEADER, request_id)]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            if status:
                traces.answered(scope["method"], scope["path"] if status != 404 else None, status)
            log.info(
                scope["type"],
                path=scope["path"],
                status=status or None,
                seconds=round(time.perf_counter() - started, 6),
            )


def current_trace_id() -> str:
    """The caller's trace, or the one that follows from the request's id; made when it is asked for, which is rare."""
    request_id, caller = _current.get() or ("", "")
    if place := traces.place_of(caller):
        return place.trace_id
    plain = request_id.replace("-", "")
    return (
        plain
        if _TRACE_ID.fullmatch(plain)
        else hashlib.blake2b(request_id.encode(), digest_size=16).hexdigest()
    )


def add_ids(_logger: object, _level: str, line: EventDict) -> EventDict:
    """A processor of structlog: a request's lines bear both ids."""
    if (current := _current.get()) is not None:
        line["request_id"], line["trace_id"] = current[0], current_trace_id()
    return line
