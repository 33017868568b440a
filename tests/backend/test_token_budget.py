"""How many tokens a user's answers may take in a day: over all processes, restarts and routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import websockets

from backend.main import create_app
from backend.services.hasura_client import HasuraClient
from tests.backend.conftest import Person, assert_problem, serving, settings_for

JSON = {"Accept": "application/json"}


@asynccontextmanager
async def budgeted(database: str, graphql_url: str, tokens: int | None) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(create_app(settings_for(database, graphql_url, tokens_per_day=tokens))) as api:
        yield api


@pytest.fixture
async def session(hasura: HasuraClient, ada: Person) -> UUID:
    return (await hasura.create_chat_session(ada.access_token)).session_id


async def ask(
    api: httpx.AsyncClient, who: Person, session: UUID, chosen: UUID | None = None
) -> httpx.Response:
    body = {"session_id": str(session), "content": "hello", "message_id": str(chosen or uuid4())}
    return await api.post("/api/chat", json=body, headers=who.headers | JSON)


async def test_what_is_used_up_stays_so_in_every_process_and_after_a_restart(
    backend_database: str, graphql_url: str, hasura: HasuraClient, ada: Person, bob: Person, session: UUID
) -> None:
    first = uuid4()
    async with budgeted(backend_database, graphql_url, 1) as api:
        answered = await ask(api, ada, session, first)
        assert answered.status_code == 200
    async with budgeted(backend_database, graphql_url, 1) as api:  # another process
        refused = await ask(api, ada, session)
        problem = assert_problem(refused, 429, "tokens-spent")
        assert "tomorrow" in problem["detail"]
        assert 0 < int(refused.headers["retry-after"]) <= 24 * 3600
        answer = answered.json()["assistant_message_id"]
        again = await api.post(f"/api/chat/{answer}/regenerate", headers=ada.headers)
        assert_problem(again, 429, "tokens-spent")
        # What was asked before is not asked again: it takes nothing.
        assert (await ask(api, ada, session, first)).json()["assistant_message_id"] == answer
        theirs = (await hasura.create_chat_session(bob.access_token)).session_id
        assert (await ask(api, bob, theirs)).status_code == 200
    assert len((await hasura.get_chat_messages(ada.access_token, session)).items) == 2, "nothing was stored"


async def test_deleting_the_chat_gives_nothing_back_and_tomorrow_does(
    backend_database: str, graphql_url: str, hasura: HasuraClient, ada: Person, session: UUID
) -> None:
    async with budgeted(backend_database, graphql_url, 1) as api:
        assert (await ask(api, ada, session)).status_code == 200
        for forever in ("", "?forever=true"):
            await api.delete(f"/api/chat/sessions/{session}{forever}", headers=ada.headers)
        new = (await hasura.create_chat_session(ada.access_token)).session_id
        assert_problem(await ask(api, ada, new), 429, "tokens-spent")
        with psycopg.connect(backend_database) as database:
            database.execute("UPDATE token_usage SET day = day - 1 WHERE user_id = %s", [ada.id])
        assert (await ask(api, ada, new)).status_code == 200


async def test_an_answer_that_stopped_goes_on_only_while_there_is_something_left(
    backend_database: str, graphql_url: str, ada: Person, session: UUID
) -> None:
    async with budgeted(backend_database, graphql_url, 1) as api:
        answer = (await ask(api, ada, session)).json()["assistant_message_id"]
        with psycopg.connect(backend_database) as database:
            database.execute("UPDATE chat_messages SET status = 'stopped' WHERE message_id = %s", [answer])
        refused = await api.post(f"/api/chat/{answer}/continue", headers=ada.headers)
        assert_problem(refused, 429, "tokens-spent")


async def test_a_websocket_hears_of_it_and_stays_open(
    backend_database: str, graphql_url: str, ada: Person, session: UUID
) -> None:
    async with budgeted(backend_database, graphql_url, 1) as api:
        assert (await ask(api, ada, session)).status_code == 200
        url = f"ws{str(api.base_url)[4:].rstrip('/')}/ws/chat/{session}"
        async with websockets.connect(url, additional_headers=ada.headers) as socket:
            await socket.send(f'{{"type": "send", "id": "{uuid4()}", "content": "more"}}')
            async for frame in socket:
                if '"type":"error"' in str(frame):
                    assert "tokens-spent" in str(frame)
                    break
            await socket.send('{"type": "ping"}')
            async for frame in socket:
                if '"type":"pong"' in str(frame):
                    break


async def test_without_a_budget_it_is_only_counted(
    backend_database: str, graphql_url: str, ada: Person, session: UUID
) -> None:
    async with budgeted(backend_database, graphql_url, None) as api:
        for _ in range(2):
            assert (await ask(api, ada, session)).status_code == 200
    with psycopg.connect(backend_database) as database:
        row = database.execute(
            "SELECT answers, prompt_tokens > 0, completion_tokens > 0 FROM token_usage WHERE user_id = %s",
            [ada.id],
        ).fetchone()
    assert row == (2, True, True)
