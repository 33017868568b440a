"""What happens to requests when their client goes, when PostgreSQL goes, and when the engine itself has a fault."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from backend.embedded_postgres import EmbeddedPostgres
from hasura.engine.execute import shared_read
from tests.conftest import free_port
from tests.engine.bookstore import Shop, open_shop
from tests.engine.conftest import ADMIN
from tests.engine.served import Chat, user

SLOW = """
CREATE FUNCTION slow_articles() RETURNS SETOF article LANGUAGE sql STABLE AS
    $$ SELECT a.* FROM article a, LATERAL (SELECT pg_sleep(0.8 + a.id * 0)) s WHERE a.id = 1 $$;
CREATE FUNCTION slowly_renamed() RETURNS SETOF article LANGUAGE sql VOLATILE AS
    $$ SELECT pg_sleep(0.8); UPDATE article SET title = 'Renamed' WHERE id = 1 RETURNING * $$;
"""
#: The same for what must not end before it is ended.
ENDLESS = SLOW.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").replace("0.8", "600")
QUICK = ENDLESS.replace("600", "0")
QUERY, MUTATION = "{ slow_articles { id } }", "mutation { slowly_renamed { id } }"
TITLE = "{ article_by_pk(id: 1) { title } }"
AWAY = {
    "errors": [
        {
            "message": "the database cannot be reached",
            "extensions": {"path": "$", "code": "postgres-error"},
        }
    ]
}
LATE = {"extensions": {"path": "$", "code": "time-limit-exceeded"}}


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    async with open_shop(database_url) as shop:
        await shop.track_all()
        await shop.sql(SLOW)
        await shop.command("pg_track_function", function="slow_articles")
        await shop.command(
            "pg_track_function", function="slowly_renamed", configuration={"exposed_as": "mutation"}
        )
        yield shop


def statements(shop: Shop, name: str) -> int:
    """How many statements that name it PostgreSQL is busy with."""
    with psycopg.connect(shop.database_url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
            " AND query LIKE '%%' || %s || '%%'",
            [name],
        ).fetchone()
    assert found
    count: int = found[0]
    return count


async def until(shop: Shop, name: str, least: int, most: int = 99) -> None:
    async with asyncio.timeout(20):
        while not least <= await asyncio.to_thread(statements, shop, name) <= most:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def ask(shop: Shop, query: str) -> httpx.Response:
    return await shop.running.client.post("/v1/graphql", json={"query": query}, headers=ADMIN)


# -- clients that go ------------------------------------------------------------------------------------------


async def test_a_query_whose_client_hangs_up_is_cancelled_in_postgres(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hasura.engine.serve.hangup.SLOW", 0.05)
    await shop.sql(ENDLESS)
    # Some run, alone or together, and some may wait.
    asked = [asyncio.create_task(ask(shop, QUERY)) for _ in range(6)]
    await until(shop, "slow_articles", 1)
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    await until(shop, "slow_articles", 0, 0)
    assert (await ask(shop, TITLE)).json()["data"]


async def test_a_mutation_whose_client_hangs_up_is_carried_out(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hasura.engine.serve.hangup.SLOW", 0.05)
    asked = asyncio.create_task(ask(shop, MUTATION))
    await until(shop, "slowly_renamed", 1)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await until(shop, "slowly_renamed", 0, 0)
    assert (await ask(shop, TITLE)).json() == {"data": {"article_by_pk": {"title": "Renamed"}}}


async def test_a_request_that_says_how_long_it_is_waited_for_ends_by_then(shop: Shop) -> None:
    await shop.sql(ENDLESS)
    in_time = {"errors": [{"message": "the time that the request was given is over", **LATE}]}

    async def asked(query: str, milliseconds: str) -> Any:
        headers = ADMIN | {"X-Request-Timeout-Ms": milliseconds}
        return await shop.post("/v1/graphql", {"query": query}, headers=headers)

    # Alone, and with company that is cancelled only when everybody has given up.
    assert await asked(QUERY, "200") == in_time
    assert await asyncio.gather(*(asked(QUERY, f"{200 + n}") for n in range(6))) == [in_time] * 6
    assert await asked(MUTATION, "200") == in_time
    await until(shop, "slow", 0, 0)
    await shop.sql(QUICK)
    assert (await asked(TITLE, "60000"))["data"]["article_by_pk"]["title"] != "Renamed"
    for nonsense in ("", "soon", "-5", "1.5", "9" * 30):
        assert "data" in await asked(TITLE, nonsense)


async def test_a_slow_query_whose_client_stays_is_answered(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hasura.engine.serve.hangup.SLOW", 0.05)
    assert (await ask(shop, QUERY)).json() == {"data": {"slow_articles": [{"id": 1}]}}
    assert (await ask(shop, TITLE)).json()["data"]


# -- a database that goes -------------------------------------------------------------------------------------


async def test_running_requests_are_told_of_a_lost_connection_and_later_ones_do_not_notice(
    shop: Shop,
) -> None:
    await shop.sql(ENDLESS)
    asked = [asyncio.create_task(ask(shop, query)) for query in (QUERY, MUTATION)]
    await until(shop, "slow", 2)
    with psycopg.connect(shop.database_url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name ~ 'hasura-engine' AND datname = current_database()"
        )
    for answer in await asyncio.gather(*asked):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.json() == AWAY
    assert (await ask(shop, TITLE)).json() == {"data": {"article_by_pk": {"title": "One"}}}
    await shop.sql(QUICK)
    assert (await ask(shop, MUTATION)).json() == {"data": {"slowly_renamed": [{"id": 1}]}}


async def test_idle_connections_that_were_lost_cost_no_request(shop: Shop) -> None:
    await asyncio.gather(*(ask(shop, f"{{ a{n}: slow_articles {{ id }} }}") for n in range(4)))
    with psycopg.connect(shop.database_url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name ~ 'hasura-engine' AND datname = current_database()"
        )
    for _ in range(6):
        assert (await ask(shop, TITLE)).json() == {"data": {"article_by_pk": {"title": "One"}}}


async def test_the_engine_outlives_a_restart_of_postgresql(cluster_place: Path) -> None:
    with contextlib.ExitStack() as stack:
        cluster = EmbeddedPostgres(cluster_place / "postgres", free_port(), "secret", durable=False)
        server = stack.enter_context(contextlib.ExitStack())
        server.enter_context(cluster.running())
        async with open_shop(cluster.ensure_database("shop", "chat", "chat")) as shop:
            await shop.track_all()
            assert (await ask(shop, TITLE)).status_code == 200
            server.close()
            down = await ask(shop, TITLE)
            assert (down.status_code, down.json()) == (503, AWAY)
            server.enter_context(cluster.running())
            assert (await ask(shop, TITLE)).json() == {"data": {"article_by_pk": {"title": "One"}}}


# -- a fault of the engine's own ------------------------------------------------------------------------------


async def test_a_fault_in_a_shared_run_fails_the_request_that_made_it_alone(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shared_read.SharedRead._all

    async def faulty(self: Any, pool: Any, requests: list[list[str | None]]) -> Any:
        if any("3" in texts for texts in requests):
            raise ZeroDivisionError
        return await real(self, pool, requests)

    monkeypatch.setattr(shared_read.SharedRead, "_all", faulty)
    query = "query($n: Int!) { chat_messages(limit: $n) { content } }"
    asked = [chat.ask(user(chat.ada), query, n=1 + place % 3) for place in range(30)]
    for place, found in enumerate(await asyncio.gather(*asked, return_exceptions=True)):
        assert isinstance(found, ZeroDivisionError) == (place % 3 == 2)
    assert len((await chat.ask(user(chat.ada), query, n=2))["chat_messages"]) == 2
