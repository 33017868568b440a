"""What wraps every request and WebSocket: a trace id and a line in the log, and a limit on a body."""

from __future__ import annotations

import re
import secrets
import time
from typing import TYPE_CHECKING

import structlog
from starlette.datastructures import Headers, MutableHeaders

from backend.errors import Problem, TooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

log = structlog.get_logger("backend.access")


class Trace:
    """Joins the caller's trace (``traceparent``, else ``x-request-id``) or starts one, and answers both.

    Also the outermost edge: what nobody expected is logged here with its cause, and answered without.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        trace_id, traceparent = _trace_of(Headers(scope=scope))
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(trace_id=trace_id)
        started = time.perf_counter()
        status = 500
        started_answer = False

        async def answer(message: Message) -> None:
            nonlocal status, started_answer
            if message["type"] == "http.response.start":
                status = message["status"]
                started_answer = True
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = trace_id
                headers["traceparent"] = traceparent
                # Tokens and private messages: RFC 6749, 5.1, and good sense.
                headers.setdefault("cache-control", "no-store")
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except Exception as exc:
            log.exception("unexpected_error", exc_info=exc)
            if started_answer:
                raise  # too late for an answer: the server closes the connection
            await Problem().response()(scope, receive, answer)
        finally:
            # The route's template, not the path: ids stay out of the logs.
            route = getattr(scope.get("route"), "path", None)
            log.info(
                "request",
                method=scope["method"],
                route=route,
                status=status,
                ms=round((time.perf_counter() - started) * 1000, 1),
            )

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(trace_id=_trace_of(Headers(scope=scope))[0])
        started = time.perf_counter()
        try:
            await self.app(scope, receive, send)
        except Exception as exc:
            log.exception("unexpected_error", exc_info=exc)
            await send({"type": "websocket.close", "code": 1011})  # RFC 6455, 7.4.1: our own fault
        finally:
            route = getattr(scope.get("route"), "path", None)
            log.info("socket", route=route, s=round(time.perf_counter() - started, 1))


class BodyLimit:
    """Refuses a body over `limit` bytes, declared or not, before it is in memory.

    Starlette has the like, but answers in plain text. `larger` has the limits of paths that take more.
    """

    def __init__(self, app: ASGIApp, limit: int, larger: Mapping[str, int] | None = None) -> None:
        self.app = app
        self.limit = limit
        self.larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.larger.get(scope["path"], self.limit)
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            await TooLarge().response()(scope, receive, send)
            return
        size = 0

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > limit:
                raise TooLarge
            return message

        await self.app(scope, limited, send)


def _trace_of(headers: Headers) -> tuple[str, str]:
    span = secrets.token_hex(8)
    if found := _TRACEPARENT.fullmatch(headers.get("traceparent", "")):
        return found[1], f"00-{found[1]}-{span}-01"
    trace = secrets.token_hex(16)
    given = headers.get("x-request-id", "")
    return (given if _REQUEST_ID.fullmatch(given) else trace), f"00-{trace}-{span}-01"
