"""A hundred listeners, and what breaks meanwhile: nobody reconnects, nobody is told twice, nothing leaks."""

import asyncio
import contextlib
import resource
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backend.embedded_postgres import EmbeddedPostgres
from backend.migrations import migrate
from hasura.engine.live.poller import Poller
from tests.conftest import free_port, make_user
from tests.engine.conftest import ADMIN, RunningEngine, Socket, bearer, running_engine, until, user_token

TITLES = "subscription { chat_sessions(order_by: {id: asc}) { title } }"
STREAM = """subscription {
    chat_sessions_stream(batch_size: 3, cursor: {initial_value: {id: 0}}) { title } }"""
LISTENERS = 100


def add_session(database_url: str, user: Any, title: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO chat_sessions (user_id, title) VALUES (%s, %s)", [user, title])


@contextlib.asynccontextmanager
async def listeners(engine: RunningEngine, user: Any, query: str, number: int) -> AsyncIterator[list[Socket]]:
    """That many clients of one user, with a first answer each."""
    async with contextlib.AsyncExitStack() as stack:
        sockets = []
        for _ in range(number):
            socket = await stack.enter_async_context(engine.socket())
            await (await socket.init(bearer(user_token(user)))).subscribe(query)
            await socket.news()
            sockets.append(socket)
        yield sockets


async def titles_to(socket: Socket, last: str) -> list[str]:
    """What a stream brings, up to this title."""
    found: list[str] = []
    while last not in found:
        found += [row["title"] for row in (await socket.news())["chat_sessions_stream"]]
    return found


async def test_a_restart_of_postgresql_costs_listeners_nothing_but_time(cluster_place: Path) -> None:
    cluster = EmbeddedPostgres(cluster_place / "postgres", free_port(), secrets.token_hex(8), durable=False)
    async with contextlib.AsyncExitStack() as stack:
        with cluster.running():
            url = cluster.ensure_database("chat", "chat", secrets.token_hex(8))
            migrate(url)
            ada = make_user(url, "ada")
            add_session(url, ada, "before")
            engine = await stack.enter_async_context(running_engine(url))
            watching = await stack.enter_async_context(listeners(engine, ada, TITLES, LISTENERS // 2))
            streaming = await stack.enter_async_context(listeners(engine, ada, STREAM, LISTENERS // 2))
        with await asyncio.to_thread(stack.enter_context, cluster.running()):
            # Changed before the engine is back.
            for number in range(10):
                add_session(url, ada, str(number))
            expected = ["before", *map(str, range(10))]
            for socket in watching:
                while True:
                    found = [row["title"] for row in (await socket.news())["chat_sessions"]]
                    if found == expected:
                        break
            for socket in streaming:
                assert await titles_to(socket, "9") == expected[1:]
            await asyncio.gather(*(socket.silence() for socket in [*watching, *streaming]))
            add_session(url, ada, "after")
            for socket in watching:
                assert len((await socket.news())["chat_sessions"]) == len(expected) + 1
            for socket in streaming:
                assert await titles_to(socket, "after") == ["after"]
            await stack.aclose()


async def test_terminated_connections_are_noticed_by_nobody(engine: RunningEngine, database_url: str) -> None:
    ada = make_user(database_url, "ada")
    add_session(database_url, ada, "before")
    async with (
        listeners(engine, ada, TITLES, LISTENERS // 2) as watching,
        listeners(engine, ada, STREAM, LISTENERS // 2) as streaming,
    ):
        for round_ in range(3):
            with psycopg.connect(database_url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name ~ 'hasura-engine' AND datname = current_database()"
                )
            add_session(database_url, ada, f"round {round_}")
            for socket in watching:
                assert (await socket.news())["chat_sessions"][-1] == {"title": f"round {round_}"}
            for socket in streaming:
                assert await titles_to(socket, f"round {round_}") == [f"round {round_}"]
        await asyncio.gather(*(socket.silence() for socket in [*watching, *streaming]))


async def test_engines_that_share_a_database_hear_of_each_others_changes(database_url: str) -> None:
    ada = make_user(database_url, "ada")
    title = "mutation ($title: String) { insert_chat_sessions_one(object: {title: $title}) { title } }"
    settings = {"live_queries_multiplexed_refetch_interval": 60_000, "schema_sync_poll_interval": 100}
    async with (
        running_engine(database_url, **settings) as first,
        running_engine(database_url, **settings) as second,
        listeners(first, ada, TITLES, 3) as here,
        listeners(second, ada, TITLES, 3) as there,
    ):
        for number, engine in enumerate((first, second)):
            answer = await engine.graphql(title, {"title": f"by {number}"}, bearer(user_token(ada)))
            assert "errors" not in answer
            for socket in (*here, *there):
                assert (await socket.news())["chat_sessions"][-1] == {"title": f"by {number}"}
        assert (await first.metadata(type="reload_metadata", args={})).status_code == 200
        permission = {"table": {"schema": "public", "name": "chat_sessions"}, "role": "user"}
        dropped = await first.metadata(
            type="pg_drop_select_permission", args={"source": "default", **permission}
        )
        assert dropped.status_code == 200, dropped.text
        # Plans were made under the permissions of before: both engines ask their clients to come again.
        for socket in (*here, *there):
            assert (await socket.closed())[0] == 1012
        for engine in (first, second):
            await until(lambda engine=engine: not engine.engine.connections)  # type: ignore[misc]
            await until(lambda engine=engine: not may_select(engine))  # type: ignore[misc]
            async with engine.socket() as socket:
                await (await socket.init(bearer(user_token(ada)))).subscribe(TITLES)
                assert (await socket.receive())["type"] == "error"


def may_select(engine: RunningEngine) -> bool:
    table = engine.engine.snapshot.source("default").tables["public", "chat_sessions"]
    return table.permissions["user"].select is not None


@pytest.mark.parametrize("subprotocol", ["graphql-transport-ws", "graphql-ws"])
async def test_subscribing_and_stopping_a_thousand_times_leaves_nothing_behind(
    engine: RunningEngine, database_url: str, subprotocol: str
) -> None:
    ada = make_user(database_url, "ada")
    async with engine.socket(subprotocol) as socket:
        await (await socket.init(bearer(user_token(ada)))).subscribe(TITLES, operation="stays")
        await socket.news()
        tasks = len(asyncio.all_tasks())
        for number in range(1000):
            await socket.subscribe(TITLES, operation=str(number))
            # Some before their first answer, some after it.
            if number % 2:
                while (await socket.receive())["id"] != str(number):
                    pass
            await socket.send(id=str(number), type=socket.stop)
        (connection,) = engine.engine.connections
        await until(lambda: list(connection._operations) == ["stays"])
        (running,) = engine.engine.live("default")._pollers.values()
        assert running.users == 1
        [cohort] = running.poller._cohorts
        assert len(cohort.members) == 1
        await until(lambda: len(asyncio.all_tasks()) <= tasks)
    await until(lambda: not engine.engine.live("default")._pollers)
    assert not engine.engine.connections


async def test_a_fault_in_a_refresh_closes_its_clients_and_the_next_ones_are_served(
    engine: RunningEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = make_user(database_url, "ada")
    async with engine.socket() as socket:
        await (await socket.init()).subscribe(TITLES)
        await socket.news()
        with monkeypatch.context() as patch:

            async def broken(_poller: Poller) -> None:
                raise ZeroDivisionError

            patch.setattr(Poller, "_refresh", broken)
            add_session(database_url, ada, "unheard")
            assert await socket.closed() == (1011, "internal error")
    async with engine.socket() as socket:
        await (await socket.init(ADMIN)).subscribe(TITLES)
        assert await socket.news() == {"chat_sessions": [{"title": "unheard"}]}


def test_the_engine_takes_more_clients_than_a_process_may_have_unasked() -> None:
    code = """
import resource
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
from hasura.engine.__main__ import allow_many_connections
allow_many_connections()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    soft, hard = map(int, told.split())
    assert soft == (65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536))
