"""One WebSocket: who it is from, what it may do now, and how it ends.

Nothing queues here: each sender waits until its event is on its way and then looks at the present state again, so a
slow reader costs one state and one event. Whoever takes none for too long is dropped, and can resume.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from fastapi import WebSocket, WebSocketDisconnect
from pydantic import BaseModel, TypeAdapter, ValidationError

from backend.deps import Services
from backend.errors import (
    EXPECTED,
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    SlowReader,
    TooManyRequests,
    Unauthenticated,
    problem_of,
)
from backend.route_limits import FRAMES
from backend.routes.ws_events import FIRST, Failed, Ping, Pong, Ready
from backend.services.hasura_client import ChatMessage, ChatSession, Unauthorized
from backend.services.latest import latest
from backend.services.open_sockets import TooManySockets
from backend.services.rate_limits import Claim
from backend.services.tasks import end
from backend.services.tokens import InvalidToken, User
from telemetry import traces

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine
    from contextlib import AbstractContextManager

#: Seconds until the first frame, where the handshake had no token.
AUTH_WITHIN = 10.0
#: Seconds that one event may take to be on its way.
SEND_WITHIN = 15.0
#: Frames that are no event, until the connection ends.
MALFORMED = 20
#: Of the close codes that are the application's (RFC 6455, 7.4.2): 4000 and the problem's status.
CLOSE = 4000
SERVICE_RESTART = 1012

Event = TypeVar("Event", bound=BaseModel)

log = structlog.get_logger(__name__)


class Restarting(Exception):
    """This process is to end; others serve."""


class Socket:
    """:ivar user: whose token was accepted last; :ivar session: the session as it was at the start."""

    user: User
    session: ChatSession

    def __init__(self, websocket: WebSocket, services: Services, session_id: UUID) -> None:
        self.services = services
        self.session_id = session_id
        #: Held while something is done that the client has sent.
        self.doing = asyncio.Lock()
        self._websocket = websocket
        self._sending = asyncio.Lock()
        self._malformed = 0
        self._accepted = False

    async def admit(self) -> None:
        """Accepts the handshake and reads the token. Raises Problem or HasuraError."""
        headers = self._websocket.headers
        origin = headers.get("origin")
        if origin is not None and not self._is_ours(origin, headers.get("host", "")):
            raise Forbidden("Pages of this origin may not connect: see CHAT_CORS_ORIGINS.")
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme:
            # Refused with an HTTP status, before the handshake is accepted.
            await self.authenticate(token if scheme.lower() == "bearer" else "")
            await self._accept()
            return
        await self._accept()
        try:
            async with asyncio.timeout(AUTH_WITHIN):
                first = await self.receive(FIRST)
        except TimeoutError:
            raise Unauthenticated("The first event must be auth, with an access token.") from None
        await self.authenticate(first.token)

    async def authenticate(self, token: str) -> None:
        """Goes on with this token. Raises Problem or HasuraError."""
        try:
            user = self.services.tokens.read(token)
        except InvalidToken:
            raise Unauthenticated from None
        if "user" not in user.roles or (hasattr(self, "user") and user.id != self.user.id):
            raise Forbidden
        self.session = await self.services.hasura.get_chat_session(user.token, self.session_id)
        self.user = user

    async def still_allowed(self) -> None:
        """The token has not expired and the session is still there for it. Raises Problem or HasuraError."""
        self.check_expiry()
        await self.services.hasura.get_chat_session(self.user.token, self.session_id)

    def check_expiry(self) -> None:
        if self.user.expires_at <= datetime.now(UTC):
            raise Unauthenticated

    async def until_expiry(self) -> None:
        """Ends by raising Unauthenticated, unless a new token comes in time."""
        while True:
            self.check_expiry()
            await asyncio.sleep((self.user.expires_at - datetime.now(UTC)).total_seconds())

    def span(self, event: BaseModel) -> AbstractContextManager[Any]:
        """A span of the connection's trace, where there are any, for what the client wants done."""
        caller = self._websocket.headers.get("traceparent", "")
        name = f"socket {type(event).__name__.lower()}"
        return traces.served(name, caller, traces.current_trace_id() or "1", kind="consumer")

    async def send(self, event: BaseModel) -> None:
        """Raises SlowReader, or WebSocketDisconnect."""
        text = event.model_dump_json()
        try:
            async with asyncio.timeout(SEND_WITHIN), self._sending:
                await self._websocket.send_text(text)
        except TimeoutError:
            raise SlowReader from None
        except RuntimeError:
            raise WebSocketDisconnect(1006) from None  # Starlette's word for sending after the end

    async def receive(self, events: TypeAdapter[Event]) -> Event:
        """The next event; a frame that is none is answered with an error. Raises Invalid after too many of them."""
        while True:
            frame = await self._websocket.receive()
            if frame["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(frame.get("code", 1005))
            if hasattr(self, "user"):  # before that few frames and seconds are left anyway
                await self.services.limits.hit(Claim(FRAMES, str(self.user.id)))
            try:
                return events.validate_json(frame.get("text") or b"")
            except ValidationError as exc:
                errors = [
                    {"loc": list(e["loc"]), "message": e["msg"]} for e in exc.errors(include_input=False)
                ]
                problem = Invalid("This is no event that is known here: see errors.", errors=errors[:10])
            self._malformed += 1
            if self._malformed >= MALFORMED:
                raise problem
            await self.send(Failed(problem=problem.body()))

    async def states(self, newest: int) -> AsyncGenerator[list[ChatMessage], None]:
        """The session's newest messages, oldest first: now and after every change, with whichever token is the
        latest. Raises NotFound once the session is deleted, Unauthenticated once no token is good."""
        while True:
            token = self.user.token
            try:
                live = latest(self.services.hasura.watch_session(token, self.session_id, limit=newest))
                async with aclosing(live) as states:
                    async for state in states:
                        if state is None:
                            raise NotFound
                        yield state
            except Unauthorized:
                if token == self.user.token:
                    raise Unauthenticated from None

    async def greet(self, connection_id: str, cursor: str | None = None) -> None:
        expires_at = self.user.expires_at
        await self.send(
            Ready(connection_id=connection_id, session=self.session, expires_at=expires_at, cursor=cursor)
        )

    async def pong(self, ping: Ping) -> None:
        await self.send(Pong(id=ping.id))

    async def refuse(self, problem: Problem) -> None:
        """Says why, then ends."""
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            async with asyncio.timeout(SEND_WITHIN):
                if not self._accepted:
                    await self._websocket.send_denial_response(problem.response())
                    return
                self.services.metrics.errors.labels(problem.slug).inc()
                if not isinstance(problem, SlowReader):
                    await self._websocket.send_text(Failed(problem=problem.body()).model_dump_json())
                await self._websocket.close(CLOSE + problem.status_code, problem.title)

    async def _accept(self) -> None:
        await self._websocket.accept()
        self._accepted = True

    def _is_ours(self, origin: str, host: str) -> bool:
        allowed = self.services.origins
        return "*" in allowed or origin in allowed or urlsplit(origin).netloc == host


async def serve(
    websocket: WebSocket,
    services: Services,
    session_id: UUID,
    talk: Callable[[Socket], Coroutine[Any, Any, None]],
) -> None:
    """`talk` with a caller who owns the session. What goes wrong is said to the client, and ends it."""
    socket = Socket(websocket, services, session_id)
    try:
        await socket.admit()
        with services.open_sockets.place(socket.user.id):
            await until_one_ends(talk(socket), _until_restart(socket))
    except Restarting:
        # What is on its way here is sent again: its id is the same.
        await websocket.close(SERVICE_RESTART, "service restart")
    except WebSocketDisconnect:
        pass
    except TooManySockets:
        await socket.refuse(
            TooManyRequests("You have too many connections open. Close one of them.", retry_after=5)
        )
    except EXPECTED as exc:
        problem = problem_of(exc)
        log.info("socket_refused", status=problem.status_code, slug=problem.slug)
        await socket.refuse(problem)


async def _until_restart(socket: Socket) -> None:
    await socket.services.draining.turn()
    async with socket.doing:  # first what the client was heard to want
        raise Restarting


async def until_one_ends(*parts: Coroutine[Any, Any, None]) -> None:
    """Runs them all until one raises or returns; the others are cancelled."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        while done:
            done.pop().result()
    finally:
        await end(*tasks)
        # What is raised knows this frame, and a task what was raised: if the frame knew the task, everything that a
        # connection had would be one circle, and memory grow until the collector has looked everywhere.
        tasks.clear()
