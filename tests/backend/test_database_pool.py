"""The backend's connections: after a restart of PostgreSQL, when all are taken, and what the waiting is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from backend.main import create_app
from backend.services import database_pool
from backend.services.database_pool import CONNECTIONS, DatabasePool
from hasura.engine.serve.databases import pool as engine_pool
from tests.backend.conftest import PASSWORD, assert_problem, running, settings_for
from tests.conftest import free_port

Opened = Callable[[str], AsyncConnectionPool]


def _of_the_engine(url: str) -> AsyncConnectionPool:
    return engine_pool(url, "source-default", size=CONNECTIONS, lifetime=600)


def _of_the_backend(url: str) -> AsyncConnectionPool:
    return DatabasePool(url, waited=lambda _: None)


@pytest.mark.parametrize("opened", [_of_the_backend, _of_the_engine])
async def test_after_a_restart_every_connection_is_dead_and_the_next_request_works(
    database_url: str, opened: Opened
) -> None:
    async with opened(database_url) as pool:
        async with AsyncExitStack() as taken:
            for _ in range(CONNECTIONS):
                await taken.enter_async_context(pool.connection())
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        # Several at a time find several of the dead.
        await asyncio.gather(*(_select(pool) for _ in range(4)))


async def _select(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await connection.execute("SELECT 1")


async def test_who_waits_is_counted_and_who_need_not_come_is_told_at_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_pool, "MOST_WAITING", 2)
    waits: list[float] = []
    async with DatabasePool(database_url, waits.append) as pool, AsyncExitStack() as taken:
        for _ in range(CONNECTIONS):
            await taken.enter_async_context(pool.connection())
        waiting = [asyncio.create_task(_select(pool)) for _ in range(2)]
        async with asyncio.timeout(30):
            while pool.get_stats()["requests_waiting"] < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        with pytest.raises(TooManyRequests):
            await _select(pool)
        assert len(waits) == CONNECTIONS + 1
        await taken.aclose()
        await asyncio.gather(*waiting)
    assert len(waits) == CONNECTIONS + 3


async def test_a_full_pool_is_a_503_that_says_when_to_come_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_pool, "WITHIN", 0.2)
    app = create_app(settings_for(database_url, f"http://127.0.0.1:{free_port()}/v1/graphql"))
    async with running(app) as api, AsyncExitStack() as taken:
        pool = app.state.services.pool
        while True:
            try:
                await taken.enter_async_context(pool.connection())
            except PoolTimeout:
                break
        answer = await api.post("/auth/login", json={"username": "nobody", "password": PASSWORD})
        assert_problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        numbers = app.state.metrics.registry
    assert numbers.get_sample_value("chat_pool_wait_seconds_count", {"pool": "database"}) > CONNECTIONS
