"""JSON into requests, refused in Hasura's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import ClientDisconnect

from hasura.engine.errors import EngineError, InvalidJSON, NotSupported
from hasura.engine.metadata_ops.arguments import expect, field
from hasura.engine.pipeline import GraphQLRequest

if TYPE_CHECKING:
    from starlette.types import Receive

#: Bytes. Far above any honest GraphQL request, far below what one client may make a process hold.
LARGEST_BODY = 16 * 1024 * 1024
#: The same for GraphQL of whoever is no admin: JSON of this size is read in less than 0.1 s.
LARGEST_USERS_BODY = 4 * 1024 * 1024


class BodyTooLarge(EngineError):
    """The body, or the message, is larger than the caller's may be."""

    code = "bad-request"
    status = 413


async def read_json(receive: Receive, largest: int = LARGEST_BODY) -> Any:
    """The body of a request, as ASGI hands it out; it may have so many bytes.

    :raises BodyTooLarge: without reading the rest.
    :raises InvalidJSON: no JSON, or no UTF-8.
    :raises ClientDisconnect: the client went away meanwhile.
    """
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > largest:
            raise BodyTooLarge(f"the body is larger than {largest} bytes")
    return parse_json(body)


def parse_json(text: str | bytes | bytearray) -> Any:
    """:raises InvalidJSON: it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidJSON(f"Error in $: Failed reading: not a valid json value: {error}") from error


def graphql_request(value: Any, path: str = "$") -> GraphQLRequest:
    """``{"query", "variables"?, "operationName"?}``.

    :raises ParseFailed: it is of another form.
    :raises NotSupported: it names a persisted query.
    """
    expect(dict, value, path, "GraphQL request")
    query = expect(str, field(value, "query", path), f"{path}.query", "Text")
    name = value.get("operationName")
    if name is not None:
        expect(str, name, f"{path}.operationName", "Text")
    variables = value.get("variables")
    if variables is not None:
        expect(dict, variables, f"{path}.variables", "HashMap ~Text")
    extensions = value.get("extensions")
    if isinstance(extensions, dict) and "persistedQuery" in extensions:
        raise NotSupported("Automatic Persisted Queries is not enabled")
    return GraphQLRequest(query, name, variables or {})
