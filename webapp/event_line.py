"""What a tab may say on Reflex's WebSocket. Whoever says what no page says is hung up on.

Reflex, python-socketio and python-engineio trust their clients: they log what they cannot read as errors of ours, with
all that was said; they remember addresses, keep pieces of a binary message and start a task for each pong, however many
there are. https://socket.io/docs/v4/socket-io-protocol/
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import structlog

from webapp.tracing import EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Characters of a page's path, which Reflex remembers thousands of, and of its whole address.
LONGEST_PATH, LONGEST_ADDRESS = 2_000, 65_536
#: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
REFUSED = 1008
_CLOSE, _PING, _PONG = "1", "2", "3"
#: Of Engine.IO's message: connect, disconnect and event of Reflex's namespace, and its JSON.
_MESSAGE = re.compile(r"4([012])/_event(?:,(.*))?", re.DOTALL)
_CONNECT, _DISCONNECT, _EVENT = "0", "1", "2"

log = structlog.get_logger("webapp")


class EventLine:
    """ASGI middleware. `handlers` gives the names of all handlers that there are."""

    def __init__(self, app: ASGIApp, handlers: Callable[[], Container[str]]) -> None:
        self._app = app
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket" or not scope["path"].startswith(EVENTS):
            await self._app(scope, receive, send)
            return
        tab = _Tab(self._handlers())

        async def hear() -> Message:
            while (message := await receive())["type"] == "websocket.receive":
                try:
                    text = tab.heard(message.get("text"))
                except _NotOfAPage:
                    log.info("hung up on a tab that says what no page says")
                    await send({"type": "websocket.close", "code": REFUSED})
                    return {"type": "websocket.disconnect", "code": REFUSED}
                if text is not None:
                    return {"type": "websocket.receive", "text": text}
            return message

        async def answer(message: Message) -> None:
            if message.get("text") == _PING:
                tab.pings += 1
            await send(message)

        await self._app(scope, hear, answer)


class _NotOfAPage(Exception):
    """No page says this."""


class _Tab:
    """One connection: its place in the protocol."""

    def __init__(self, handlers: Container[str]) -> None:
        self.pings = 0  # that it has not answered
        self._connected = False
        self._handlers = handlers

    def heard(self, text: str | None) -> str | None:
        """What of it is passed on, if anything. Raises _NotOfAPage."""
        if text == _PONG and self.pings:
            self.pings -= 1
            return text
        if text == _CLOSE:
            return text
        said = _MESSAGE.fullmatch(text or "")
        if said is None:
            raise _NotOfAPage
        kind, data = said[1], said[2]
        if self._connected is (kind == _CONNECT):
            raise _NotOfAPage
        if kind == _CONNECT:
            self._connected = True
            return self._greeting(data) if data else text
        if kind == _EVENT:
            return text if self._is_called(data) else None
        self._connected = False
        if data:
            raise _NotOfAPage
        return text

    def _greeting(self, data: str) -> str:
        """Reflex's first event rides in it (`CompileVars.CONNECT_AUTH_EVENT`)."""
        greeting = _parsed(data)
        if not isinstance(greeting, dict):
            raise _NotOfAPage
        if greeting.get("event") is not None and not self._is_there(greeting["event"]):
            # It is still told that it is of another version.
            del greeting["event"]
            data = json.dumps(greeting)
        return f"40/_event,{data}"

    def _is_called(self, data: str | None) -> bool:
        match _parsed(data):
            case ["event", event]:
                return self._is_there(event)
            case ["client_error", dict()]:
                return True
        raise _NotOfAPage

    def _is_there(self, event: Any) -> bool:
        """Reflex would log an event that nobody handles, with the reader's cookies and words."""
        _check(event)
        if event["name"] in self._handlers:
            return True
        log.warning("a tab calls a handler that is not there", handler=event["name"][:100])
        return False


def _parsed(data: str | None) -> Any:
    try:
        return json.loads(data or "")
    except (ValueError, RecursionError):
        raise _NotOfAPage from None


def _check(event: Any) -> None:
    """Raises _NotOfAPage where it is no event of Reflex's: `reflex_base.event.Event`."""
    router = event.get("router_data", {}) if isinstance(event, dict) else None
    if not (
        isinstance(router, dict)
        and isinstance(event.get("name"), str)
        and isinstance(event.get("payload", {}), dict)
        and router.keys() <= {"pathname", "asPath", "query"}
        and _is_text(router.get("pathname"), LONGEST_PATH)
        and _is_text(router.get("asPath"), LONGEST_ADDRESS)
        and isinstance(router.get("query", {}), dict)
    ):
        raise _NotOfAPage


def _is_text(value: Any, longest: int) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= longest)
