"""GraphQL or its database goes away and comes back: nothing is lost, and the caller is told."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, aclosing, suppress
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from backend.main import create_app
from backend.services import reply as reply_module
from backend.services.hasura_client import HasuraClient, Unauthorized, Unavailable
from backend.services.replies import answer_id
from backend.services.tokens import Tokens
from tests.backend import model_server as scripts
from tests.backend.conftest import assert_problem, engine_process, register, running, serving, settings_for
from tests.backend.model_server import ANSWER, model_server
from tests.backend.sse import Reader
from tests.backend.test_chat import ask
from tests.conftest import free_port, make_user


async def test_a_live_query_survives_the_engine_and_shows_what_it_missed(
    backend_database: str, tokens: Tokens
) -> None:
    token = tokens.access(make_user(backend_database, f"w-{uuid4().hex[:12]}"), "user")
    port = free_port()
    with ExitStack() as engines:
        await asyncio.to_thread(engines.enter_context, engine_process(backend_database, port))
        async with (
            HasuraClient(f"http://127.0.0.1:{port}/v1/graphql") as client,
            aclosing(client.watch_sessions(token)) as states,
        ):
            async with asyncio.timeout(60):
                assert await anext(states) == []
                coming = asyncio.ensure_future(anext(states))
                await asyncio.to_thread(engines.close)
                with pytest.raises(Unavailable):
                    await client.create_chat_session(token)
                await asyncio.to_thread(engines.enter_context, engine_process(backend_database, port))
                while True:  # for a moment the client leaves alone what has just failed
                    with suppress(Unavailable):
                        await client.create_chat_session(token, title="After")
                        break
                    await asyncio.sleep(0.1)
                state = await coming
                while not state:  # the reconnected query may start before the session
                    state = await anext(states)
    assert [session.title for session in state] == ["After"]


async def test_a_token_that_expires_ends_its_live_query(
    hasura: HasuraClient, backend_database: str, tokens: Tokens
) -> None:
    user = make_user(backend_database, f"x-{uuid4().hex[:12]}")
    token = tokens.access(user, "user", lifetime=timedelta(seconds=2))
    async with asyncio.timeout(15), aclosing(hasura.watch_sessions(token)) as states:
        assert await anext(states) == []
        with pytest.raises(Unauthorized):
            await anext(states)


async def test_an_answer_is_saved_although_graphql_was_away_when_it_ended(
    backend_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply_module, "CHECKPOINT_EVERY", 0.1)
    port, chosen = free_port(), uuid4()
    with ExitStack() as engines:
        await asyncio.to_thread(engines.enter_context, engine_process(backend_database, port))
        async with model_server() as model:
            app = create_app(
                settings_for(
                    backend_database,
                    f"http://127.0.0.1:{port}/v1/graphql",
                    llm_base_url=model.base_url,
                    llm_model="tiny",
                )
            )
            async with serving(app) as api:
                ada = await register(api)
                made = await api.post("/api/chat/sessions", json={}, headers=ada.headers)
                turn = asyncio.create_task(ask(api, ada, made.json()["session_id"], "#slow", chosen))
                while not model.requests:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(engines.close)
                answer = await api.get(f"/api/chat/sessions/user/{ada.id}", headers=ada.headers)
                assert_problem(answer, 503, "unavailable")
                await asyncio.sleep(1)  # the model ends meanwhile
                await asyncio.to_thread(engines.enter_context, engine_process(backend_database, port))
                async with asyncio.timeout(30):
                    name, done = (await turn)[-1]
    assert (name, done["content"], done["message_id"]) == ("done", "".join(ANSWER), str(answer_id(chosen)))


async def test_an_answer_outlives_an_outage_that_is_longer_than_its_lease(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer lives, and could not renew: nobody calls it dead before it had the time to."""
    monkeypatch.setitem(scripts.STREAMS, "#long", [step for n in range(400) for step in (f"{n} ", 0.05)])
    port, chosen = free_port(), uuid4()
    with ExitStack() as engines:
        await asyncio.to_thread(engines.enter_context, engine_process(database_url, port))
        async with model_server() as model:
            settings = settings_for(
                database_url,
                f"http://127.0.0.1:{port}/v1/graphql",
                llm_base_url=model.base_url,
                llm_model="tiny",
            )
            async with serving(create_app(settings)) as api, serving(create_app(settings)) as other:
                ada = await register(api)
                made = await api.post("/api/chat/sessions", json={}, headers=ada.headers)
                turn = asyncio.create_task(ask(api, ada, made.json()["session_id"], "#long", chosen))
                while not model.requests:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                follower = Reader(ada)
                following = asyncio.create_task(follower.resume(other, chosen))
                while not follower.text:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
                await asyncio.to_thread(engines.close)
                await asyncio.sleep(12)
                await asyncio.to_thread(engines.enter_context, engine_process(database_url, port))
                async with asyncio.timeout(60):
                    name, done = (await turn)[-1]
                    await following
    assert (name, done["status"]) == ("done", "complete")
    assert done["content"] == follower.text == "".join(f"{n} " for n in range(400))


async def test_the_database_of_the_accounts_goes_and_comes_back(
    backend_database: str, graphql_url: str
) -> None:
    """Every pooled connection is killed: the next request gets a new one instead of an error."""
    async with running(create_app(settings_for(backend_database, graphql_url))) as api:
        await register(api)
        with psycopg.connect(backend_database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'chat-sessions backend' AND datname = current_database()"
            )
        await register(api)
