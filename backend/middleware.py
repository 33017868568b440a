"""What wraps every request and WebSocket: a trace id and a line in the log, and limits on a body and on the time."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import structlog
from starlette.datastructures import Headers, MutableHeaders

from backend.errors import Invalid, Problem, TooLarge, TooSlow
from backend.services import deadlines
from telemetry import traces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

_MILLISECONDS = re.compile(r"[1-9][0-9]{0,8}")

log = structlog.get_logger("backend.access")


class Trace:
    """Joins the caller's trace (``traceparent``, else an ``x-request-id`` that is one's id) or starts one, and answers
    both. Where traces are wanted, the request is a span of it.

    Also the outermost edge: what nobody expected is logged here with its cause, and answered without.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        caller, given = headers.get("traceparent", ""), headers.get("x-request-id", "")
        trace_id = traces.trace_id_of(caller, given)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(trace_id=trace_id)
        if scope["type"] == "websocket":
            # No span of hours: what the client does on it are spans of their own.
            await self._socket(scope, receive, send)
            return
        with traces.served(scope["method"], caller, trace_id, path=scope["path"]):
            request_id = given if _REQUEST_ID.fullmatch(given) else trace_id
            await self._request(scope, receive, send, request_id, traces.traceparent(trace_id))

    async def _request(
        self, scope: Scope, receive: Receive, send: Send, request_id: str, traceparent: str
    ) -> None:
        started = time.perf_counter()
        status = 500
        started_answer = False

        async def answer(message: Message) -> None:
            nonlocal status, started_answer
            if message["type"] == "http.response.start":
                status = message["status"]
                started_answer = True
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
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
            traces.answered(scope["method"], route, status)
            log.info(
                "request",
                method=scope["method"],
                route=route,
                status=status,
                ms=round((time.perf_counter() - started) * 1000, 1),
            )

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
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


class Deadline:
    """Bounds a request until its answer begins; what streams then has bounds of its own.

    A caller may ask for less, by `deadlines.HEADER`. 504 when it is over, and what was under way is cancelled.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope).get(deadlines.HEADER)
        if asked is not None and not _MILLISECONDS.fullmatch(asked):
            await Invalid(f"{deadlines.HEADER} is a number of milliseconds.").response()(scope, receive, send)
            return
        seconds = self.seconds if asked is None else min(self.seconds, int(asked) / 1000)
        try:
            async with deadlines.within(seconds, asked=asked is not None) as deadline:

                async def answer(message: Message) -> None:
                    if message["type"] == "http.response.start":
                        deadline.lift()
                    await send(message)

                await self.app(scope, receive, answer)
        except deadlines.DeadlineExceeded:
            await TooSlow().response()(scope, receive, send)
