"""One pooled HTTP connection set to GraphQL, the caller's token on each request, repeats only where safe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import stamina
from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportError
from gql.transport.httpx import HTTPXAsyncTransport

from backend.services.hasura_client.errors import Unavailable, from_transport

if TYPE_CHECKING:
    from gql.client import AsyncClientSession, ReconnectingAsyncClientSession

ATTEMPTS = 3
CONNECTIONS = 100


class Transport:
    """GraphQL over HTTP. One per process; opened once, used by any number of tasks at a time."""

    def __init__(self, url: str, timeout: float, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.url = url
        http = HTTPXAsyncTransport(
            url,
            timeout=httpx2.Timeout(timeout, connect=min(timeout, 3.0)),
            limits=httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS // 4),
            transport=transport,
        )
        self._client = Client(transport=http, execute_timeout=timeout)
        self._session: AsyncClientSession | ReconnectingAsyncClientSession | None = None

    async def open(self) -> None:
        self._session = await self._client.connect_async(reconnecting=False)

    async def aclose(self) -> None:
        if self._session is not None:
            self._session = None
            await self._client.close_async()

    async def execute(
        self,
        token: str,
        document: GraphQLRequest,
        variables: dict[str, Any] | None = None,
        *,
        idempotent: bool,
    ) -> dict[str, Any]:
        """``data`` of the answer.

        A request that is `idempotent` is repeated when the connection breaks or the server says 503; any
        request is repeated when it never left. Raises a HasuraError.
        """

        def repeatable(exc: Exception) -> bool:
            return isinstance(exc, Unavailable) and exc.retryable and (idempotent or not exc.sent)

        request = GraphQLRequest(document, variable_values=variables)
        async for attempt in stamina.retry_context(
            on=repeatable, attempts=ATTEMPTS, timeout=None, wait_initial=0.05, wait_max=0.5, wait_jitter=0.05
        ):
            with attempt:
                return await self._once(token, request)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _once(self, token: str, request: GraphQLRequest) -> dict[str, Any]:
        if self._session is None:
            raise RuntimeError("HasuraClient is not open: use `async with` or call open()")
        try:
            data: dict[str, Any] = await self._session.execute(
                request, extra_args={"headers": {"Authorization": f"Bearer {token}"}}
            )
        except (TransportError, TimeoutError) as exc:
            raise from_transport(exc) from exc
        return data
