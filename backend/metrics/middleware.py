"""Measures every request and WebSocket at the outermost edge, by the route's template: ids stay out of the labels."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from backend.metrics.families import Metrics

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Measure:
    """ASGI middleware around everything else, so that what `Trace` answers for an unexpected error counts too."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        stream = None

        async def answer(message: Message) -> None:
            nonlocal stream
            if message["type"] == "http.response.start":
                self._note_problem(scope)
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self.metrics.http_requests.labels(_route(scope), method, str(message["status"])).observe(
                    time.perf_counter() - started
                )
                kind = Headers(raw=message.get("headers", [])).get("content-type", "")
                if kind.startswith("text/event-stream"):
                    stream = self.metrics.streams.labels(_route(scope))
                    stream.inc()
            await send(message)

        with self.metrics.http_under_way.track_inprogress():
            try:
                await self.app(scope, receive, answer)
            finally:
                if stream is not None:
                    stream.dec()

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        opened = None

        async def answer(message: Message) -> None:
            nonlocal opened
            if message["type"] == "websocket.accept":
                self.metrics.handshakes.labels(_route(scope), "accepted").inc()
                opened = self.metrics.sockets.labels(_route(scope))
                opened.inc()
            elif message["type"] == "websocket.http.response.start":
                self._note_problem(scope)
            await send(message)

        try:
            await self.app(scope, receive, answer)
        finally:
            if opened is None:
                self.metrics.handshakes.labels(_route(scope), "refused").inc()
            else:
                opened.dec()

    def _note_problem(self, scope: Scope) -> None:
        if slug := scope.get("problem"):
            self.metrics.errors.labels(slug).inc()


def _route(scope: Scope) -> str:
    """The template that the router found, such as ``/api/chat/sessions/{session_id}``; ``other`` where none fits."""
    return getattr(scope.get("route"), "path", None) or "other"
