"""The bus, over a real PostgreSQL and a real Redis: who hears what, and what happens when the server goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool
from redis.asyncio import Redis

from backend.main import create_app
from backend.services.bus import LONGEST, Bus, BusDown, Lost, PostgresBus, RedisBus, Subscription
from backend.services.bus import bus as bus_module
from tests.backend.conftest import running, settings_for
from tests.conftest import RedisServer, free_port


@dataclass
class Served:
    """Makes buses over one server, as several processes have them, and breaks what they listen on."""

    make: Callable[[], Bus]
    break_off: Callable[[], None]

    @asynccontextmanager
    async def buses(self, number: int) -> AsyncIterator[list[Bus]]:
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(self.make()) for _ in range(number)]


@pytest.fixture(params=["postgres", "redis"])
async def served(request: pytest.FixtureRequest, backend_database: str) -> AsyncIterator[Served]:
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")

        def restart() -> None:
            server.kill()
            server.start()

        async with Redis.from_url(server.url) as client:
            yield Served(lambda: RedisBus(client), restart)
        return

    def terminate() -> None:
        with psycopg.connect(backend_database, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name = 'chat-sessions bus' AND datname = current_database()"
            ).fetchone()
        assert ended != (0,)

    async with AsyncConnectionPool(backend_database, open=False) as pool:
        yield Served(lambda: PostgresBus(backend_database, pool), terminate)


async def connected(subscription: Subscription) -> None:
    """Waits for the mark that every new connection begins with."""
    async with asyncio.timeout(20):
        assert await anext(subscription) == Lost()


async def test_every_process_hears_what_one_says_this_one_included_in_order(served: Served) -> None:
    async with (
        served.buses(2) as (here, there),
        here.subscribe("room") as mine,
        there.subscribe("room") as theirs,
    ):
        await connected(mine)
        await connected(theirs)
        said = [{"n": n, "text": "grün \u2028 \x00 🦊"} for n in range(20)]
        for message in said:
            await here.publish("room", message)
        for subscription in (mine, theirs):
            assert [await anext(subscription) for _ in said] == said


async def test_a_topic_is_heard_by_its_own_subscribers_only(served: Served) -> None:
    async with served.buses(1) as (bus,), bus.subscribe("a") as a, bus.subscribe("b") as b:
        await connected(a)
        await connected(b)
        await bus.publish("b", {"for": "b"})
        await bus.publish("a", {"for": "a"})
        assert await anext(a) == {"for": "a"}
        assert await anext(b) == {"for": "b"}


async def test_after_a_lost_connection_each_reader_is_told_and_hears_again(served: Served) -> None:
    async with served.buses(1) as (bus,), bus.subscribe("room") as first, bus.subscribe("other") as second:
        await connected(first)
        await connected(second)
        await asyncio.to_thread(served.break_off)
        await connected(first)
        await connected(second)
        await bus.publish("room", {"after": True})
        assert await anext(first) == {"after": True}


async def test_a_slow_reader_is_told_that_it_lost_messages_instead_of_being_buffered(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "WAITING", 10)
    async with served.buses(1) as (bus,), bus.subscribe("room") as slow, bus.subscribe("room") as quick:
        await connected(slow)
        await connected(quick)
        for n in range(25):
            await bus.publish("room", {"n": n})
            assert await anext(quick) == {"n": n}
        kept = [await anext(slow)]
        while kept[-1] != {"n": 24}:
            kept.append(await anext(slow))
    assert kept[0] == Lost()
    assert kept[1:] == [{"n": n} for n in range(25 - len(kept[1:]), 25)]
    assert len(kept) <= 11


async def test_a_message_is_bounded_and_the_longest_arrives(served: Served) -> None:
    topic = "t" * 200
    async with served.buses(1) as (bus,), bus.subscribe(topic) as reader:
        await connected(reader)
        longest = {"text": "ä" * ((LONGEST - len('{"text":""}')) // 2)}
        await bus.publish(topic, longest)
        assert await anext(reader) == longest
        for message in ({"text": longest["text"] + "ää"}, {"text": "\ud800"}, {"text": object()}):
            with pytest.raises(ValueError, match="a message"):
                await bus.publish(topic, message)
        for name in ("", "two\nlines", "t" * 201):
            with pytest.raises(ValueError, match="topic"):
                await bus.publish(name, {})


async def test_who_stops_listening_leaves_nothing_behind(served: Served) -> None:
    async with served.buses(1) as (bus,):
        async with bus.subscribe("room"), bus.subscribe("room"):
            pass
        assert bus._topics == {}
        reader = await bus.subscribe("room").__aenter__()
    assert [message async for message in reader if message != Lost()] == []


async def test_a_bus_starts_without_its_server_and_finds_it_later(redis_server: RedisServer) -> None:
    redis_server.kill()
    async with (
        Redis.from_url(redis_server.url) as client,
        RedisBus(client) as bus,
        bus.subscribe("room") as reader,
    ):
        with pytest.raises(BusDown):
            await bus.publish("room", {})
        await asyncio.to_thread(redis_server.start)
        await connected(reader)
        await bus.publish("room", {"late": True})
        assert await anext(reader) == {"late": True}


async def test_a_silent_redis_is_given_up(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen server keeps its connections: only its silence tells."""
    monkeypatch.setattr("backend.services.bus.redis_bus.SILENCE", 0.2)
    async with (
        Redis.from_url(redis_server.url, socket_timeout=1) as client,
        RedisBus(client) as bus,
        bus.subscribe("room") as reader,
    ):
        await connected(reader)
        assert redis_server.process is not None
        redis_server.process.send_signal(19)
        try:
            with pytest.raises(BusDown):
                await bus.publish("room", {})
            await asyncio.sleep(1)
        finally:
            redis_server.process.send_signal(18)
        await connected(reader)


async def test_postgres_away_is_bus_down() -> None:
    url = f"postgresql://chat@127.0.0.1:{free_port()}/chat"
    async with AsyncConnectionPool(url, open=False, timeout=0.2) as pool, PostgresBus(url, pool) as bus:
        with pytest.raises(BusDown):
            await bus.publish("room", {})


async def test_two_installations_in_one_redis_do_not_hear_each_other(redis_server: RedisServer) -> None:
    other = redis_server.url.removesuffix("0") + "1"
    async with (
        Redis.from_url(redis_server.url) as one,
        Redis.from_url(other) as two,
        RedisBus(one) as here,
        RedisBus(two) as there,
        here.subscribe("room") as reader,
    ):
        await connected(reader)
        await there.publish("room", {"from": "there"})
        await here.publish("room", {"from": "here"})
        assert await anext(reader) == {"from": "here"}


async def test_the_app_uses_redis_when_it_is_named_and_says_when_it_is_away(
    backend_database: str, graphql_url: str, redis_server: RedisServer
) -> None:
    app = create_app(settings_for(backend_database, graphql_url, redis_url=redis_server.url))
    async with running(app) as api:
        assert isinstance(app.state.services.bus, RedisBus)
        assert (await api.get("/readyz")).json()["checks"]["redis"] == "ok"
        await asyncio.to_thread(redis_server.kill)
        answer = await api.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["checks"]["redis"] == "down"
