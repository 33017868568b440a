"""How long a request may take: kept at the edge, in GraphQL and in PostgreSQL, and by nothing that goes on alone."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from aiohttp import web

from backend.main import create_app
from backend.services import deadlines
from backend.services.deadlines import DeadlineExceeded
from backend.services.hasura_client import HasuraClient, TooLate, Unavailable, places
from tests.backend import model_server as scripts
from tests.backend.conftest import Person, assert_problem, register, running, serving, settings_for
from tests.backend.graphql_server import graphql_server
from tests.backend.model_server import model_server
from tests.backend.sockets import new_session
from tests.backend.test_breakers import silent_server
from tests.backend.test_chat import ask

HEADER = deadlines.HEADER


class TestRules:
    async def test_an_inner_deadline_is_never_later_than_the_outer(self) -> None:
        assert deadlines.remaining() is None
        async with deadlines.within(5):
            async with deadlines.within(60):
                assert 0 < (deadlines.remaining() or 0) <= 5
            async with deadlines.within(1):
                assert 0 < (deadlines.remaining() or 0) <= 1
            assert (deadlines.remaining() or 0) > 1
        assert deadlines.remaining() is None

    async def test_what_is_over_is_cancelled_and_says_so(self) -> None:
        with pytest.raises(DeadlineExceeded):
            async with deadlines.within(0.01):
                await asyncio.Event().wait()

    async def test_a_timeout_of_something_else_stays_what_it_is(self) -> None:
        with pytest.raises(TimeoutError):
            async with deadlines.within(60):
                raise TimeoutError

    async def test_what_was_lifted_or_goes_on_alone_has_none(self) -> None:
        async with deadlines.within(60) as deadline:
            alone = asyncio.create_task(_remaining(), context=deadlines.detached())
            assert await alone is None
            assert await asyncio.create_task(_remaining()) is not None
            deadline.lift()
            assert deadlines.remaining() is None

    async def test_what_the_caller_asked_for_is_not_relaxed(self) -> None:
        async with deadlines.within(60, asked=True):
            deadlines.relax()
            assert deadlines.remaining() is not None
        async with deadlines.within(60):
            deadlines.relax()
            assert deadlines.remaining() is None


async def _remaining() -> float | None:
    return deadlines.remaining()


@pytest.mark.parametrize(("own", "given", "told"), [(10.0, 2.0, 1800), (10.0, None, 9750), (1.0, 60.0, 900)])
async def test_graphql_is_told_how_long_it_may_take(own: float, given: float | None, told: int) -> None:
    seen: list[int] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(int(request.headers[HEADER]))
        return web.json_response({"data": {"chat_sessions": []}})

    async with graphql_server(handler) as url, HasuraClient(url, own) as client:
        if given is None:
            await client.get_user_chat_sessions("token")
        else:
            async with deadlines.within(given):
                await client.get_user_chat_sessions("token")
    assert told - 500 < seen[0] <= told


async def test_nothing_is_repeated_or_begun_when_the_time_is_over() -> None:
    calls = 0

    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        assert deadline is not None
        deadline.at = asyncio.get_running_loop().time()  # over, and nobody has noticed
        return web.Response(status=503)

    async with (
        graphql_server(handler) as url,
        HasuraClient(url) as client,
        deadlines.within(60) as deadline,
    ):
        with pytest.raises(Unavailable, match="not available"):
            await client.get_user_chat_sessions("token")
        assert calls == 1
        with pytest.raises(TooLate):
            await client.get_user_chat_sessions("token")
        assert calls == 1


async def test_a_request_that_takes_too_long_is_504(database_url: str, ada: Person) -> None:
    async with silent_server() as server:
        settings = settings_for(database_url, server.url, request_timeout=0.3)
        async with running(create_app(settings)) as api:
            answer = await api.get(f"/api/chat/sessions/user/{ada.id}", headers=ada.headers)
            assert_problem(answer, 504, "too-slow")
    async with silent_server() as server, running(create_app(settings_for(database_url, server.url))) as api:
        answer = await api.get(f"/api/chat/sessions/user/{ada.id}", headers=ada.headers | {HEADER: "200"})
        assert_problem(answer, 504, "too-slow")


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "soon", "1" * 10, ""])
async def test_a_time_that_is_none_is_refused(api: httpx.AsyncClient, ada: Person, value: str) -> None:
    answer = await api.get(f"/api/chat/sessions/user/{ada.id}", headers=ada.headers | {HEADER: value})
    assert_problem(answer, 422, "invalid")


async def test_a_lock_in_the_database_costs_504_and_the_statement_is_cancelled(
    backend_database: str, api: httpx.AsyncClient
) -> None:
    ada = await register(api)
    made = await api.post("/api/chat/sessions", json={}, headers=ada.headers)
    path = f"/api/chat/sessions/{made.json()['session_id']}"
    with (
        psycopg.connect(backend_database, autocommit=True) as looking,
        psycopg.connect(backend_database) as db,
    ):
        db.execute("SELECT FROM chat_sessions WHERE user_id = %s FOR UPDATE", [ada.id])
        answer = await api.put(path, json={"title": "Late"}, headers=ada.headers | {HEADER: "700"})
        assert_problem(answer, 504, "too-slow")
        async with asyncio.timeout(30):
            while _waiting(looking):  # noqa: ASYNC110  nothing tells
                await asyncio.sleep(0.05)
        db.rollback()
    assert (await api.get(path, headers=ada.headers)).json()["title"] != "Late"


def _waiting(connection: psycopg.Connection[tuple[int]]) -> int:
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock' AND query ILIKE '%chat_sessions%'"
    ).fetchone()
    assert row is not None
    return row[0]


async def test_an_answer_takes_as_long_as_it_takes_unless_the_caller_says_otherwise(
    backend_database: str, graphql_url: str, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(scripts.STREAMS, "#longer", ["Late ", 5.5, "words"])
    text = "Late words"
    as_json = ada.headers | {"Accept": "application/json"}
    async with model_server() as model:
        settings = settings_for(
            backend_database, graphql_url, llm_base_url=model.base_url, llm_model="tiny", request_timeout=5
        )
        async with serving(create_app(settings)) as api:

            async def asked(message_id: UUID, **headers: str) -> httpx.Response:
                body = {"session_id": session, "content": "#longer", "message_id": str(message_id)}
                return await api.post("/api/chat", json=body, headers=as_json | headers)

            session = str(await new_session(api, ada))
            given_up = uuid4()
            stream, whole, none = await asyncio.gather(
                ask(api, ada, session, "#longer"), asked(uuid4()), asked(given_up, **{HEADER: "4000"})
            )
            assert (stream[-1][0], stream[-1][1]["content"]) == ("done", text)
            assert (whole.status_code, whole.json()["reply"]["content"]) == (200, text)
            assert_problem(none, 504, "too-slow")
            # Nobody waited for it, and it was written all the same.
            answer = await api.get(f"/api/chat/{given_up}/stream", headers=as_json)
            assert answer.json()["reply"]["content"] == text


async def test_who_finds_graphql_full_is_told_so_and_how_long_others_waited_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(places, "MOST_WAITING", 1)
    release, waits = asyncio.Event(), []

    class Observer:
        def __getattr__(self, _: str) -> object:
            return lambda *_: None

        def waited(self, seconds: float) -> None:
            waits.append(seconds)

    places_of_graphql = places.Places(Observer())

    async def hold() -> None:
        async with places_of_graphql.one():
            await release.wait()

    holding = [asyncio.create_task(hold()) for _ in range(places.AT_ONCE + 1)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="too many requests"):
        await hold()
    assert waits == [0.0] * places.AT_ONCE
    release.set()
    await asyncio.gather(*holding)
    assert len(waits) == places.AT_ONCE + 1
    assert waits[-1] > 0
