"""Limits that hold for all processes where there is Redis, and for each one where there is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID, uuid4

import httpx
import pytest

from backend.main import create_app
from backend.services import rate_limits
from tests.backend.conftest import Person, assert_problem, register, running, settings_for
from tests.conftest import RedisServer, free_port

GUESS = {"username": "nobody-here", "password": "a wrong guess"}


@asynccontextmanager
async def two_backends(
    database: str, graphql_url: str, redis_url: str | None, **changes: object
) -> AsyncIterator[list[httpx.AsyncClient]]:
    async with AsyncExitStack() as stack:
        settings = settings_for(database, graphql_url, redis_url=redis_url, **changes)
        yield [await stack.enter_async_context(running(create_app(settings))) for _ in range(2)]


async def guesses(apis: list[httpx.AsyncClient], username: str) -> list[int]:
    """Six wrong passwords, sent to one and the other in turn."""
    body = GUESS | {"username": username}
    return [(await apis[n % 2].post("/auth/login", json=body)).status_code for n in range(6)]


@pytest.mark.parametrize(
    ("redis", "answers"), [(True, [401] * 3 + [429] * 3), (False, [401] * 6)], ids=["redis", "memory"]
)
async def test_sign_ins_are_counted_over_all_processes_where_there_is_redis(
    backend_database: str, redis_server: RedisServer, redis: bool, answers: list[int]
) -> None:
    url = redis_server.url if redis else None
    async with two_backends(backend_database, "http://127.0.0.1:1/", url, login_attempts=3) as apis:
        assert await guesses(apis, "nobody-here") == answers


async def test_who_signs_in_starts_afresh_on_every_process(
    backend_database: str, redis_server: RedisServer
) -> None:
    async with two_backends(
        backend_database, "http://127.0.0.1:1/", redis_server.url, login_attempts=3
    ) as apis:
        ada = await register(apis[0])
        for api in [*apis, *apis]:
            wrong = {"username": ada.username, "password": "a wrong guess"}
            right = {"username": ada.username, "password": "correct horse battery"}
            assert (await api.post("/auth/login", json=wrong)).status_code == 401
            assert (await api.post("/auth/login", json=right)).status_code == 200


async def test_while_redis_is_away_each_process_counts_and_nobody_is_shut_out(
    backend_database: str, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "ASK_AGAIN", 0.0)
    async with two_backends(
        backend_database, "http://127.0.0.1:1/", redis_server.url, login_attempts=2
    ) as apis:
        await asyncio.to_thread(redis_server.kill)
        assert await guesses(apis, "nobody-here") == [401] * 4 + [429] * 2
        await asyncio.to_thread(redis_server.start)
        assert await guesses(apis, "somebody") == [401] * 2 + [429] * 4


async def test_a_users_messages_are_counted_over_both_routes_and_all_processes(
    backend_database: str, graphql_url: str, redis_server: RedisServer, ada: Person, bob: Person
) -> None:
    async with two_backends(backend_database, graphql_url, redis_server.url, messages_per_minute=3) as apis:

        async def session_of(person: Person) -> UUID:
            made = await apis[0].post("/api/chat/sessions", json={}, headers=person.headers)
            return UUID(made.json()["session_id"])

        session = await session_of(ada)
        add = f"/api/chat/sessions/{session}/messages"
        for api in (*apis, apis[0]):
            assert (await api.post(add, json={"content": "hi"}, headers=ada.headers)).status_code == 201
        refused = await apis[1].post(add, json={"content": "hi"}, headers=ada.headers)
        assert_problem(refused, 429, "too-many-requests")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        body = {"session_id": str(session), "content": "hi", "message_id": str(uuid4())}
        assert_problem(
            await apis[0].post("/api/chat", json=body, headers=ada.headers), 429, "too-many-requests"
        )
        theirs = f"/api/chat/sessions/{await session_of(bob)}/messages"
        assert (await apis[1].post(theirs, json={"content": "hi"}, headers=bob.headers)).status_code == 201


async def test_an_unreachable_redis_is_not_asked_for_every_sign_in(backend_database: str) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    async with two_backends(backend_database, "http://127.0.0.1:1/", url, login_attempts=2) as apis:
        assert await guesses(apis, "nobody-here") == [401] * 4 + [429] * 2
