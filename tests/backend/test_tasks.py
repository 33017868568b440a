"""Loops end when they are told to, also those that missed it the first time."""

from __future__ import annotations

import asyncio

import pytest
from psycopg_pool import AsyncConnectionPool

from backend.services import tasks


async def test_a_loop_that_gets_its_connection_in_the_moment_of_the_end_ends_all_the_same(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_AGAIN_AFTER", 0.05)
    rounds = 0

    async def look() -> None:
        nonlocal rounds
        while True:
            async with pool.connection():
                rounds += 1
            await asyncio.sleep(0)

    async with AsyncConnectionPool(database_url, min_size=1, max_size=1, open=False) as pool:
        async with pool.connection():
            loop = asyncio.create_task(look())
            await asyncio.sleep(0.01)  # it waits in the pool's queue
        # Now it is handed the connection and has not run since: what ends it once passes it by.
        async with asyncio.timeout(10):
            await tasks.end(loop)
    assert loop.cancelled()
    assert rounds


async def test_an_error_of_what_ends_is_nobodys() -> None:
    async def falls() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError

    task = asyncio.create_task(falls())
    await asyncio.sleep(0)
    await tasks.end(task)
    assert isinstance(task.exception(), ValueError)


async def test_nothing_to_end_is_no_error() -> None:
    await tasks.end()
