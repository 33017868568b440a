"""GraphQL's answers and the network's failures, translated once; repeats only where they are safe."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web

from backend.services import hasura_client as hasura
from backend.services.hasura_client import HasuraClient
from tests.backend.graphql_server import Handler, answers, breaks, graphql_server, is_silent


@asynccontextmanager
async def client_of(handler: Handler, seconds: float = 10) -> AsyncIterator[HasuraClient]:
    async with graphql_server(handler) as url, HasuraClient(url, seconds) as client:
        yield client


def graphql_error(code: str, message: str = "…", status: int = 200) -> Handler:
    return answers(status, body={"errors": [{"message": message, "extensions": {"path": "$", "code": code}}]})


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
    (answers(body={"errors": []}), hasura.UnexpectedAnswer),
    (answers(503, text="starting"), hasura.Unavailable),
    (answers(502, text="<html>"), hasura.Unavailable),
    (answers(401, text="no"), hasura.Unauthorized),
    (answers(500, text="oops"), hasura.UnexpectedAnswer),
    (answers(text="<html>"), hasura.UnexpectedAnswer),
    (answers(text=""), hasura.UnexpectedAnswer),
    (answers(body=None), hasura.UnexpectedAnswer),
    (answers(body=[1]), hasura.UnexpectedAnswer),
    (answers(body={"data": {"chat_sessions": [{"id": "x"}]}}), hasura.UnexpectedAnswer),
    (answers(body={"data": {}}), hasura.UnexpectedAnswer),
    (breaks, hasura.Unavailable),
]


@pytest.mark.parametrize(("handler", "error"), CASES)
async def test_every_failure_is_one_of_ours(handler: Handler, error: type[hasura.HasuraError]) -> None:
    async with client_of(handler) as client:
        with pytest.raises(hasura.HasuraError) as caught:
            await client.get_chat_session("token", uuid4())
    assert type(caught.value) is error
    assert "relation" not in str(caught.value), "the server's text may hold SQL: it stays inside"


async def test_a_server_that_is_silent_or_not_there_is_unavailable() -> None:
    async with client_of(is_silent, seconds=0.2) as client:
        with pytest.raises(hasura.Unavailable, match="in time"):
            await client.get_chat_session("token", uuid4())
    async with HasuraClient("http://127.0.0.1:1/v1/graphql") as client:
        with pytest.raises(hasura.Unavailable, match="cannot be reached"):
            await client.get_chat_session("token", uuid4())


class Flaky:
    """Fails a number of times, then answers; counts."""

    def __init__(self, failures: int, failure: Handler, answer: dict[str, Any]) -> None:
        self.calls = 0
        self._failures = failures
        self._failure = failure
        self._answer = answer

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.calls += 1
        if self.calls <= self._failures:
            return await self._failure(request)
        return web.json_response({"data": self._answer})


BUSY = answers(503, text="starting")


@pytest.mark.parametrize("failure", [breaks, BUSY])
async def test_a_query_is_repeated_twice_and_no_more(failure: Handler) -> None:
    empty: dict[str, Any] = {"chat_sessions": []}
    twice = Flaky(2, failure, empty)
    async with client_of(twice) as client:
        assert (await client.get_user_chat_sessions("token")).items == []
    assert twice.calls == 3
    always = Flaky(99, failure, empty)
    async with client_of(always) as client:
        with pytest.raises(hasura.Unavailable):
            await client.get_user_chat_sessions("token")
    assert always.calls == 3


@pytest.mark.parametrize("failure", [breaks, BUSY, is_silent])
async def test_a_deletion_that_may_have_arrived_is_not_repeated(failure: Handler) -> None:
    flaky = Flaky(2, failure, {"update_chat_sessions": {"returning": []}})
    async with client_of(flaky, seconds=0.5) as client:
        with pytest.raises(hasura.Unavailable):
            await client.delete_chat_session("token", uuid4())
    assert flaky.calls == 1


async def test_a_deletion_that_never_left_is_repeated() -> None:
    deletion = Flaky(0, BUSY, {"update_chat_sessions": {"returning": []}})
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))  # whoever comes before it listens is refused
    runner = web.ServerRunner(web.Server(deletion, access_log=None))
    await runner.setup()
    async with HasuraClient(f"http://127.0.0.1:{listener.getsockname()[1]}/v1/graphql") as client:
        coming = asyncio.create_task(client.delete_chat_session("token", uuid4()))
        await asyncio.sleep(0.02)
        assert not coming.done()
        await web.SockSite(runner, listener).start()
        with pytest.raises(hasura.NotFound):
            await coming
    await runner.cleanup()
    assert deletion.calls == 1


async def test_nobody_waits_twice_for_a_timeout() -> None:
    flaky = Flaky(1, is_silent, {"chat_sessions": []})
    async with client_of(flaky, seconds=0.2) as client:
        with pytest.raises(hasura.Unavailable):
            await client.get_user_chat_sessions("token")
    assert flaky.calls == 1


async def test_each_call_carries_its_own_token() -> None:
    seen: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.headers["authorization"])
        return web.json_response({"data": {"chat_sessions": []}}, headers={"Set-Cookie": "a=b"})

    async with client_of(handler) as client:
        for token in ("one", "two"):
            await client.get_user_chat_sessions(token)
    assert seen == ["Bearer one", "Bearer two"]
