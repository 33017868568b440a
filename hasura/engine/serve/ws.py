"""GraphQL over WebSocket: one connection, its session and its operations."""

from __future__ import annotations

import asyncio
import contextvars
import random
import time
from typing import TYPE_CHECKING

import structlog

from hasura.engine import pipeline
from hasura.engine.errors import EngineError, StartFailed
from hasura.engine.live.queries import Subscription
from hasura.engine.session import ADMIN
from telemetry import traces

from .bodies import LARGEST_USERS_BODY, BodyTooLarge
from .headers import header_map
from .request_id import current_trace_id
from .ws_dialects import APOLLO, TRANSPORT_WS
from .ws_messages import Close, Complete, ConnectionInit, Ping, Pong, Subscribe, Terminate
from .ws_wire import EXTENSION, text_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.websockets import WebSocket

    from hasura.engine.live.cohorts import News
    from hasura.engine.pipeline import GraphQLRequest
    from hasura.engine.session import Session

    from .engine import Engine
    from .ws_dialects import Dialect
    from .ws_messages import FromClient, ToClient
    from .ws_wire import Wire

#: Operations that one connection may have open.
MOST_OPERATIONS = 1000
#: Seconds until a client that has something running is asked again whether it may be sent away.
LEAVE_AGAIN = 0.05
#: Bytes of a message of somebody unknown: it brings headers.
LARGEST_GREETING = 64 * 1024

log = structlog.get_logger("websocket-log")


class Connection:
    """One client. Only what is being worked on has a task: a subscription waits without one."""

    def __init__(
        self, engine: Engine, wire: Wire, dialect: Dialect, headers: Mapping[str, str], address: str
    ) -> None:
        self._engine = engine
        self._wire = wire
        self._dialect = dialect
        self._headers = headers
        self._address = address
        self._loop = asyncio.get_running_loop()
        # What is logged later bears the id of the request that opened the connection.
        self._context = contextvars.copy_context()
        self._session: Session | None = None
        self._operations: dict[str, asyncio.Task[None] | Subscription] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def begin(self) -> None:
        """The wire calls from now on."""
        self._engine.connections.add(self)
        if self._engine.draining:
            self.leave_within(0)
        self._later("silence", self._engine.settings.websocket_connection_init_timeout, self._give_up_waiting)

    def leave_within(self, seconds: float) -> None:
        """At a moment by chance the client is asked to come back, to whoever serves then."""
        self._later("leave", random.uniform(0, seconds), self._leave)  # noqa: S311

    def _leave(self) -> None:
        if any(isinstance(operation, asyncio.Task) for operation in self._operations.values()):
            self._later("leave", LEAVE_AGAIN, self._leave)  # first what it has begun
        else:
            self.tell([Close(1012, "service restart")])

    def tell(self, messages: Sequence[ToClient]) -> None:
        """Sends them, some time later."""
        for message in messages:
            if isinstance(message, Close):
                self._wire.close(message.code, message.reason)
            else:
                self._wire.write(text_frame(message))

    # What the wire calls

    def heard(self, message: str | bytes) -> None:
        """A message of the client."""
        try:
            if len(message) > LARGEST_GREETING:
                self._bound(len(message))
            read = self._dialect.read(message)
        except EngineError as error:
            self.tell(self._dialect.unreadable(error))
        else:
            self._heed(read)

    def _bound(self, size: int) -> None:
        if self._session is None:
            raise BodyTooLarge(f"the first message has at most {LARGEST_GREETING} bytes")
        if size > LARGEST_USERS_BODY and self._session.role != ADMIN:
            raise BodyTooLarge(f"a message has at most {LARGEST_USERS_BODY} bytes")

    def resumed(self) -> None:
        """The client lags no more."""
        for operation in self._operations.values():
            if isinstance(operation, Subscription):
                operation.resume()

    def ended(self) -> None:
        """The client is gone."""
        self._engine.connections.discard(self)
        for timer in self._timers.values():
            timer.cancel()
        for operation in list(self._operations):
            self._stop(operation)

    def _heed(self, message: FromClient) -> None:
        match message:
            case ConnectionInit(headers):
                self._initialise(headers)
            case Subscribe(operation, request):
                self._start(operation, request)
            case Complete(operation):
                self._stop(operation)
            case Ping(payload):
                self.tell(self._dialect.pong(payload))
            case Pong():
                pass
            case Terminate():
                self.tell([Close(1000, "GQL_CONNECTION_TERMINATE received")])

    def _initialise(self, headers: Mapping[str, str]) -> None:
        if self._session is not None:
            self.tell([Close.because(4429, "Too many initialisation requests")])
            return
        try:
            identity = self._engine.authenticator.authenticate({**self._headers, **headers})
        except EngineError as error:
            self.tell(self._dialect.refused(error))
            return
        self._session = identity.session
        self._timers["silence"].cancel()
        self.tell(self._dialect.acknowledged())
        self._keep_alive()
        if identity.expires_at is not None:
            self._later("expiry", identity.expires_at - time.time(), self._expire)

    def _later(self, name: str, seconds: float, do: Callable[[], None]) -> None:
        self._timers[name] = self._loop.call_later(seconds, do, context=self._context)

    def _give_up_waiting(self) -> None:
        self.tell(self._dialect.silent())

    def _keep_alive(self) -> None:
        self._later("keep-alive", self._engine.settings.websocket_keepalive, self._send_keep_alive)

    def _send_keep_alive(self) -> None:
        self.tell(self._dialect.keep_alive())
        self._keep_alive()

    def _expire(self) -> None:
        self.tell([Close.because(4403, "Could not verify JWT: JWTExpired")])

    def _start(self, operation: str, request: GraphQLRequest) -> None:
        if self._session is None:
            self.tell(self._dialect.too_early(operation))
        elif operation in self._operations:
            self.tell(self._dialect.taken(operation))
        elif len(self._operations) >= MOST_OPERATIONS:
            refusal = StartFailed(f"more than {MOST_OPERATIONS} operations on one connection")
            self.tell(self._dialect.failed(operation, refusal))
        else:
            run = self._traced(operation, request, self._session)
            self._operations[operation] = self._loop.create_task(run, context=self._context)

    def _stop(self, operation: str) -> None:
        found = self._operations.pop(operation, None)
        if isinstance(found, Subscription):
            found.end()
        elif found is not None:
            found.cancel()

    async def _traced(self, operation: str, request: GraphQLRequest, session: Session) -> None:
        """A part of the connection's trace."""
        with traces.served("socket operation", "", current_trace_id(), kind="consumer"):
            await self._operate(operation, request, session)

    async def _operate(self, operation: str, request: GraphQLRequest, session: Session) -> None:
        subscription: Subscription | None = None
        try:
            with self._engine.metrics.operation() as timed:
                snapshot = self._engine.snapshot
                read = await pipeline.read(request)
                timed.kind, timed.root = read.kind, read.root
                await self._engine.admit(session, request, read, self._address)
                if read.kind == "subscription":
                    plan = await pipeline.live(snapshot, session, request)
                    subscription = await self._engine.live(plan.source).subscribe(
                        plan, _LiveSink(self, operation)
                    )
                else:
                    work = pipeline.answer(snapshot, self._engine.pools, session, request)
                    limits = self._engine.api_limits
                    answer = await (work if limits is None else limits.timed(session, work))
                    self.tell([self._dialect.result(operation, answer), *self._dialect.completed(operation)])
        except EngineError as error:
            self.tell(self._dialect.failed(operation, error))
        except Exception:
            self.broken()
            raise
        finally:
            if self._operations.get(operation) is asyncio.current_task():
                if subscription is None:
                    del self._operations[operation]
                else:
                    self._operations[operation] = subscription

    @property
    def congested(self) -> bool:
        """The client lags."""
        return self._wire.congested

    def tell_result(self, operation: str, news: News) -> None:
        """A live query's news: clients that gave it one name get the same bytes."""
        key = (self._dialect, operation)
        frame = news.encoded.get(key)
        if frame is None:
            text = self._dialect.result(operation, b'{"data":' + news.result + b"}")
            frame = news.encoded[key] = text_frame(text)
        self._wire.write(frame)

    def tell_failed_refresh(self, operation: str, error: EngineError) -> None:
        """A live query's trouble."""
        self.tell(self._dialect.failed_refresh(operation, error))

    def broken(self) -> None:
        """A fault of ours, which the log tells of."""
        self.tell([Close(1011, "internal error")])


