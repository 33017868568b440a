"""One click is one trace: from the browser to each SQL statement."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import expect

from tests.e2e.conftest import PASSWORD
from tests.e2e.model import Model
from tests.e2e.stack import Stack
from tests.telemetry.collector import Received, Span, receiving

QUESTION = "What does one click cost?"
KEY = "sk-canary-of-the-provider"
ADD = "mutation ($object: chat_messages_insert_input!) { insert_chat_messages_one(object: $object) { id } }"


@pytest.fixture(scope="module")
def collector() -> Iterator[Received]:
    with receiving() as received:
        yield received


@pytest.fixture(scope="module")
def traced_stack(
    e2e_database: str,
    built_webapp: None,
    chromium: str,
    collector: Received,
    model: Model,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "CHAT_SENTRY_DSN": collector.url.replace("//", "//public@") + "/1",
        "CHAT_LLM_API_KEY": KEY,
    }
    folder = tmp_path_factory.mktemp("traced-stack")
    with Stack(e2e_database, folder, model_url=model.url, environment=environment) as running:
        yield running


def trace_with(spans: list[Span], service: str, name: str) -> list[Span]:
    """All spans of the latest trace that has such a one."""
    traces = [span.trace_id for span in spans if (span.service, span.name) == (service, name)]
    return [span for span in spans if traces and span.trace_id == traces[-1]]


def way_up(span: Span, trace: list[Span]) -> list[Span]:
    by_id = {each.span_id: each for each in trace}
    way = [span]
    while way[-1].parent_id in by_id:
        way.append(by_id[way[-1].parent_id])
    return way


async def test_one_click_is_one_trace_from_the_browser_to_sql(
    traced_stack: Stack, visitors: Any, collector: Received
) -> None:
    ada = await visitors(traced_stack)
    page = await ada.register()
    await page.get_by_test_id("message-input").fill(QUESTION)
    await page.get_by_test_id("message-input").press("Enter")
    await expect(page.get_by_test_id("message")).to_have_count(2)

    def whole(spans: list[Span]) -> bool:
        trace = {span.name for span in trace_with(spans, "chat-sessions-webapp", "POST /outbox")}
        return {"answer", "key message-input"} <= trace and any(
            span.name.endswith(".mark_read") for span in spans
        )

    spans = await asyncio.to_thread(collector.until, whole)
    trace = trace_with(spans, "chat-sessions-webapp", "POST /outbox")
    ways = {
        tuple(f"{each.service[14:]} {each.name}" for each in reversed(way_up(span, trace))) for span in trace
    }
    asked = (
        "browser key message-input",
        "webapp POST /outbox",
        "webapp POST /api/chat",
        "backend POST /api/chat",
    )
    # The question, and then the answer, which goes on after the request that began it.
    for way in (
        (*asked, "backend GraphQL AddMessage"),
        (*asked, "backend answer", "backend GraphQL UpdateMessage"),
    ):
        operation = way[-1].rpartition(" ")[2]
        verb = {"AddMessage": "INSERT", "UpdateMessage": "UPDATE"}[operation]
        assert (
            *way,
            "engine POST /v1/graphql",
            f"engine mutation {operation}",
            f"engine {verb} public.chat_messages",
        ) in ways
    # An event of Reflex is a part of what the page named, too.
    (read, *_) = [span for span in spans if span.name.endswith(".mark_read")]
    below = [span for span in spans if span.trace_id == read.trace_id]
    assert read.parent_id
    assert any(read in way_up(span, below) for span in below if span.name == "INSERT public.chat_read_marks")
    statements = [span for span in spans if span.attributes.get("db.system.name") == "postgresql"]
    assert all("db.query.text" in span.attributes for span in statements)
    for service in ("backend", "engine"):
        assert trace[0].trace_id in traced_stack.log(service)
    assert_nothing_told(traced_stack, collector, QUESTION, PASSWORD, ada.name)


async def test_no_log_span_or_report_has_content_or_a_secret(
    traced_stack: Stack, collector: Received, model: Model, e2e_database: str
) -> None:
    name, session = f"name-{secrets.token_hex(4)}", str(uuid4())
    web, engine = traced_stack.url("webapp"), f"{traced_stack.url('engine')}/v1/graphql"
    async with httpx.AsyncClient(base_url=traced_stack.url("backend"), timeout=30) as api:
        account = {"username": name, "password": "canary-password"}
        user = (await api.post("/auth/register", json=account)).json()
        assert (await api.post("/auth/login", json=account | {"password": "canary-wrong"})).status_code == 401
        await api.post("/auth/refresh", json={"refresh_token": "canary-refresh"})
        await api.post("/auth/register", json={"username": "canary " * 50, "password": ["canary"]})
        await api.get("/auth/me", headers={"Authorization": "Bearer canary-token"})
        api.headers["Authorization"] = f"Bearer {user['access_token']}"
        await api.post("/api/chat/sessions/create", json={"session_id": session, "title": "canary title"})
        await api.put(f"/api/chat/sessions/{session}", json={"title": "canary renamed"})
        await api.post("/api/chat", content=b'{"canary": ')
        await api.post("/api/chat", json={"session_id": "canary", "content": "canary\x00"})
        await api.get("/api/chat/sessions/canary-path", params={"canary": "canary"})
        ask = {"session_id": session, "content": "canary question"}
        model.words = ["canary", " answer"]
        answer = await api.post("/api/chat", json=ask, headers={"Accept": "application/json"})
        assert answer.json()["reply"]["content"] == "canary answer"
        for model.status in (401, 500, 400):
            answer = await api.post("/api/chat", json=ask, headers={"Accept": "application/json"})
            assert answer.status_code >= 500
        await api.get("/api/chat/search", params={"q": "canary words"})
        failing = (
            ('{ chat_messages(where: {session_id: {_eq: "canary-uuid"}}) { id } }', {}),
            ("query Probe { canary }", {}),
            ("{ canary ", {}),
            (ADD, {"object": {"session_id": session, "content": "canary" * 20_000}}),
            (ADD, {"object": {"session_id": str(uuid4()), "content": "canary"}}),
        )
        for query, variables in failing:
            answer = await api.post(engine, json={"query": query, "variables": variables})
            assert answer.json()["errors"]
        admin = {"X-Hasura-Admin-Secret": traced_stack.secret("HASURA_GRAPHQL_ADMIN_SECRET")}
        statement = f"SELECT 'canary'::int /* canary */; INSERT INTO users (username) VALUES ('canary{KEY}')"
        run = {"type": "run_sql", "args": {"sql": statement}}
        answer = await api.post(engine.replace("v1/graphql", "v2/query"), json=run, headers=admin)
        assert answer.status_code == 400
        outbox = {"owner": "canary", "session_id": session, "message_id": session, "content": "canary"}
        await api.post(f"{web}/outbox", json=outbox, headers={"Origin": web})
        last = (await api.post("/auth/logout", json={"refresh_token": user["refresh_token"]})).headers
    ended = last["x-request-id"]
    await asyncio.to_thread(collector.until, lambda spans: any(span.trace_id == ended for span in spans))
    assert "reply_failed" in traced_stack.log("backend")
    password = urlsplit(e2e_database).password
    assert password
    known = (user["access_token"], user["refresh_token"], KEY, password, *admin.values())
    assert_nothing_told(traced_stack, collector, "canary", "eyJ", traced_stack.secret("jwt"), *known)


def assert_nothing_told(stack: Stack, collector: Received, *words: str) -> None:
    told = {service: stack.log(service) for service in ("engine", "backend", "webapp")}
    told["collector"] = b"".join(collector.raw).decode(errors="replace")
    for where, text in told.items():
        for word in words:
            at = text.find(word)
            assert at < 0, f"{word} is told by {where}: {text[max(0, at - 400) : at + 200]}"
