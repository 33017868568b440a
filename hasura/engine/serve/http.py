"""GraphQL over HTTP: one request, or a list of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hasura.engine import pipeline
from hasura.engine.errors import BadRequest, EngineError, UnexpectedPayload
from hasura.engine.session import ADMIN

from .answers import graphql_errors, graphql_refusal, json_answer
from .bodies import LARGEST_BODY, LARGEST_USERS_BODY, graphql_request, read_json
from .headers import header_map

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from hasura.engine.pipeline import GraphQLRequest
    from hasura.engine.session import Session

    from .engine import Engine

#: Requests of one batch: each is answered after the one before it.
LARGEST_BATCH = 1000


async def graphql(request: Request) -> Response:
    """``POST /v1/graphql``: refusals are 200s with ``errors``."""
    return await _graphql(request, always_200=True)


async def graphql_v1alpha1(request: Request) -> Response:
    """``POST /v1alpha1/graphql``: the same, with the refusal's own status."""
    return await _graphql(request, always_200=False)


async def _graphql(request: Request, *, always_200: bool) -> Response:
    engine: Engine = request.app.state.engine
    try:
        session = engine.authenticator.authenticate(header_map(request.headers)).session
        body = await read_json(request, LARGEST_BODY if session.role == ADMIN else LARGEST_USERS_BODY)
        address = request.client.host if request.client else ""
        if not isinstance(body, list):
            return json_answer(await _answer(engine, session, graphql_request(body), address))
        if engine.api_limits is not None:
            engine.api_limits.check_batch(session, len(body))
        if len(body) > LARGEST_BATCH:
            raise BadRequest(f"a batch takes at most {LARGEST_BATCH} requests")
        batch = [graphql_request(item, f"$[{position}]") for position, item in enumerate(body)]
        answers = [await _answer_or_errors(engine, session, each, address) for each in batch]
        return json_answer(b"[" + b",".join(answers) + b"]")
    except EngineError as error:
        return graphql_refusal(error, always_200=always_200)


async def _answer_or_errors(engine: Engine, session: Session, request: GraphQLRequest, address: str) -> bytes:
    """In a batch, one request's failure is its own."""
    await asyncio.sleep(
        0
    )  # a request that the schema alone answers waits for nothing: others have their turn
    try:
        return await _answer(engine, session, request, address)
    except EngineError as error:
        return graphql_errors(error)


async def _answer(engine: Engine, session: Session, request: GraphQLRequest, address: str) -> bytes:
    operation = await pipeline.read(request)
    if operation.kind == "subscription":
        raise UnexpectedPayload("subscriptions are not supported over HTTP, use websockets instead")
    await engine.admit(session, request, operation, address)
    work = pipeline.answer(engine.snapshot, engine.pool, session, request)
    return await (work if engine.api_limits is None else engine.api_limits.timed(session, work))
