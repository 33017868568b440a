"""GraphQL over WebSocket: one connection, its session and its operations."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import structlog
from starlette.websockets import WebSocketDisconnect

from hasura.engine import pipeline
from hasura.engine.errors import EngineError, StartFailed

from .headers import header_map
from .ws_dialects import Apollo, TransportWs
from .ws_messages import Close, Complete, ConnectionInit, Ping, Pong, Subscribe, Terminate
from .ws_outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.websockets import WebSocket

    from hasura.engine.pipeline import GraphQLRequest
    from hasura.engine.session import Session

    from .engine import Engine
    from .ws_dialects import Dialect
    from .ws_messages import FromClient, ToClient

#: Operations that one connection may have open.
MOST_OPERATIONS = 1000
#: Seconds that one message may take to be written before the client counts as gone.
STALLED = 30.0

log = structlog.get_logger("websocket-log")


class _OverError(Exception):
    """Ends the connection's task group."""


class Connection:
    """One client. Everything that it does runs in one task group and ends with it."""

    def __init__(self, engine: Engine, socket: WebSocket, headers: Mapping[str, str]) -> None:
        self._engine = engine
        self._socket = socket
        self._headers = headers
        # A client that names no protocol is an old one, as in Hasura.
        modern = TransportWs.subprotocol in socket.scope["subprotocols"]
        self._dialect: Dialect = TransportWs() if modern else Apollo()
        self._outbox = Outbox()
        self._session: Session | None = None
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._tasks: asyncio.TaskGroup

    def tell(self, messages: Sequence[ToClient]) -> None:
        """Sends them, some time later."""
        for message in messages:
            self._outbox.put(message)

    async def serve(self) -> None:
        """Returns when the connection is over."""
        offered = self._socket.scope["subprotocols"]
        chosen = self._dialect.subprotocol
        await self._socket.accept(chosen if chosen in offered else None)
        try:
            async with asyncio.TaskGroup() as self._tasks:
                initialised = self._tasks.create_task(self._await_initialisation())
                self._tasks.create_task(self._give_up_on_overflow())
                self._tasks.create_task(self._receive(initialised))
                self._tasks.create_task(self._send())
        except* (_OverError, WebSocketDisconnect):
            pass

    async def _send(self) -> None:
        while True:
            message = await self._outbox.get()
            if isinstance(message, Close):
                await self._socket.close(message.code, message.reason)
                raise _OverError
            try:
                async with asyncio.timeout(STALLED):
                    await self._socket.send_text(message.decode())
            except TimeoutError:
                log.warning("the client reads no more: closed")
                raise _OverError from None

    async def _give_up_on_overflow(self) -> None:
        await self._outbox.overflowed.wait()
        log.warning("too much waits for a client that does not read: closed")
        raise _OverError

    async def _await_initialisation(self) -> None:
        await asyncio.sleep(self._engine.settings.websocket_connection_init_timeout)
        self.tell(self._dialect.silent())

    async def _receive(self, initialised: asyncio.Task[None]) -> None:
        while True:
            event = await self._socket.receive()
            if event["type"] == "websocket.disconnect":
                raise _OverError
            text = event.get("text")
            try:
                message = self._dialect.read(event["bytes"] if text is None else text)
            except EngineError as error:
                self.tell(self._dialect.unreadable(error))
            else:
                self._heed(message)
            if self._session is not None:
                initialised.cancel()

    def _heed(self, message: FromClient) -> None:
        match message:
            case ConnectionInit(headers):
                self._initialise(headers)
            case Subscribe(operation, request):
                self._start(operation, request)
            case Complete(operation):
                if operation in self._operations:
                    self._operations.pop(operation).cancel()
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
        self.tell(self._dialect.acknowledged())
        self._tasks.create_task(self._keep_alive())
        if identity.expires_at is not None:
            self._tasks.create_task(self._expire(identity.expires_at))

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._engine.settings.websocket_keepalive)
            self.tell(self._dialect.keep_alive())

    async def _expire(self, at: float) -> None:
        await asyncio.sleep(at - time.time())
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
            run = self._operate(operation, request, self._session)
            self._operations[operation] = self._tasks.create_task(run)

    async def _operate(self, operation: str, request: GraphQLRequest, session: Session) -> None:
        try:
            snapshot = self._engine.snapshot
            self._engine.check_allowed(session, request)
            if pipeline.operation_kind(request) == "subscription":
                plan = pipeline.plan_live(snapshot, session, request)
                await self._engine.live.deliver(plan, _Subscription(self, operation))
            else:
                answer = await pipeline.answer(snapshot, self._engine.pool, session, request)
                self.tell([*self._dialect.result(operation, answer), *self._dialect.completed(operation)])
        except EngineError as error:
            self.tell(self._dialect.failed(operation, error))
        finally:
            if self._operations.get(operation) is asyncio.current_task():
                del self._operations[operation]

    @property
    def congested(self) -> bool:
        """The client lags."""
        return self._outbox.congested

    def tell_result(self, operation: str, answer: bytes) -> None:
        """A live query's news."""
        self.tell(self._dialect.result(operation, answer))

    def tell_failed_refresh(self, operation: str, error: EngineError) -> None:
        """A live query's trouble."""
        self.tell(self._dialect.failed_refresh(operation, error))


class _Subscription:
    """The end of a live query that is on a connection."""

    def __init__(self, connection: Connection, operation: str) -> None:
        self._connection = connection
        self._operation = operation

    @property
    def congested(self) -> bool:
        return self._connection.congested

    def data(self, result: bytes) -> None:
        self._connection.tell_result(self._operation, b'{"data":' + result + b"}")

    def error(self, error: EngineError) -> None:
        self._connection.tell_failed_refresh(self._operation, error)


async def graphql_socket(socket: WebSocket) -> None:
    """The WebSocket side of /v1/graphql."""
    engine: Engine = socket.app.state.engine
    headers = header_map(socket.headers)
    if not engine.cors.admits(headers.get("origin")):
        await socket.send_denial_response(engine.cors.refusal())
        return
    if engine.settings.disable_cors and not engine.settings.ws_read_cookie:
        # With no rule about origins, any page could ride on its visitor's cookie.
        headers.pop("cookie", None)
    connection = Connection(engine, socket, headers)
    with engine.connected(connection):
        await connection.serve()
