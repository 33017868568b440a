"""GraphQL over HTTP: one request, or a list of them.

This is the path of nearly every request, so it is an ASGI application of its own: no router, no objects for request
and response around it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from hasura.engine import pipeline
from hasura.engine.errors import BadRequest, EngineError, UnexpectedPayload
from hasura.engine.session import ADMIN

from .answers import graphql_errors, graphql_refusal, send_json
from .bodies import LARGEST_BODY, LARGEST_USERS_BODY, graphql_request, read_json
from .deadline import in_time
from .hangup import while_heard
from .headers import header_map

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from hasura.engine.pipeline import GraphQLRequest
    from hasura.engine.session import Session

    from .engine import Engine

#: Requests of one batch: each is answered after the one before it.
LARGEST_BATCH = 1000


class GraphQL:
    """``POST /v1/graphql``, where refusals are 200s with ``errors``, and ``POST /v1alpha1/graphql``, where they have
    their own status."""

    def __init__(self, engine: Engine, *, always_200: bool) -> None:
        self._engine = engine
        self._always_200 = always_200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            headers = header_map(scope["headers"])
            text = await in_time(headers, self._answer(headers, scope, receive))
        except EngineError as error:
            await graphql_refusal(error, always_200=self._always_200)(scope, receive, send)
        except ClientDisconnect:
            return
        else:
            await send_json(send, text)

    async def _answer(self, headers: dict[str, str], scope: Scope, receive: Receive) -> bytes:
        engine = self._engine
        session = engine.authenticator.authenticate(headers).session
        body = await read_json(receive, LARGEST_BODY if session.role == ADMIN else LARGEST_USERS_BODY)
        address = scope["client"][0] if scope.get("client") else ""
        if not isinstance(body, list):
            return await _answer(engine, session, graphql_request(body), address, receive)
        if engine.api_limits is not None:
            engine.api_limits.check_batch(session, len(body))
        if len(body) > LARGEST_BATCH:
            raise BadRequest(f"a batch takes at most {LARGEST_BATCH} requests")
        batch = [graphql_request(item, f"$[{position}]") for position, item in enumerate(body)]
        answers = [await _answer_or_errors(engine, session, each, address, receive) for each in batch]
        return b"[" + b",".join(answers) + b"]"


class ExceptForBrowsers:
    """ASGI middleware: a POST to ``path`` that names no origin goes to ``endpoint`` at once, past browsers' rules."""

    def __init__(self, app: ASGIApp, path: str, endpoint: ASGIApp) -> None:
        self._app = app
        self._path = path
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        direct = (
            scope["type"] == "http"
            and scope["path"] == self._path
            and scope["method"] == "POST"
            and all(name != b"origin" for name, _ in scope["headers"])
        )
        await (self._endpoint if direct else self._app)(scope, receive, send)


async def _answer_or_errors(
    engine: Engine, session: Session, request: GraphQLRequest, address: str, receive: Receive
) -> bytes:
    """In a batch, one request's failure is its own."""
    await asyncio.sleep(0)  # what the schema alone answers waits for nothing: others have their turn
    try:
        return await _answer(engine, session, request, address, receive)
    except EngineError as error:
        return graphql_errors(error)


async def _answer(
    engine: Engine, session: Session, request: GraphQLRequest, address: str, receive: Receive
) -> bytes:
    with engine.metrics.operation() as timed:
        operation = await pipeline.read(request)
        timed.kind, timed.root = operation.kind, operation.root
        if operation.kind == "subscription":
            raise UnexpectedPayload("subscriptions are not supported over HTTP, use websockets instead")
        await engine.admit(session, request, operation, address)
        work = pipeline.answer(engine.snapshot, engine.pools, session, request)
        if engine.api_limits is not None:
            work = engine.api_limits.timed(session, work)
        # Who hangs up does not want a change undone.
        return await (work if operation.kind == "mutation" else while_heard(receive, work))
