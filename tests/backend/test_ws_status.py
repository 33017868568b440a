"""Who is present and who types agrees at every process, with and without Redis; and what health is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from backend.main import create_app
from backend.routes import ws_status
from backend.services import presence as presence_module
from backend.services.bus import Bus
from tests.backend.conftest import Person, serving, settings_for
from tests.backend.sockets import Client, connected, new_session
from tests.conftest import RedisServer


@pytest.fixture(params=["postgres", "redis"])
async def two(
    request: pytest.FixtureRequest, backend_database: str, graphql_url: str
) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Two processes' worth of the API: apps that share the database and the bus, and nothing else."""
    redis_url = None
    if request.param == "redis":
        redis_url = request.getfixturevalue("redis_server").url
    async with AsyncExitStack() as stack:
        settings = settings_for(backend_database, graphql_url, redis_url=redis_url)
        yield [await stack.enter_async_context(serving(create_app(settings))) for _ in range(2)]


async def until(
    client: Client, names: AbstractSet[str], typing: AbstractSet[str] = frozenset()
) -> dict[str, Any]:
    """Waits for a state with exactly these clients present, of whom these are typing."""
    while True:
        event = await client.wait("presence")
        present = {each["client"]: each["typing"] for each in event["present"]}
        if (set(present), {name for name in present if present[name]}) == (names, typing):
            return event


async def test_presence_and_typing_agree_at_both_processes(two: list[httpx.AsyncClient], ada: Person) -> None:
    session = await new_session(two[0], ada)
    chat, status = f"/ws/chat/{session}", f"/ws/status/{session}"
    async with connected(two[0], status, ada) as here, connected(two[1], status, ada) as there:
        await until(here, set())
        async with connected(two[0], f"{chat}?client=laptop", ada) as laptop:
            async with connected(two[1], f"{chat}?client=phone", ada) as phone:
                for watcher in (here, there):
                    await until(watcher, {"laptop", "phone"})
                await phone.send("typing", typing=True)
                for watcher in (here, there):
                    await until(watcher, {"laptop", "phone"}, {"phone"})
                seen = await laptop.wait("typing", typing=True, client="phone")
                assert seen["user_id"] == str(ada.id)
                await phone.send("typing", typing=False)
                await laptop.wait("typing", typing=False, connection_id=seen["connection_id"])
            for watcher in (here, there):
                await until(watcher, {"laptop"})
        for watcher in (here, there):
            await until(watcher, set())
        # Who comes late sees who is there already, whichever process they are at.
        async with connected(two[1], f"{chat}?client=tablet", ada) as tablet:
            await tablet.wait("ready")
            async with connected(two[0], status, ada) as late:
                await until(late, {"tablet"})


async def test_who_stops_saying_so_is_no_longer_typing(
    two: list[httpx.AsyncClient], ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_module, "TYPING_FOR", 2.0)
    session = await new_session(two[0], ada)
    async with (
        connected(two[0], f"/ws/chat/{session}?client=phone", ada) as phone,
        connected(two[1], f"/ws/status/{session}", ada) as status,
    ):
        await until(status, {"phone"})
        await phone.send("typing", typing=True)
        await until(status, {"phone"}, {"phone"})
        await until(status, {"phone"})


async def test_who_has_just_come_is_seen_typing_where_somebody_watched_before(
    two: list[httpx.AsyncClient], ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_module, "BEAT", 60.0)
    session = await new_session(two[0], ada)
    async with (
        connected(two[1], f"/ws/status/{session}", ada) as status,
        connected(two[0], f"/ws/chat/{session}?client=phone", ada) as phone,
    ):
        await until(status, {"phone"})
        await phone.send("typing", typing=True)
        await until(status, {"phone"}, {"phone"})


async def test_of_a_session_that_interests_no_other_process_none_is_told(
    two: list[httpx.AsyncClient], ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_module, "BEAT", 0.05)
    told: list[dict[str, Any]] = []
    publish = Bus.publish

    async def listening(self: Bus, topic: str, message: dict[str, Any]) -> None:
        if topic.startswith("presence:"):
            told.append(message)
        await publish(self, topic, message)

    session = await new_session(two[0], ada)
    async with connected(two[0], f"/ws/chat/{session}?client=phone", ada) as phone:
        await phone.wait("ready")
        monkeypatch.setattr(Bus, "publish", listening)
        await asyncio.sleep(10 * presence_module.BEAT)
        assert len(told) <= 1  # its coming may be told only now
        async with connected(two[1], f"/ws/status/{session}", ada) as status:
            await until(status, {"phone"})
            await asyncio.sleep(10 * presence_module.BEAT)
            assert len(told) > 3


async def test_a_process_that_dies_takes_its_readers_along(
    two: list[httpx.AsyncClient], ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_module, "BEAT", 0.3)
    session = await new_session(two[0], ada)
    async with (
        connected(two[1], f"/ws/status/{session}", ada) as status,
        connected(two[0], f"/ws/chat/{session}?client=phone", ada),
    ):
        await until(status, {"phone"})
        publish = Bus.publish

        async def dead(self: Bus, topic: str, message: dict[str, Any]) -> None:
            if not topic.startswith("presence:"):
                await publish(self, topic, message)

        monkeypatch.setattr(Bus, "publish", dead)
        await until(status, set())


async def test_presence_is_whole_again_after_redis_has_restarted(
    backend_database: str,
    graphql_url: str,
    redis_server: RedisServer,
    ada: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(presence_module, "BEAT", 0.3)
    monkeypatch.setattr(ws_status, "LOOK_EVERY", 0.1)
    settings = settings_for(backend_database, graphql_url, redis_url=redis_server.url)
    async with serving(create_app(settings)) as here, serving(create_app(settings)) as there:
        session = await new_session(here, ada)
        chat = f"/ws/chat/{session}?client="
        async with (
            connected(here, f"/ws/status/{session}", ada) as status,
            connected(there, f"{chat}phone", ada) as phone,
        ):
            assert await status.wait("health") == {"type": "health", "graphql": "ok", "bus": "ok"}
            await until(status, {"phone"})
            await asyncio.to_thread(redis_server.kill)
            await status.wait("health", bus="down", graphql="ok")
            await phone.send("ping", id=1)
            await phone.wait("pong", id=1)
            await asyncio.to_thread(redis_server.start)
            async with connected(there, f"{chat}laptop", ada):
                await until(status, {"phone", "laptop"})
            await until(status, {"phone"})


async def test_a_status_connection_takes_no_message(two: list[httpx.AsyncClient], ada: Person) -> None:
    session = await new_session(two[0], ada)
    async with connected(two[0], f"/ws/status/{session}", ada) as client:
        await client.send("typing", typing=True)
        assert (await client.wait("error"))["problem"]["status"] == 422
        await client.send("auth", token=ada.access_token)
        await client.send("ping")
        await client.wait("pong", id=None)
