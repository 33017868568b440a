"""Answers over HTTP: JSON that is ready, and errors in the two shapes that Hasura has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

from hasura.engine.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from starlette.types import Send

    from hasura.engine.errors import EngineError

#: Seconds after which a client may ask again when PostgreSQL is away.
RETRY_AFTER = "1"
_MEDIA_TYPE = "application/json; charset=utf-8"


def json_answer(content: bytes | Any, status: int = 200) -> Response:
    """JSON text as it is, anything else as its JSON."""
    text = content if isinstance(content, bytes) else orjson.dumps(content)
    return Response(text, status, media_type=_MEDIA_TYPE)


async def send_json(send: Send, text: bytes) -> None:
    """Answers JSON text, status 200, over ASGI."""
    headers = [(b"content-type", _MEDIA_TYPE.encode()), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def graphql_errors(error: EngineError) -> bytes:
    """The body of a GraphQL answer that failed."""
    return orjson.dumps({"errors": [error.graphql()]})


def graphql_refusal(error: EngineError, *, always_200: bool) -> Response:
    """On /v1/graphql every refusal is a 200, as in Hasura; not one that a proxy or a client should act on."""
    status = 200 if always_200 and error.status < 500 and error.status != 413 else error.status
    return _with_retry(json_answer(graphql_errors(error), status), error)


def api_refusal(error: EngineError) -> Response:
    """The APIs that are not GraphQL."""
    return _with_retry(json_answer(error.api(), error.status), error)


def _with_retry(response: Response, error: EngineError) -> Response:
    if isinstance(error, DatabaseUnavailable):
        response.headers["retry-after"] = RETRY_AFTER
    return response
