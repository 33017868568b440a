"""One click is one trace: from the browser to each SQL statement."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from tests.e2e.stack import Stack
from tests.telemetry.collector import Received, Span, receiving

QUESTION = "What does one click cost?"


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
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with Stack(e2e_database, tmp_path_factory.mktemp("traced-stack"), environment=environment) as running:
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
    traced_stack: Stack, visitors, collector: Received
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
    logged = traced_stack.log("backend") + traced_stack.log("engine")
    assert trace[0].trace_id in traced_stack.log("backend")
    assert trace[0].trace_id in traced_stack.log("engine")
    for told in (logged, str(spans)):
        assert QUESTION not in told
