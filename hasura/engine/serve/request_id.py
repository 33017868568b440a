"""``x-request-id``: a client's own, or a new one; in the answer and in every log line of the request."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "x-request-id"
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
        request_id = Headers(scope=scope).get(HEADER, "")[:LONGEST] or str(uuid4())
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                log.info(
                    scope["type"],
                    path=scope["path"],
                    status=status or None,
                    seconds=round(time.perf_counter() - started, 6),
                )
