"""Everything that Grafana shows and Prometheus alerts of, asked of a real Prometheus before the running services."""

from __future__ import annotations

import asyncio
import math
import re
import secrets
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import websockets

from tests.compose.test_alerts import RULES
from tests.compose.test_observability import PANELS
from tests.e2e.conftest import PASSWORD
from tests.e2e.prometheus import Prometheus, prometheus
from tests.e2e.stack import ROOT
from tests.e2e.test_story import answers, send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.async_api import Browser

    from tests.e2e.stack import Stack

#: With the start of the stack, of a browser and of Prometheus, where no other module has started them.
pytestmark = pytest.mark.timeout(300)

PAGE = ROOT / "docs" / "observability.md"
OURS = ("chat_", "hasura_engine_")
#: Words of PromQL, and labels: what else looks like a metric in an expression is one.
METRIC = re.compile(r"\b((?:chat|hasura_engine|pg|process|python)_[a-z_]+)\b(?!\s*=)")


@pytest.fixture(scope="module")
def seen(
    stack: Stack, e2e_database: str, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    with prometheus(stack, e2e_database, tmp_path_factory.mktemp("prometheus")) as running:
        yield running


@pytest.fixture
async def busy(seen: Prometheus, stack: Stack, visitors: Any) -> Prometheus:
    """After some traffic, of which the second half is a growth of what the first half has made known."""
    page = await (await visitors(stack)).register()
    for question in ("What can you do?", "How many messages are there?"):
        await send(page, question)
        await _use_the_api(stack)
        await answers(page).first.wait_for()
        await asyncio.to_thread(seen.after_another_scrape)
    await asyncio.to_thread(seen.after_another_scrape)
    return seen


async def _use_the_api(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url("backend"), timeout=30) as api:
        name = f"bob-{secrets.token_hex(4)}"
        account = await api.post("/auth/register", json={"username": name, "password": PASSWORD})
        headers = {"Authorization": f"Bearer {account.json()['access_token']}"}
        session = (await api.post("/api/chat/sessions", json={"title": "Seen"}, headers=headers)).json()
        place = f"/api/chat/sessions/{session['session_id']}"
        assert (await api.post(f"{place}/messages", json={"content": "Hi"}, headers=headers)).is_success
        question = {"session_id": session["session_id"], "content": "What is this?"}
        assert (await api.post("/api/chat", json=question, headers=headers)).is_success
        assert (await api.get("/api/chat/sessions/nobody", headers=headers)).status_code == 422
        address = f"ws{stack.url('backend').removeprefix('http')}/ws/chat/{session['session_id']}"
        async with websockets.connect(address, additional_headers=headers) as socket:
            assert "ready" in str(await socket.recv())


def metrics_of(expression: str, known: set[str]) -> set[str]:
    """The names of the series that an expression reads; those of a pattern are looked up."""
    patterns = re.findall(r'__name__=~"([^"]*)"', expression)
    rest = re.sub(r'__name__=~"[^"]*"', "", expression)
    matching = {name for pattern in patterns for name in known if re.fullmatch(pattern, name)}
    assert not patterns or matching, expression
    return set(METRIC.findall(re.sub(r'"[^"]*"', '""', rest))) | matching


async def test_every_panel_shows_something_and_every_alert_looks_at_what_there_is(busy: Prometheus) -> None:
    empty = []
    for panel in PANELS:
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "1m")
            values = busy.query(expression)
            if not any(math.isfinite(value) for value in values):
                empty.append(f"{panel['title']}: {expression} → {values}")
    assert not empty, "\n".join(empty)

    known = set(busy.get("/label/__name__/values"))
    for name, rule in RULES.items():
        busy.query(rule["expr"])
        assert set(metrics_of(rule["expr"], known)) <= known, name
    loaded = [rule for group in busy.get("/rules")["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in loaded} == set(RULES)
    assert {rule["name"]: rule["lastError"] for rule in loaded if rule.get("lastError")} == {}
    _no_label_holds_what_somebody_wrote(busy)
    _the_page_tells_of_every_metric_and_no_other(busy)


def _no_label_holds_what_somebody_wrote(seen: Prometheus) -> None:
    for label in seen.get("/labels"):
        for value in seen.get(f"/label/{label}/values"):
            assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-|ada-|bob-|What can|Seen", value), (label, value)


def _the_page_tells_of_every_metric_and_no_other(seen: Prometheus) -> None:
    told = seen.get("/metadata")
    rows = [
        f"| `{name}` | {found['type']} | {_labels(seen, name)} | {found['help']} |"
        for name, (found, *_) in sorted(told.items())
        if name.startswith(OURS)
    ]
    page = PAGE.read_text()
    written = [line for line in page.splitlines() if line.startswith(tuple(f"| `{start}" for start in OURS))]
    assert sorted(written) == sorted(rows), "docs/observability.md has another table:\n" + "\n".join(rows)


def _labels(seen: Prometheus, name: str) -> str:
    series = seen.get("/series", **{"match[]": f'{{__name__=~"{name}(_bucket)?"}}'})
    labels = {label for each in series for label in each} - {"__name__", "job", "instance", "le"}
    return ", ".join(f"`{label}`" for label in sorted(labels))
