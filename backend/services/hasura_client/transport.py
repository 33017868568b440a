"""One pooled HTTP connection set to GraphQL, the caller's token on each request, repeats only where safe."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pydantic_core
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportError
from graphql import FieldNode, OperationDefinitionNode

from backend.services import deadlines
from backend.services.breakers import Breaker, BreakerOpen
from backend.services.hasura_client.errors import (
    HasuraError,
    TimedOut,
    TooLate,
    Unavailable,
    UnexpectedAnswer,
    from_graphql,
    from_transport,
)
from backend.services.hasura_client.observer import Observer, Unobserved
from backend.services.hasura_client.operations import Operation
from backend.services.hasura_client.places import Places
from backend.services.repeating import repeated
from telemetry import traces

ATTEMPTS = 3
#: What the server keeps for its own refusal to arrive while it is still waited for: of the time, or seconds.
MARGIN, LONGEST_MARGIN = 0.1, 0.25
#: After so many failures in a row GraphQL is left alone for so many seconds: short, for who comes first afterwards
#: finds out that it is back, and only a server that hangs costs anybody much.
FAILURES, LEFT_ALONE = 5, 0.5
#: Seconds; a connection is kept for less than the engine keeps it (5), so that no request meets its end.
CONNECT_WITHIN, KEPT_FOR = 3.0, 4.0


class Transport:
    """GraphQL over HTTP. One per process; opened once, used by any number of tasks at a time."""

    def __init__(
        self,
        url: str,
        timeout: float,
        observer: Observer | None = None,
    ) -> None:
        self.url = url
        self.observer: Observer = observer or Unobserved()
        self.breaker = Breaker("graphql", failures=FAILURES, seconds=LEFT_ALONE, judge=_judged)
        self._places = Places(self.observer)
        self._timeout = timeout
        self._http = AIOHTTPTransport(url, json_deserialize=pydantic_core.from_json)

    async def open(self) -> None:
        # Here, because these belong to the loop that runs. How many there are at once is for the places to say, and how
        # long one may take is for each attempt.
        self._http.client_session_args = {
            "connector": aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_FOR),
            "cookie_jar": aiohttp.DummyCookieJar(),
            "timeout": aiohttp.ClientTimeout(total=None, sock_connect=min(self._timeout, CONNECT_WITHIN)),
        }
        await self._http.connect()

    async def aclose(self) -> None:
        await self._http.close()

    async def execute(
        self,
        token: str,
        document: Operation,
        variables: dict[str, Any] | None = None,
        *,
        idempotent: bool,
    ) -> dict[str, Any]:
        """``data`` of the answer, within the caller's deadline.

        A request that is `idempotent` is repeated when the connection breaks or the server says 503; any
        request is repeated when it never left. Raises a HasuraError.
        """

        def repeatable(exc: Exception) -> bool:
            left = deadlines.remaining()
            return (
                isinstance(exc, Unavailable)
                and exc.retryable
                and (idempotent or not exc.sent)
                and (left is None or left > 0)
            )

        request = Operation(document, variables)
        return await repeated(
            lambda: self._observed(token, request),
            on=repeatable,
            wait=0.05,
            longest_wait=0.5,
            attempts=ATTEMPTS,
        )

    async def _observed(self, token: str, request: Operation) -> dict[str, Any]:
        started, outcome = time.perf_counter(), "Cancelled"
        try:
            with traces.span(f"GraphQL {request.name}", "client", {"graphql.operation.name": request.name}):
                data = await self._once(token, request)
            outcome = "ok"
        except HasuraError as exc:
            outcome = type(exc).__name__
            raise
        else:
            return data
        finally:
            self.observer.answered(request.name, time.perf_counter() - started, outcome)

    async def _once(self, token: str, request: Operation) -> dict[str, Any]:
        try:
            with self.breaker.attempt():
                async with self._places.one():
                    return await self._attempt(token, request)
        except BreakerOpen as exc:
            left_alone = Unavailable("GraphQL cannot be reached", retry_after=exc.retry_after, sent=False)
            left_alone.retryable = False
            raise left_alone from exc

    async def _attempt(self, token: str, request: Operation) -> dict[str, Any]:
        left = deadlines.remaining()
        limit = self._timeout if left is None else min(self._timeout, left)
        if limit <= 0:
            raise TooLate
        for_server = limit - min(limit * MARGIN, LONGEST_MARGIN)
        headers = {
            "Authorization": f"Bearer {token}",
            deadlines.HEADER: str(max(1, int(for_server * 1000))),
        } | traces.outgoing()
        try:
            async with asyncio.timeout(limit):
                result = await self._http.execute(request, extra_args={"headers": headers})
        except (TransportError, TimeoutError) as exc:
            if isinstance(exc, TimeoutError) and limit < self._timeout:
                raise TooLate from exc
            raise from_transport(exc) from exc
        if result.errors:
            error = from_graphql(result.errors)
            if isinstance(error, TimedOut) and limit < self._timeout:
                raise TooLate from error
            raise error
        if not isinstance(result.data, dict) or not _roots(request) <= result.data.keys():
            raise UnexpectedAnswer("GraphQL answered with less than it was asked for")
        return result.data


def _judged(exc: Exception) -> bool | None:
    return exc.outage if isinstance(exc, HasuraError) else None


def _roots(request: Operation) -> set[str]:
    """The names that ``data`` must have."""
    return {
        (field.alias or field.name).value
        for definition in request.document.definitions
        if isinstance(definition, OperationDefinitionNode)
        for field in definition.selection_set.selections
        if isinstance(field, FieldNode)
    }
