"""`/metrics`: what it counts, and who may read it."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from backend.main import create_app
from backend.services.database_pool import CONNECTIONS
from tests.backend.conftest import Person, assert_problem, running, serving, settings_for
from tests.backend.sockets import connected

NOWHERE = ("postgresql://chat@127.0.0.1:1/chat", "http://127.0.0.1:1/")
TOKEN = "a-long-enough-token"


async def sample(api: httpx.AsyncClient, name: str, **labels: str) -> float:
    """The sum of the samples of this name that have these labels."""
    return sum(
        found.value
        for family in text_string_to_metric_families((await api.get("/metrics")).text)
        for found in family.samples
        if found.name == name and labels.items() <= found.labels.items()
    )


async def test_a_request_is_counted_by_its_routes_template(api: httpx.AsyncClient, ada: Person) -> None:
    made = (await api.post("/api/chat/sessions", json={"title": "Counted"}, headers=ada.headers)).json()
    name = "chat_http_request_duration_seconds_count"
    labels = {"route": "/api/chat/sessions/{session_id}", "method": "GET", "status": "200"}
    before = await sample(api, name, **labels)
    await api.get(f"/api/chat/sessions/{made['session_id']}", headers=ada.headers)
    assert await sample(api, name, **labels) == before + 1


async def test_no_label_grows_with_what_is_asked_for(api: httpx.AsyncClient, ada: Person) -> None:
    other = {"route": "other", "method": "other", "status": "404"}
    before = await sample(api, "chat_http_request_duration_seconds_count", **other)
    await api.request("BREW", "/coffee/with/milk", headers=ada.headers)
    assert await sample(api, "chat_http_request_duration_seconds_count", **other) == before + 1
    numbers = (await api.get("/metrics")).text
    for given in ("coffee", "BREW", str(ada.id), ada.username):
        assert given not in numbers


STRANGERS: list[tuple[str, dict[str, str]]] = [
    ("192.168.1.7", {}),
    ("172.18.0.1", {}),
    ("203.0.113.9", {}),
    ("::ffff:203.0.113.9", {}),
    ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}),
    ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}),
    ("127.0.0.1", {"X-Real-IP": "127.0.0.1"}),
    ("127.0.0.1", {"Via": "1.1 gateway"}),
    ("127.0.0.1", {"X-Forwarded-Proto": "https"}),
    ("not an address", {}),
]


async def _ask(token: str | None, peer: str, headers: dict[str, str]) -> httpx.Response:
    app = create_app(settings_for(*NOWHERE, metrics_token=token))
    transport = httpx.ASGITransport(app, client=(peer, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        return await client.get("/metrics", headers=headers)


@pytest.mark.parametrize(("peer", "headers"), STRANGERS)
async def test_strangers_find_nothing(peer: str, headers: dict[str, str]) -> None:
    assert_problem(await _ask(None, peer, headers), 404, "not-found")


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1"])
async def test_this_machine_needs_no_token(peer: str) -> None:
    answer = await _ask(None, peer, {})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")


@pytest.mark.parametrize("peer", ["127.0.0.1", "203.0.113.9"])
@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (None, 404),
        ("Bearer", 404),
        ("Bearer ", 404),
        (f"Bearer {TOKEN}x", 404),
        (f"Basic {TOKEN}", 404),
        (TOKEN, 404),
        ("Bearer ü", 404),
    ],
)
async def test_where_a_token_is_set_it_is_needed(peer: str, authorization: str | None, status: int) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await _ask(TOKEN, peer, {name: value.encode() for name, value in headers.items()})  # type: ignore[misc]
    assert answer.status_code == status


async def test_a_user_is_a_stranger(backend_database: str, graphql_url: str, ada: Person) -> None:
    async with running(create_app(settings_for(backend_database, graphql_url, metrics_token=TOKEN))) as api:
        assert (await api.get("/metrics", headers=ada.headers)).status_code == 404


def test_two_apps_count_for_themselves() -> None:
    one, other = (create_app(settings_for(*NOWHERE)) for _ in range(2))
    assert one.state.metrics.registry is not other.state.metrics.registry


async def test_a_turn_is_counted_from_question_to_answer(api: httpx.AsyncClient, ada: Person) -> None:
    session = (await api.post("/api/chat/sessions", json={"title": "Counted"}, headers=ada.headers)).json()
    asked = {
        "chat_messages_total": {"role": "user"},
        "chat_answers_total": {"status": "complete"},
        "chat_llm_first_token_seconds_count": {},
        "chat_answer_wait_seconds_count": {},
        "chat_answer_duration_seconds_count": {},
        "chat_graphql_request_duration_seconds_count": {"operation": "AddMessage", "outcome": "ok"},
    }
    before = {name: await sample(api, name, **labels) for name, labels in asked.items()}
    tokens = await sample(api, "chat_llm_tokens_total", kind="completion")
    question = {"session_id": session["session_id"], "content": "how many messages?"}
    json_please = {"Accept": "application/json"}
    assert (await api.post("/api/chat", json=question, headers=ada.headers | json_please)).is_success
    after = {name: await sample(api, name, **labels) for name, labels in asked.items()}
    assert {name: after[name] - before[name] for name in asked} == {
        name: 2 if name.startswith("chat_graphql") else 1 for name in asked
    }
    assert await sample(api, "chat_llm_tokens_total", kind="completion") > tokens
    assert await sample(api, "chat_answers_under_way") == 0


async def test_an_error_is_counted_by_its_kind(api: httpx.AsyncClient, ada: Person) -> None:
    before = await sample(api, "chat_errors_total", kind="not-found")
    await api.get(f"/api/chat/sessions/{uuid4()}", headers=ada.headers)
    assert await sample(api, "chat_errors_total", kind="not-found") == before + 1


async def test_graphql_that_is_away_is_an_outcome(accounts_api: httpx.AsyncClient, ada: Person) -> None:
    asked = {"operation": "ListSessions", "outcome": "Unavailable"}
    name = "chat_graphql_request_duration_seconds_count"
    before = await sample(accounts_api, name, **asked)
    assert (
        await accounts_api.get(f"/api/chat/sessions/user/{ada.id}", headers=ada.headers)
    ).status_code == 503
    assert await sample(accounts_api, name, **asked) > before
    assert await sample(accounts_api, "chat_errors_total", kind="unavailable") >= 1


async def test_connections_are_seen_while_they_last(
    backend_database: str, graphql_url: str, ada: Person
) -> None:
    async with serving(create_app(settings_for(backend_database, graphql_url))) as api:
        session = (await api.post("/api/chat/sessions", json={"title": "Open"}, headers=ada.headers)).json()
        route = {"route": "/ws/chat/{session_id}"}
        for name in ("chat_users_connected", "chat_sessions_connected", "chat_live_queries"):
            assert await sample(api, name) == 0
        async with connected(api, f"/ws/chat/{session['session_id']}", ada) as client:
            await client.wait("ready")
            assert await sample(api, "chat_websockets_open", **route) == 1
            assert await sample(api, "chat_users_connected") == 1
            assert await sample(api, "chat_sessions_connected") == 1
            await eventually(api, "chat_live_queries", 1, operation="WatchSession")
        await eventually(api, "chat_websockets_open", 0, **route)
        await eventually(api, "chat_live_queries", 0)
        assert await sample(api, "chat_websocket_handshakes_total", outcome="accepted", **route) == 1
        assert await sample(api, "chat_db_pool_max") == CONNECTIONS
        assert await sample(api, "chat_db_pool_requests_total") > 0
        await eventually(api, "chat_bus_connected", 1)


async def test_the_event_loop_is_watched(api: httpx.AsyncClient) -> None:
    await eventually(api, "chat_event_loop_lag_seconds_count", 1)


async def eventually(api: httpx.AsyncClient, name: str, least: float, **labels: str) -> None:
    """At least `least`, or exactly none, within the test's own timeout."""
    while True:
        value = await sample(api, name, **labels)
        if value == least or 0 < least <= value:
            return
        await asyncio.sleep(0.05)
