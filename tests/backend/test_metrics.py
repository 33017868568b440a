"""`/metrics`: what it counts, and who may read it."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from backend.main import create_app
from tests.backend.conftest import Person, assert_problem, running, settings_for

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
