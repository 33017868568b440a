"""The web UI's own numbers, and who may read them."""

from __future__ import annotations

from dataclasses import replace

import httpx
import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from starlette.applications import Starlette

from tests.webapp.conftest import Backend, sign_in
from tests.webapp.test_routes import DELIVERY
from webapp import services
from webapp.login_cookie import NAME
from webapp.measuring import Measure, _handler
from webapp.routes import ROUTES
from webapp.services.api import Api
from webapp.services.logins import Logins

TOKEN = "a-long-enough-token"


def browser(peer: str = "127.0.0.1", **options: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Measure(Starlette(routes=ROUTES)), client=(peer, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://web", cookies=options)


async def sample(name: str, **labels: str) -> float:
    async with browser() as client:
        text = (await client.get("/metrics")).text
    return sum(
        found.value
        for family in text_string_to_metric_families(text)
        for found in family.samples
        if found.name == name and labels.items() <= found.labels.items()
    )


async def test_a_delivery_is_counted_by_what_came_of_it(backend: Backend, api: Api, logins: Logins) -> None:
    login_id = await sign_in(logins, api)
    answers = {
        "stored": httpx2.Response(
            200, headers={"content-type": "text/event-stream"}, text="event: turn\ndata: {}\n\n"
        ),
        "refused": httpx2.Response(422, json={"detail": "no"}),
        "later": httpx2.Response(503, json={"detail": "away"}),
    }
    async with browser(**{NAME: login_id}) as client:
        for answer in answers.values():
            backend.streams = lambda answer=answer: answer
            await client.post("/outbox", json=DELIVERY)
    found = {
        outcome: await sample("chat_web_outbox_deliveries_total", outcome=outcome) for outcome in answers
    }
    assert found == dict.fromkeys(answers, 1)
    assert await sample("chat_web_http_request_duration_seconds_count", route="/outbox", method="POST") == 3


async def test_no_label_is_an_address(logins: Logins) -> None:
    async with browser() as client:
        await client.get("/history/6f9619ff-8b86-d011-b42d-00c04fc964ff")
        await client.request("BREW", "/pink/elephants")
        text = (await client.get("/metrics")).text
    for what in ("6f9619ff", "BREW", "elephants"):
        assert what not in text
    assert 'route="/history/{session_id:uuid}"' in text
    assert 'method="other",route="pages",status="404"' in text


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("192.168.1.7", {}),
        ("172.18.0.1", {}),
        ("203.0.113.9", {}),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}),
        ("127.0.0.1", {"Via": "1.1 proxy"}),
    ],
)
async def test_strangers_find_nothing(logins: Logins, peer: str, headers: dict[str, str]) -> None:
    async with browser(peer) as client:
        assert (await client.get("/metrics", headers=headers)).status_code == 404
    async with browser() as client:
        assert (await client.get("/metrics")).status_code == 200


async def test_where_a_token_is_set_it_is_needed(logins: Logins) -> None:
    services._open.append(replace(services.services(), metrics_token=SecretStr(TOKEN)))
    try:
        for peer in ("127.0.0.1", "203.0.113.9"):
            async with browser(peer) as client:
                given = {"Authorization": f"Bearer {TOKEN}"}
                assert (await client.get("/metrics", headers=given)).status_code == 200
                for wrong in ({}, {"Authorization": "Bearer another-one-of-them"}):
                    assert (await client.get("/metrics", headers=wrong)).status_code == 404
    finally:
        services._open.pop()


def test_a_handler_is_named_without_reflexs_prefixes() -> None:
    name = "reflex___state____state.webapp___state___chat_history____chat_history.open_page"
    assert _handler(name) == "chat_history.open_page"
