"""GraphQL's answers and the network's failures, translated once; repeats only where they are safe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from backend.services import hasura_client as hasura
from backend.services.hasura_client import HasuraClient

Handler = Callable[[httpx2.Request], httpx2.Response]


def client_of(handler: Handler, **options: Any) -> HasuraClient:
    return HasuraClient("http://graphql.test/v1/graphql", transport=httpx2.MockTransport(handler), **options)


def graphql_error(code: str, message: str = "…", status: int = 200) -> Handler:
    body = {"errors": [{"message": message, "extensions": {"path": "$", "code": code}}]}
    return lambda _: httpx2.Response(status, json=body)


def fails_with(error: Exception) -> Handler:
    def handler(_: httpx2.Request) -> httpx2.Response:
        raise error

    return handler


CASES = [
    (graphql_error("invalid-jwt", "Could not verify JWT: JWTExpired"), hasura.Unauthorized),
    (graphql_error("invalid-headers", "Missing Authorization header"), hasura.Unauthorized),
    (graphql_error("jwt-missing-role-claims"), hasura.Unauthorized),
    (graphql_error("access-denied", "Your requested role is not in allowed roles"), hasura.PermissionDenied),
    (
        graphql_error("permission-error", "check constraint of an insert/update permission has failed"),
        hasura.PermissionDenied,
    ),
    (
        graphql_error("permission-error", "Check constraint violation. new row for relation …"),
        hasura.InvalidInput,
    ),
    (graphql_error("constraint-violation", "Foreign key violation. insert or update …"), hasura.NotFound),
    (graphql_error("constraint-violation", "Uniqueness violation. duplicate key …"), hasura.Conflict),
    (graphql_error("constraint-violation", "Not-NULL violation. null value …"), hasura.InvalidInput),
    (graphql_error("validation-failed", "field 'x' not found"), hasura.InvalidInput),
    (graphql_error("data-exception", "invalid input syntax"), hasura.InvalidInput),
    (graphql_error("postgres-error", "connection error"), hasura.Unavailable),
    (graphql_error("postgres-error", "connection error", 503), hasura.Unavailable),
    (graphql_error("unexpected", "connection error"), hasura.Unavailable),
    (graphql_error("unexpected", "something else"), hasura.UnexpectedAnswer),
    (graphql_error(""), hasura.UnexpectedAnswer),
    (lambda _: httpx2.Response(200, json={"errors": []}), hasura.UnexpectedAnswer),
    (lambda _: httpx2.Response(503, text="starting"), hasura.Unavailable),
    (lambda _: httpx2.Response(502, text="<html>"), hasura.Unavailable),
    (lambda _: httpx2.Response(401, text="no"), hasura.Unauthorized),
    (lambda _: httpx2.Response(500, text="oops"), hasura.UnexpectedAnswer),
    (lambda _: httpx2.Response(200, text="<html>"), hasura.UnexpectedAnswer),
    (lambda _: httpx2.Response(200, json=[1]), hasura.UnexpectedAnswer),
    (
        lambda _: httpx2.Response(200, json={"data": {"chat_sessions": [{"id": "x"}]}}),
        hasura.UnexpectedAnswer,
    ),
    (lambda _: httpx2.Response(200, json={"data": {}}), hasura.UnexpectedAnswer),
    (fails_with(httpx2.ConnectError("refused")), hasura.Unavailable),
    (fails_with(httpx2.ReadTimeout("slow")), hasura.Unavailable),
    (fails_with(httpx2.RemoteProtocolError("gone")), hasura.Unavailable),
]


@pytest.mark.parametrize(("handler", "error"), CASES)
async def test_every_failure_is_one_of_ours(handler: Handler, error: type[hasura.HasuraError]) -> None:
    async with client_of(handler) as client:
        with pytest.raises(hasura.HasuraError) as caught:
            await client.get_chat_session("token", uuid4())
    assert type(caught.value) is error
    assert "relation" not in str(caught.value), "the server's text may hold SQL: it stays inside"


class Flaky:
    """Fails a number of times, then answers; counts."""

    def __init__(self, failures: int, failure: Handler, answer: dict[str, Any]) -> None:
        self.calls = 0
        self._failures = failures
        self._failure = failure
        self._answer = answer

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.calls += 1
        if self.calls <= self._failures:
            return self._failure(request)
        return httpx2.Response(200, json={"data": self._answer})


BROKEN = fails_with(httpx2.RemoteProtocolError("gone"))
REFUSED = fails_with(httpx2.ConnectError("refused"))
BUSY: Handler = lambda _: httpx2.Response(503, text="starting")  # noqa: E731
SLOW = fails_with(httpx2.ReadTimeout("slow"))


@pytest.mark.parametrize("failure", [BROKEN, REFUSED, BUSY])
async def test_a_query_is_repeated_twice_and_no_more(failure: Handler) -> None:
    empty = {"chat_sessions": []}
    twice = Flaky(2, failure, empty)
    async with client_of(twice) as client:
        assert (await client.get_user_chat_sessions("token")).items == []
    assert twice.calls == 3
    always = Flaky(99, failure, empty)
    async with client_of(always) as client:
        with pytest.raises(hasura.Unavailable):
            await client.get_user_chat_sessions("token")
    assert always.calls == 3


@pytest.mark.parametrize(("failure", "calls"), [(BROKEN, 1), (BUSY, 1), (SLOW, 1), (REFUSED, 3)])
async def test_a_deletion_is_repeated_only_when_it_never_left(failure: Handler, calls: int) -> None:
    flaky = Flaky(2, failure, {"update_chat_sessions": {"returning": []}})
    async with client_of(flaky) as client:
        with pytest.raises((hasura.Unavailable, hasura.NotFound)):
            await client.delete_chat_session("token", uuid4())
    assert flaky.calls == calls


async def test_nobody_waits_twice_for_a_timeout() -> None:
    flaky = Flaky(1, SLOW, {"chat_sessions": []})
    async with client_of(flaky) as client:
        with pytest.raises(hasura.Unavailable):
            await client.get_user_chat_sessions("token")
    assert flaky.calls == 1


async def test_each_call_carries_its_own_token() -> None:
    seen: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["authorization"])
        return httpx2.Response(200, json={"data": {"chat_sessions": []}})

    async with client_of(handler) as client:
        for token in ("one", "two"):
            await client.get_user_chat_sessions(token)
    assert seen == ["Bearer one", "Bearer two"]
