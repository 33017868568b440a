"""GraphQL over HTTP: one request, or a list of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasura.engine import pipeline
from hasura.engine.errors import EngineError, UnexpectedPayload

from .answers import graphql_errors, graphql_refusal, json_answer
from .bodies import graphql_request, read_json
from .headers import header_map

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from hasura.engine.pipeline import GraphQLRequest
    from hasura.engine.session import Session

    from .engine import Engine


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
        body = await read_json(request)
        if not isinstance(body, list):
            return json_answer(await _answer(engine, session, graphql_request(body)))
        batch = [graphql_request(item, f"$[{position}]") for position, item in enumerate(body)]
        answers = [await _answer_or_errors(engine, session, each) for each in batch]
        return json_answer(b"[" + b",".join(answers) + b"]")
    except EngineError as error:
        return graphql_refusal(error, always_200=always_200)


async def _answer_or_errors(engine: Engine, session: Session, request: GraphQLRequest) -> bytes:
    """In a batch, one request's failure is its own."""
    try:
        return await _answer(engine, session, request)
    except EngineError as error:
        return graphql_errors(error)


async def _answer(engine: Engine, session: Session, request: GraphQLRequest) -> bytes:
    if pipeline.operation_kind(request) == "subscription":
        raise UnexpectedPayload("subscriptions are not supported over HTTP, use websockets instead")
    engine.check_allowed(session, request)
    return await pipeline.answer(engine.snapshot, engine.pool, session, request)
