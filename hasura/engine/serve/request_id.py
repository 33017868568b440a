"""``x-request-id``: a client's own, or a new one; in the answer and in every log line of the request, as is the id of
the trace that the request belongs to.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

from telemetry import traces

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"x-request-id"
#: Characters of a client's id that are kept.
LONGEST = 128

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
        if given:
            request_id = given.decode("latin-1")
            trace_id = traces.trace_id_of(caller, request_id)
        else:
            unique = uuid4()
            request_id, trace_id = str(unique), traces.trace_id_of(caller, unique.hex)
        # Not undone: the server runs each request in a task, which is a context, of its own.
        structlog.contextvars.bind_contextvars(request_id=request_id, trace_id=trace_id)
        if scope["type"] == "http" and traces.on():
            with traces.served(scope["method"], caller, trace_id, path=scope["path"]):
                await self._logged(scope, receive, send, request_id.encode("latin-1"))
        else:
            await self._logged(scope, receive, send, request_id.encode("latin-1"))

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
