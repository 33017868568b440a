"""``x-request-id``: a client's own, or a new one; in the answer and in every log line of the request."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

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
        given = next((value for name, value in scope["headers"] if name == HEADER), b"")[:LONGEST]
        request_id = given or str(uuid4()).encode()
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (HEADER, request_id)]
            await send(message)

        # Not undone: the server runs each request in a task, which is a context, of its own.
        structlog.contextvars.bind_contextvars(request_id=request_id.decode("latin-1"))
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            log.info(
                scope["type"],
                path=scope["path"],
                status=status or None,
                seconds=round(time.perf_counter() - started, 6),
            )
