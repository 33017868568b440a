"""What the engine's own writes have changed is announced after their commit, by a transaction that writes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest

from hasura.engine.live import changes
from hasura.engine.live.triggers import CHANNEL
from tests.conftest import make_user
from tests.engine.conftest import RunningEngine, bearer, running_engine, until, user_token

ADD = "mutation ($title: String) { insert_chat_sessions_one(object: {title: $title}) { title } }"
TITLES = "subscription { chat_sessions(order_by: {id: asc}) { title } }"
SLOW = {"live_queries_multiplexed_refetch_interval": 60_000}


@asynccontextmanager
async def listener(database_url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(f"LISTEN {CHANNEL}")
        yield connection


async def speaker(listening: psycopg.AsyncConnection[Any], database_url: str) -> str:
    """What the session is called that made the next announcement."""
    async for notification in listening.notifies(timeout=10, stop_after=1):
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            query = "SELECT application_name FROM pg_stat_activity WHERE pid = %s"
            row = await (await connection.execute(query, [notification.pid])).fetchone()
            return str(row[0]) if row else ""
    raise AssertionError("nothing was announced")


async def add(engine: RunningEngine, user: UUID, title: str) -> None:
    assert "errors" not in await engine.graphql(ADD, {"title": title}, bearer(user_token(user)))


async def test_the_writing_transaction_of_the_engine_does_not_notify_and_anybody_elses_does(
    engine: RunningEngine, database_url: str
) -> None:
    ada = make_user(database_url, "ada")
    async with listener(database_url) as listening:
        await add(engine, ada, "by the engine")
        assert await speaker(listening, database_url) == "hasura-engine-teller"
    async with (
        listener(database_url) as listening,
        await psycopg.AsyncConnection.connect(
            database_url, autocommit=True, application_name="psql"
        ) as somebody,
    ):
        await somebody.execute("INSERT INTO chat_sessions (user_id) VALUES (%s)", [ada])
        assert await speaker(listening, database_url) == "psql"


async def test_where_notices_are_silenced_the_transaction_notifies_itself(
    engine: RunningEngine, database_url: str
) -> None:
    ada = make_user(database_url, "ada")
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            "CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql SET client_min_messages = error AS"
            " $$BEGIN UPDATE users SET display_name = 'Ada II' WHERE id = NEW.user_id; RETURN NEW; END$$;"
            " CREATE TRIGGER quiet AFTER INSERT ON chat_sessions FOR EACH ROW EXECUTE FUNCTION quiet()"
        )
    async with engine.socket() as socket:
        await (await socket.init(bearer(user_token(ada)))).subscribe(
            "subscription { users { display_name } }"
        )
        await socket.news()
        await add(engine, ada, "a title")
        assert await socket.news() == {"users": [{"display_name": "Ada II"}]}


async def test_the_function_of_an_earlier_version_is_replaced(database_url: str) -> None:
    earlier = (
        "CREATE OR REPLACE FUNCTION hdb_catalog.announce_rows() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NULL; END'"
    )
    source = "SELECT prosrc FROM pg_proc WHERE proname = 'announce_rows'"
    async with running_engine(database_url):
        pass
    with psycopg.connect(database_url, autocommit=True) as connection:
        ours = connection.execute(source).fetchone()
        connection.execute(earlier)
        async with running_engine(database_url):
            assert connection.execute(source).fetchone() == ours


async def test_what_a_dying_engine_could_not_announce_the_others_find_out(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "LOOK_AGAIN", 0.2)
    ada = make_user(database_url, "ada")
    async with running_engine(database_url, **SLOW) as living, living.socket() as socket:
        await (await socket.init(bearer(user_token(ada)))).subscribe(TITLES)
        assert await socket.news() == {"chat_sessions": []}
        async with running_engine(database_url, **SLOW) as dying:
            feed = living.engine.live("default")._feed
            await until(lambda: len(feed._engines) == 2)
            dying.engine.databases["default"].pool.tell = lambda _messages: None
            await add(dying, ada, "its last words")
            await socket.silence(0.5)
        assert await socket.news() == {"chat_sessions": [{"title": "its last words"}]}


async def test_what_could_not_be_announced_during_an_outage_is_announced_after_it(
    engine: RunningEngine, database_url: str
) -> None:
    ada = make_user(database_url, "ada")
    async with engine.socket() as socket:
        await (await socket.init(bearer(user_token(ada)))).subscribe(TITLES)
        await socket.news()
        with psycopg.connect(database_url, autocommit=True) as owner:
            query = (
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE application_name = 'hasura-engine-teller' AND datname = current_database()"
            )
            assert owner.execute(query).fetchone() == (True,)
        await add(engine, ada, "a title")
        assert await socket.news() == {"chat_sessions": [{"title": "a title"}]}
