"""``make bench-ui``: the production build in a browser, before a user who has kept everything (ui_world.py).

Like Lighthouse: what is transferred, when the page can be used, how smoothly it scrolls, what it holds. The table goes
to docs/benchmarks.md. Chromium draws without a graphics card here, on the cores that also serve.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import shutil
import statistics
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.async_api import Browser, BrowserContext, CDPSession, Page, async_playwright
from rich.console import Console

from tests.bench.ui_world import CHATS, LONG, MESSAGES, NAME, OPENED, PASSWORD, world
from tests.e2e.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

REPORT = ROOT / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- ui -->", "<!-- /ui -->"
_METER = (Path(__file__).parent / "ui.js").read_text()
_SCREEN = {"width": 1280, "height": 800}


def main() -> None:
    """Prints the table, and with ``--write`` keeps it."""
    parser = argparse.ArgumentParser(prog="make bench-ui")
    parser.add_argument("--rounds", type=int, default=5, help="of each load of a page")
    parser.add_argument("--seconds", type=float, default=5, help="of scrolling")
    parser.add_argument("--write", action="store_true", help=f"keep the table in {REPORT.relative_to(ROOT)}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as home:
        rows = asyncio.run(_measure(home, options))
    text = "\n".join([*_heading(), *(f"| {what} | {value} |" for what, value in rows)])
    Console(soft_wrap=True, highlight=False).print(text, markup=False)
    if options.write:
        page = REPORT.read_text()
        before, after = page.split(_BEGIN)[0], page.split(_END)[1]
        REPORT.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}")


def _heading() -> list[str]:
    machine = f"{os.cpu_count()} cores shared by everything measured, {platform.machine()}"
    browser = f"headless Chromium without a graphics card, {_SCREEN['width']} × {_SCREEN['height']}"
    kept = f"{CHATS:,} chats, one of them with {MESSAGES:,} messages"
    return [f"{datetime.now(UTC):%Y-%m-%d}, {machine}, {browser}; {kept}.", "", "| measured | |", "|---|---|"]


async def _measure(home: str, options: argparse.Namespace) -> list[tuple[str, str]]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"]
        )
        cookies = await _sign_in(browser, home)
        rows = [
            *await _loads(browser, home, cookies, options.rounds),
            *await _long_chat(browser, home, cookies, options),
            *await _many_chats(browser, home, cookies, options),
        ]
        await browser.close()
    return rows


async def _sign_in(browser: Browser, home: str) -> Any:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{home}/sign-in")
    await page.locator("input[name=username]").fill(NAME)
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.locator("button[type=submit]").click()
    await page.get_by_test_id("message-input").wait_for()
    cookies = await context.cookies()
    await context.close()
    return cookies


async def _visitor(browser: Browser, cookies: Any) -> BrowserContext:
    context = await browser.new_context(viewport=_SCREEN)
    await context.add_cookies(cookies)
    await context.add_init_script(_METER)
    return context


async def _loads(browser: Browser, home: str, cookies: Any, rounds: int) -> list[tuple[str, str]]:
    first, again, sizes = [], [], []
    for _ in range(rounds):
        context = await _visitor(browser, cookies)
        page = await context.new_page()
        counts = await _transferred(page)
        await page.goto(f"{home}/chat")
        first.append(await page.evaluate("meter.usable()"))
        await page.wait_for_timeout(1000)  # what comes after the page can be used counts, too
        sizes.append(counts.copy())
        await page.reload()
        again.append(await page.evaluate("meter.usable()"))
        await context.close()
    size = {kind: f"{count / 1024:,.0f} KiB" for kind, count in sizes[-1].items()}
    parts = f"JavaScript {size['Script']}, styles {size['Stylesheet']}"
    return [
        ("the front page: transferred, compressed", f"{size['all']}, of which {parts}"),
        ("from the address to a composer that sends, first visit", _times(first)),
        ("the same, after a reload", _times(again)),
    ]


async def _transferred(page: Page) -> Counter[str]:
    """Bytes on the wire by kind, from now on."""
    counts: Counter[str] = Counter()
    kinds: dict[str, str] = {}
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    session.on("Network.responseReceived", lambda event: kinds.update({event["requestId"]: event["type"]}))

    def finished(event: dict[str, Any]) -> None:
        # What a reload takes from the cache is not on the wire.
        counts[kinds.get(event["requestId"], "other")] += event["encodedDataLength"]
        counts["all"] += event["encodedDataLength"]

    session.on("Network.loadingFinished", finished)
    return counts


async def _long_chat(
    browser: Browser, home: str, cookies: Any, options: argparse.Namespace
) -> list[tuple[str, str]]:
    context = await _visitor(browser, cookies)
    page = await context.new_page()
    await page.goto(f"{home}/chat")
    await page.get_by_test_id("session-item").filter(has_text=LONG).get_by_role("link").click()
    await page.evaluate(f"meter.reads('Answer {MESSAGES} in')")
    address = page.url
    opened = []
    for _ in range(options.rounds):
        await page.goto(address)
        opened.append(await page.evaluate(f"meter.reads('Answer {MESSAGES} in')"))
    await page.wait_for_timeout(500)
    before = await _held(page)
    scrolled = await page.evaluate(f"meter.scrolls('message', -60, {options.seconds})")
    await page.wait_for_timeout(500)
    after = await _held(page)
    await context.close()
    return [
        (f"from the address of {MESSAGES:,} messages to the newest on the screen", _times(opened)),
        ("elements of the page then", f"{before['nodes']:,}"),
        ("memory of the page's scripts then", f"{before['heap']:.1f} MiB"),
        (
            f"scrolling up for {options.seconds:g} s, {scrolled['moved']:,.0f} pixels: time of a frame",
            _frames(scrolled),
        ),
        ("the most elements meanwhile", f"{scrolled['nodes']:,}"),
        ("memory afterwards", f"{after['heap']:.1f} MiB"),
    ]


async def _many_chats(
    browser: Browser, home: str, cookies: Any, options: argparse.Namespace
) -> list[tuple[str, str]]:
    context = await _visitor(browser, cookies)
    page = await context.new_page()
    await page.goto(f"{home}/chat")
    await page.evaluate("meter.usable()")
    await page.get_by_test_id("session-item").first.wait_for()
    rows = page.get_by_test_id("session-item")
    first, again, work = [], [], []
    clock = await context.new_cdp_session(page)
    await clock.send("Performance.enable", {"timeDomain": "threadTicks"})
    there = [title for title in OPENED if await rows.filter(has_text=title).count()]
    work.append(await _worked(clock))
    for title in there:
        first.append(await page.evaluate("title => meter.opens(title)", title))
        await page.wait_for_timeout(100)
    work.append(await _worked(clock))
    for _ in range(10):
        for title in there[-2:]:
            again.append(await page.evaluate("title => meter.opens(title)", title))
            await page.wait_for_timeout(100)
    work.append(await _worked(clock))
    scrolled = await page.evaluate(f"meter.scrolls('session-item', 60, {options.seconds})")
    held = await _held(page)
    await context.close()
    return [
        (
            f"click on another chat until it is on the screen, {len(first)} chats not seen before",
            _times(first),
        ),
        (f"the same, back to one seen before, {len(again)} clicks", _times(again)),
        (
            "processor time of the page's own thread for each of these clicks, mean",
            f"{(work[1] - work[0]) / len(first):,.0f} ms, {(work[2] - work[1]) / len(again):,.0f} ms",
        ),
        (
            f"scrolling {CHATS:,} chats for {options.seconds:g} s, {scrolled['moved']:,.0f} pixels: time of a frame",
            _frames(scrolled),
        ),
        ("the most elements meanwhile; memory afterwards", f"{scrolled['nodes']:,}; {held['heap']:.1f} MiB"),
    ]


async def _worked(session: CDPSession) -> float:
    """Milliseconds of processor time of the page's thread so far: what else the machine does is not in it."""
    metrics = {m["name"]: m["value"] for m in (await session.send("Performance.getMetrics"))["metrics"]}
    return metrics["ThreadTime"] * 1000


async def _held(page: Page) -> dict[str, float]:
    session = await page.context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    await session.send("Performance.enable")
    metrics = {m["name"]: m["value"] for m in (await session.send("Performance.getMetrics"))["metrics"]}
    nodes = await page.evaluate("document.querySelectorAll('*').length")
    return {"heap": metrics["JSHeapUsedSize"] / 2**20, "nodes": nodes}


def _times(values: Sequence[float]) -> str:
    if len(values) < 10:
        return f"{statistics.median(values):,.0f} ms ({min(values):,.0f} to {max(values):,.0f})"
    return f"p50 {_quantile(values, 0.5):,.0f} ms, p95 {_quantile(values, 0.95):,.0f} ms, longest {max(values):,.0f} ms"


def _frames(scrolled: dict[str, Any]) -> str:
    values = scrolled["intervals"]
    slow = sum(value > 50 for value in values)
    quantiles = (f"p{100 * share:.0f} {_quantile(values, share):.1f} ms" for share in (0.5, 0.95, 0.99))
    return f"{', '.join(quantiles)}; {slow} of {len(values)} above 50 ms"


def _quantile(values: Sequence[float], share: float) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


if __name__ == "__main__":
    main()
