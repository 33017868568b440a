"""Measures requests at the outermost edge, and Reflex's event handlers."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from reflex.middleware import Middleware
from reflex_base.registry import RegistrationContext
from starlette.routing import Route, WebSocketRoute

from webapp.routes import ROUTES
from webapp.services import services

if TYPE_CHECKING:
    from reflex.app import App
    from reflex.event import Event
    from reflex.state import BaseState, StateUpdate
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: By what serves it: ids stay out of the labels.
_TEMPLATES = {route.endpoint: route.path for route in ROUTES if isinstance(route, (Route, WebSocketRoute))}


class Measure:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        metrics, started, opened = services().metrics, time.perf_counter(), None

        async def answer(message: Message) -> None:
            nonlocal opened
            if message["type"] == "http.response.start":
                method = scope["method"] if scope["method"] in _METHODS else "other"
                metrics.http.labels(_route(scope, "pages"), method, str(message["status"])).observe(
                    time.perf_counter() - started
                )
            elif message["type"] == "websocket.accept":
                opened = metrics.sockets.labels(_route(scope, "reflex"))
                opened.inc()
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            if opened is not None:
                opened.dec()


class MeasureEvents(Middleware):
    """Reflex calls it at the start of each event, in the event's own task, which ends with it."""

    async def preprocess(self, app: App, state: BaseState, event: Event) -> StateUpdate | None:  # noqa: ARG002
        metrics, started, task = services().metrics, time.perf_counter(), asyncio.current_task()
        assert task is not None  # noqa: S101  a coroutine that runs is some task's
        handler = _handler(event.name)
        if RegistrationContext.get().event_handlers[event.name].handler.is_background:
            running = metrics.background.labels(handler)
            running.inc()
            task.add_done_callback(lambda _: running.dec())
        else:
            seconds = metrics.events.labels(handler)
            task.add_done_callback(lambda _: seconds.observe(time.perf_counter() - started))
        return None


def connected_tabs(app: Any) -> int:
    """How many there are of a Reflex app."""
    namespace = app.event_namespace
    return 0 if namespace is None else len(namespace._token_manager.sid_to_token)  # noqa: SLF001  Reflex has no other


def _handler(name: str) -> str:
    """``chat_history.open_page`` of Reflex's whole name of an event."""
    states, _, handler = name.rpartition(".")
    return f"{states.rpartition('.')[2].rpartition('____')[2]}.{handler}"


def _route(scope: Scope, otherwise: str) -> str:
    endpoint = scope.get("endpoint")
    try:
        return _TEMPLATES.get(endpoint, otherwise)
    except TypeError:  # some application that cannot be a key
        return otherwise