class _LiveSink:
    """The end of a live query that is on a connection."""

    __slots__ = ("_connection", "_operation")

    def __init__(self, connection: Connection, operation: str) -> None:
        self._connection = connection
        self._operation = operation

    @property
    def congested(self) -> bool:
        return self._connection.congested

    def data(self, news: News) -> None:
        self._connection.tell_result(self._operation, news)

    def error(self, error: EngineError) -> None:
        self._connection.tell_failed_refresh(self._operation, error)

    def broken(self) -> None:
        self._connection.broken()


async def graphql_socket(socket: WebSocket) -> None:
    """The WebSocket side of /v1/graphql: the handshake."""
    engine: Engine = socket.app.state.engine
    headers = header_map(socket.scope["headers"])
    if not engine.cors.admits(headers.get("origin")):
        await socket.send_denial_response(engine.cors.refusal())
        return
    if engine.settings.disable_cors and not engine.settings.ws_read_cookie:
        # With no rule about origins, any page could ride on its visitor's cookie.
        headers.pop("cookie", None)
    offered = socket.scope["subprotocols"]
    # A client that names no protocol is an old one, as in Hasura.
    dialect = TRANSPORT_WS if TRANSPORT_WS.subprotocol in offered else APOLLO
    await socket.accept(dialect.subprotocol if dialect.subprotocol in offered else None)
    wire: Wire = socket.scope["extensions"][EXTENSION]["wire"]
    connection = Connection(engine, wire, dialect, headers, socket.client.host if socket.client else "")
    wire.hand_over(connection)
    connection.begin()
