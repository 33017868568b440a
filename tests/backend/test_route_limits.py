"""How often each route may be asked, who is counted as whom, and what an answer says about it."""

from __future__ import annotations

import asyncio
import signal
from typing import Any
from uuid import uuid4

import pytest
import websockets
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from redis.asyncio import Redis

from backend import route_limits
from backend.main import create_app
from backend.route_limits import EXPORTS, FRAMES, IMPORTS, REQUESTS, SEARCHES, network_of, rules_of
from backend.services.rate_limits import Claim, LimitReached, RateLimits
from backend.services.tokens import Tokens
from tests.backend.conftest import Person, assert_problem, running, serving, settings_for
from tests.backend.test_docs import page
from tests.conftest import RedisServer, free_port

HEADERS = {"ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "ratelimit-policy"}
NOWHERE = "http://127.0.0.1:1/"


def app_with(database: str = "postgresql://", graphql: str = NOWHERE, **changes: Any) -> FastAPI:
    return create_app(settings_for(database, graphql).model_copy(update=changes))


def limits_with(redis: Redis | None = None, **changes: Any) -> RateLimits:
    return RateLimits(redis, settings_for("postgresql://", NOWHERE).model_copy(update=changes))


# The table


def test_every_line_of_the_table_is_a_route() -> None:
    served = {
        (method, context.path)
        for context in iter_route_contexts(app_with().routes)
        for method in getattr(context, "methods", None) or {"WEBSOCKET"}
    }
    assert {line for line in route_limits.ROUTES if line[1] != "/metrics"} <= served


def test_every_rule_is_described_with_its_setting_and_what_it_counts() -> None:
    rules = {rule for rules in route_limits.ROUTES.values() for rule in rules}
    rules |= {route_limits.NAMES, route_limits.CONFIRMATIONS, FRAMES}
    for rule in rules:
        row = f"| {rule.name} | `CHAT_{rule.setting.upper()}` | {rule.seconds} s |"
        assert row in page("security.md"), row


@pytest.mark.parametrize(
    ("method", "path", "rules"),
    [
        ("GET", "/api/chat/search", (REQUESTS, SEARCHES)),
        ("GET", "/api/chat/sessions/5c1e/export", (REQUESTS, EXPORTS)),
        ("POST", "/api/chat/import", (REQUESTS, IMPORTS)),
        ("GET", "/no/such/path", (REQUESTS,)),
        ("DELETE", "/api/chat/search", (REQUESTS,)),
        ("GET", "/readyz", ()),
    ],
)
def test_a_path_finds_its_rules(method: str, path: str, rules: tuple[object, ...]) -> None:
    assert rules_of(method, path) == rules


# Who is counted


async def test_a_user_is_counted_wherever_they_are_and_says_nothing_about_another(tokens: Tokens) -> None:
    ada, bob = (Person(uuid4(), "", "", "") for _ in range(2))
    async with running(app_with(limit_requests=2)) as api:

        async def ask(person: Person) -> Any:
            token = tokens.access(person.id, "user")  # each time another one
            return await api.get("/api/chat/search?q=", headers={"Authorization": f"Bearer {token}"})

        for left in (1, 0):
            answer = await ask(ada)
            assert answer.status_code != 429
            assert answer.headers["ratelimit-remaining"] == str(left)
        refused = await ask(ada)
        assert_problem(refused, 429, "too-many-requests")
        assert refused.headers["ratelimit-policy"] == "2;w=60"
        assert refused.headers["ratelimit-remaining"] == "0"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["ratelimit-reset"] == refused.headers["retry-after"]
        assert (await ask(bob)).status_code != 429


async def test_an_invented_token_gives_no_count_of_its_own() -> None:
    async with running(app_with(limit_requests=2)) as api:
        answers = [
            await api.get("/auth/me", headers={"Authorization": f"Bearer {uuid4()}"}) for _ in range(3)
        ]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert all(set(answer.headers) >= HEADERS for answer in answers)


async def test_a_refused_request_is_not_read(tokens: Tokens) -> None:
    """However large: the answer comes before the body."""
    async with serving(app_with(limit_imports=1)) as api:
        headers = {"Authorization": f"Bearer {tokens.access(uuid4(), 'user')}"}
        await api.post("/api/chat/import", content=b"[]", headers=headers)
        port = int(str(api.base_url).rstrip("/").rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = "POST /api/chat/import HTTP/1.1\r\nHost: api\r\nContent-Length: 100000000\r\n"
        writer.write(f"{head}Authorization: {headers['Authorization']}\r\n\r\n".encode())
        assert b" 429 " in await asyncio.wait_for(reader.readline(), 20)
        writer.close()


async def test_searches_exports_and_imports_have_limits_of_their_own(tokens: Tokens) -> None:
    headers = {"Authorization": f"Bearer {tokens.access(uuid4(), 'user')}"}
    async with running(app_with(limit_searches=1, limit_exports=1, limit_imports=1)) as api:
        for method, path in (
            ("GET", "/api/chat/search?q="),
            ("GET", f"/api/chat/sessions/{uuid4()}/export"),
            ("POST", "/api/chat/import"),
        ):
            answers = [await api.request(method, path, headers=headers, content=b"") for _ in range(2)]
            assert answers[0].status_code != 429, path
            assert_problem(answers[1], 429, "too-many-requests")
        # Both exports are one count.
        assert (await api.get("/api/chat/export", headers=headers)).status_code == 429


async def test_health_is_never_refused(backend_database: str) -> None:
    async with running(app_with(backend_database, limit_requests=1)) as api:
        answers = [await api.get("/healthz") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert not HEADERS & set(answers[0].headers)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::"),
        ("unknown", "unknown"),
    ],
)
def test_a_household_is_one_address(address: str, counted: str) -> None:
    assert network_of(address) == counted


# WebSockets


async def test_an_address_may_open_so_many_sockets_and_a_user_send_so_many_frames(
    backend_database: str, graphql_url: str, ada: Person
) -> None:
    async with serving(app_with(backend_database, graphql_url, limit_sockets=2, limit_frames=3)) as api:
        made = await api.post("/api/chat/sessions", json={}, headers=ada.headers)
        url = f"ws{str(api.base_url)[4:].rstrip('/')}/ws/chat/{made.json()['session_id']}"
        async with websockets.connect(url, additional_headers=ada.headers) as socket:
            for _ in range(4):
                await socket.send('{"type": "ping"}')
            async with asyncio.timeout(20):
                await socket.wait_closed()
            assert socket.close_code == 4429
        async with websockets.connect(url, additional_headers=ada.headers):
            pass
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(url, additional_headers=ada.headers)
        assert refused.value.response.status_code == 429
        assert int(refused.value.response.headers["Retry-After"]) >= 1


# Counting


async def test_redis_and_memory_count_alike(redis_server: RedisServer) -> None:
    redis = Redis.from_url(redis_server.url)
    try:
        for limits in (limits_with(), limits_with(redis)):
            changes = {"limit_requests": 5, "limit_searches": 2}
            limits._settings = limits._settings.model_copy(update=changes)
            both = [Claim(REQUESTS, "ada"), Claim(SEARCHES, "ada")]
            seen: list[object] = []
            for claims in (both, both, both, both[:1], both[:1], both[:1], both[:1]):
                try:
                    standing = await limits.hit(*claims)
                except LimitReached as exc:
                    seen.append(exc.rule.name)
                else:
                    seen.append((standing.limit, standing.remaining))
            # The third counted nothing, not under the rule either that had room.
            assert seen == [(2, 1), (2, 0), "searches", (5, 2), (5, 1), (5, 0), "requests"]
            assert limits.refused == {"searches": 1, "requests": 1}
            await limits.clear(both[0])
            assert (await limits.hit(both[0])).remaining == 4
    finally:
        await redis.aclose()


async def test_one_round_trip_counts_every_limit_of_a_request(redis_server: RedisServer) -> None:
    redis = Redis.from_url(redis_server.url)
    try:
        limits = limits_with(redis)
        await limits.hit(Claim(REQUESTS, "ada"))  # which has brought the script there
        before = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
        await limits.hit(Claim(REQUESTS, "ada"), Claim(SEARCHES, "ada"))
        assert (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] == before + 1
    finally:
        await redis.aclose()


async def test_a_redis_that_hangs_holds_up_one_request_shortly_and_then_none(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis = Redis.from_url(redis_server.url)
    assert redis_server.process is not None
    try:
        limits = limits_with(redis)
        await limits.hit(Claim(REQUESTS, "ada"))
        redis_server.process.send_signal(signal.SIGSTOP)
        for _ in range(50):  # far more than could each wait for it
            await limits.hit(Claim(REQUESTS, "ada"))
        assert limits.redis_down
        assert (await limits.hit(Claim(REQUESTS, "ada"))).remaining == 1200 - 51
    finally:
        redis_server.process.send_signal(signal.SIGCONT)
        await redis.aclose()


async def test_an_unreachable_redis_is_left_alone_for_a_while() -> None:
    redis = Redis.from_url(f"redis://127.0.0.1:{free_port()}/0")
    limits = limits_with(redis)
    await limits.hit(Claim(REQUESTS, "ada"))
    assert limits.redis_down
    assert limits._ask_from > 0
    await redis.aclose()


async def test_memory_lets_go_of_who_has_not_come_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    monkeypatch.setattr("backend.services.rate_limits.time.monotonic", lambda: clock)
    limits = limits_with()
    for number in range(3500):
        clock = float(number)
        await limits.hit(Claim(REQUESTS, str(number)))
    assert len(limits._memory._windows) < 2500
    clock += 60
    assert (await limits.hit(Claim(REQUESTS, str(number)))).remaining == 1199


async def test_a_place_is_free_when_the_oldest_has_left_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    monkeypatch.setattr("backend.services.rate_limits.time.monotonic", lambda: clock)
    limits = limits_with(limit_requests=2)
    for at in (0.0, 50.0):
        clock = at
        await limits.hit(Claim(REQUESTS, "ada"))
    clock = 59.0
    with pytest.raises(LimitReached) as refused:
        await limits.hit(Claim(REQUESTS, "ada"))
    assert refused.value.retry_after == 1
    clock = 60.0
    await limits.hit(Claim(REQUESTS, "ada"))
    clock = 61.0
    with pytest.raises(LimitReached) as refused:
        await limits.hit(Claim(REQUESTS, "ada"))
    assert refused.value.retry_after == 49
