"""One click is one trace: from the browser to each SQL statement."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from tests.e2e.stack import Stack
from tests.telemetry.collector import Received, Span, receiving


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
    await page.get_by_test_id("message-input").fill("What does one click cost?")
    await page.get_by_test_id("message-input").press("Enter")
    await expect(page.get_by_test_id("message")).to_have_count(2)

    def whole(spans: list[Span]) -> bool:
        trace = trace_with(spans, "chat-sessions-webapp", "POST /outbox")
        return {"chat-sessions-browser"} <= {span.service for span in trace} and any(
            span.name == "answer" for span in trace
        )

    spans = await asyncio.to_thread(collector.until, whole)
    trace = trace_with(spans, "chat-sessions-webapp", "POST /outbox")
    print("\n".join(" < ".join(f"{e.service[14:]}:{e.name}" for e in way_up(s, trace)) for s in trace))
