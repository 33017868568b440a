"""Live queries over WebSocket (graphql-transport-ws): one connection a token, whatever it carries."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from gql import Client
from gql.transport.exceptions import TransportError, TransportQueryError
from gql.transport.websockets import WebsocketsTransport

from backend.services.hasura_client import operations
from backend.services.hasura_client.errors import (
    HasuraError,
    PermissionDenied,
    Unauthorized,
    Unavailable,
    from_graphql,
)
from backend.services.hasura_client.operations import Operation
from telemetry.safe import told

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from gql.client import AsyncClientSession, ReconnectingAsyncClientSession

    from backend.services.hasura_client.transport import Transport

log = structlog.get_logger(__name__)

#: Between two attempts to reconnect, in seconds.
LONGEST_WAIT = 5.0
#: A page of long messages is larger than the library's default of 1 MiB.
LARGEST_MESSAGE = 64 * 2**20


@dataclass
class _Connection:
    client: Client
    ready: asyncio.Lock = field(default_factory=asyncio.Lock)
    session: AsyncClientSession | ReconnectingAsyncClientSession | None = None
    users: int = 0


class LiveQueries:
    """Subscriptions that survive a lost connection: after a reconnect the whole state is yielded again."""

    def __init__(self, transport: Transport, timeout: float) -> None:
        self._transport = transport
        self._url = "ws" + transport.url.removeprefix("http")
        self._timeout = timeout
        self._connections: dict[str, _Connection] = {}
        self._closed = False

    async def watch(
        self, token: str, document: Operation, variables: dict[str, Any]
    ) -> AsyncGenerator[dict[str, Any], None]:
        """``data`` of the query now, and again whenever it changes; never ends by itself.

        An outage is waited out. Raises Unauthorized once the token is refused, what the query itself did wrong, and
        Unavailable once the client is closed.
        """
        with self._transport.observer.watched(document.name):
            async with aclosing(self._states(token, Operation(document, variables))) as states:
                async for data in states:
                    yield data

    async def _states(self, token: str, request: Operation) -> AsyncGenerator[dict[str, Any], None]:
        failures = 0
        while not self._closed:
            try:
                async with (
                    self._connection(token) as session,
                    aclosing(session.subscribe(request)) as answers,
                ):
                    async for data in answers:
                        failures = 0
                        yield data
            except TransportQueryError as exc:
                error = from_graphql(exc.errors or [])
                if not isinstance(error, Unavailable):
                    raise error from exc
                log.warning("live_query_interrupted", cause=type(error).__name__)
            except (TransportError, TimeoutError, OSError) as exc:
                log.warning("live_query_interrupted", cause=told(exc))
            self._transport.observer.interrupted()
            await self._raise_if_refused(token)
            failures += 1
            await asyncio.sleep(random.uniform(0.5, 1.0) * min(LONGEST_WAIT, 0.1 * 2 ** min(failures, 10)))  # noqa: S311
        raise Unavailable("the client is closed")

    async def aclose(self) -> None:
        self._closed = True
        connections, self._connections = list(self._connections.values()), {}
        for connection in connections:
            await _close(connection)

    async def _raise_if_refused(self, token: str) -> None:
        # How a WebSocket says "your token has expired" differs by protocol and version; HTTP has one code.
        try:
            await self._transport.execute(token, operations.PING, idempotent=False)
        except (Unauthorized, PermissionDenied):
            raise
        except HasuraError:
            return  # away, or not yet itself: worth another try

    @asynccontextmanager
    async def _connection(
        self, token: str
    ) -> AsyncIterator[AsyncClientSession | ReconnectingAsyncClientSession]:
        connection = self._connections.get(token)
        if connection is None:
            connection = self._connections[token] = _Connection(self._new_client(token))
        connection.users += 1
        try:
            async with connection.ready:
                if connection.session is None:
                    connection.session = await connection.client.connect_async(reconnecting=False)
                    _notice_cancellation()
                    self._transport.breaker.close()
            yield connection.session
        except Exception:
            # Probably broken, so nobody else joins it: whoever comes next opens a new one.
            self._forget(token, connection)
            raise
        finally:
            connection.users -= 1
            if connection.users == 0:
                self._forget(token, connection)
                await asyncio.shield(_close(connection))

    def _forget(self, token: str, connection: _Connection) -> None:
        if self._connections.get(token) is connection:
            del self._connections[token]

    def _new_client(self, token: str) -> Client:
        transport = WebsocketsTransport(
            self._url,
            subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
            init_payload={"headers": {"Authorization": f"Bearer {token}"}},
            connect_timeout=self._timeout,
            ack_timeout=self._timeout,
            close_timeout=1,
            connect_args={"max_size": LARGEST_MESSAGE},
        )
        return Client(transport=transport)


async def _close(connection: _Connection) -> None:
    connection.session = None
    # Also where there never was a session: what was cancelled in the midst of it leaves an open WebSocket behind.
    transport = connection.client.transport
    if transport is not None:
        await transport.close()
    # gql lets this task fail where a pong cannot be sent any more; whoever listens has been told by then.
    if isinstance(transport, WebsocketsTransport) and (reading := transport.receive_data_task) is not None:
        reading.add_done_callback(lambda task: task.cancelled() or task.exception())
    # Each refers to the other, and so to all that was heard: not for the collector to find.
    vars(connection.client).pop("session", None)


def _notice_cancellation() -> None:
    # In Python 3.11 `asyncio.wait_for`, on which gql connects, loses a cancellation that comes at the same moment as
    # the connection (https://github.com/python/cpython/issues/86296): whoever cancelled would wait for ever.
    if (task := asyncio.current_task()) is not None and task.cancelling():
        raise asyncio.CancelledError
