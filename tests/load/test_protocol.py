"""A simulated tab says what a real page says: the same story, told by Chromium and by `Tab`, asks for the same things.

What is compared of each step is the set of requests, events and sockets, each without its values: how often a page says
how far its reader has read, say, depends on how quick the machine is.
"""

from __future__ import annotations

import asyncio
import re
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import orjson
import pytest
from playwright.async_api import async_playwright, expect

from tests.load.browser import Browser
from tests.load.figures import Figures
from tests.load.ledger import Ledger
from tests.load.people import PASSWORD
from tests.load.tab import KIND, Tab, built_state

if TYPE_CHECKING:
    from playwright.async_api import Request, WebSocket

    from tests.load.people import Person
    from tests.load.world import World

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: Kept by a browser, or asked for by itself.
_FILES = ("script", "stylesheet", "font", "image", "manifest", "other")
#: Seconds in which a page has said what it says by itself: reading marks come after 0.15 s.
_QUIET = 1.5

Said = set[tuple[str, ...]]


def shape(kind: str, value: Any) -> tuple[str, ...]:
    """What was said, without ids and other values."""
    if kind == "event":
        payload = value.get("payload") or {}
        places = (f"{key}: {_ID.sub('*', str(part))}" for key, part in sorted(value["router_data"].items()))
        fixed = [str(payload["hashes"])] if "hashes" in payload else []
        return (kind, value["name"], *sorted(payload), *fixed, *places)
    path, names = value
    return (kind, _ID.sub("*", path), *names)


class Page:
    """What a page in Chromium says."""

    def __init__(self) -> None:
        self.said: Said = set()

    def hear_request(self, request: Request) -> None:
        if request.resource_type in _FILES:
            return
        parts = urlsplit(request.url)
        names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
        if request.method == "POST":
            names = list(orjson.loads(request.post_data or "{}"))
        self.said.add(shape(request.method, (parts.path, sorted(names))))

    def hear_socket(self, socket: WebSocket) -> None:
        self.said.add(_socket_shape(socket.url))
        socket.on("framesent", self._hear_frame)

    def _hear_frame(self, frame: str | bytes) -> None:
        assert isinstance(frame, str)
        if frame.startswith("42/_event,"):
            self.said.add(shape("event", orjson.loads(frame[10:])[1]))
        elif frame.startswith("40/_event,"):
            hello = orjson.loads(frame[10:])
            self.said.add(("connect", *sorted(hello), hello["state_schema"]))
            self.said.add(shape("event", hello["event"]))


def _socket_shape(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    return ("WebSocket", _ID.sub("*", parts.path), *(name for name, _ in parse_qsl(parts.query)))


def _said_by(browser: Browser) -> Said:
    assert browser.said is not None
    shapes = set()
    for kind, value in browser.said:
        if kind == "WebSocket":
            shapes.add(_socket_shape(value))
        elif kind == "connect":
            shapes.add(("connect", *value))
        else:
            shapes.add(shape(kind, value))
    return shapes


expect.set_options(timeout=30_000)


@pytest.mark.timeout(300)
async def test_a_simulated_tab_says_what_a_page_says(world: World, chromium: str) -> None:
    newcomers = [reader for reader in world.readers if not reader.login_id]
    home = world.url("webapp")

    told: list[dict[str, Said]] = []
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        told.append(await _chromium(running, home, newcomers[0]))
        await running.close()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        told.append(await _simulated(http, home, newcomers[1]))

    real, simulated = told
    assert all(real.values())
    # A page that is told live of all its sessions before it has asked for them need not ask.
    lists = _lists(simulated)
    assert _lists(real) <= lists
    assert {step: said - lists for step, said in real.items()} == {
        step: said - lists for step, said in simulated.items()
    }


def _lists(told: dict[str, Said]) -> Said:
    return {each for said in told.values() for each in said if each[:2] == ("GET", "/sessions")}


async def _chromium(running: Any, home: str, person: Person) -> dict[str, Said]:
    context = await running.new_context()
    page, heard, told = await context.new_page(), Page(), {}
    page.on("request", heard.hear_request)
    page.on("websocket", heard.hear_socket)

    async def step(name: str) -> None:
        await asyncio.sleep(_QUIET)
        told[name], heard.said = heard.said, set()

    await page.goto(f"{home}/sign-in")
    await page.get_by_label("User name").fill(person.name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_test_id("account-name")).to_have_text(person.name)
    await step("sign in")
    await page.locator(f"a[href='/chat/{person.sessions[0]}']").first.click()
    messages = page.get_by_test_id("message")
    await expect(messages.last).to_be_visible()
    await step("open another chat")
    await messages.last.hover()
    async with page.expect_request(lambda request: "before=" in request.url):
        for _ in range(20):
            await page.mouse.wheel(0, -3000)
            await asyncio.sleep(0.05)
    await step("page of history")
    await page.get_by_test_id("message-input").fill("What follows from that?")
    await page.get_by_test_id("message-input").press("Enter")
    await expect(page.locator("[data-testid=message][data-status=streaming]")).to_have_count(1)
    await expect(page.locator("[data-testid=message][data-status=streaming]")).to_have_count(
        0, timeout=20_000
    )
    await step("send")
    await page.reload()
    await expect(messages.last).to_be_visible()
    await step("reload")
    return told


async def _simulated(http: aiohttp.ClientSession, home: str, person: Person) -> dict[str, Said]:
    figures = Figures()
    ledger = Ledger(figures, KIND)
    browser = Browser(home, http, "", built_state(), figures, ledger, Random(1), said=[])  # noqa: S311
    tab, told = Tab("tab", browser, looked_at=True), {}

    async def step(name: str) -> None:
        await asyncio.sleep(_QUIET)
        told[name], browser.said = _said_by(browser), []

    await tab.sign_in(person.name, PASSWORD)
    await tab.open("/chat")
    await step("sign in")
    await tab.show(person.sessions[0])
    await step("open another chat")
    assert await tab.older()
    await step("page of history")
    message_id = "7c0f7a3e-52dd-4b6b-9a53-2f6c1f0f9b52"
    ledger.send(person.sessions[0], message_id, "What follows?", sender="tab", shown_by=["tab"])
    await tab.send(message_id, "What follows?")
    while not tab.answers_read:  # noqa: ASYNC110  (nothing tells)
        await asyncio.sleep(0.1)
    await step("send")
    await tab.open(f"/chat/{person.sessions[0]}")
    await step("reload")
    await tab.close()
    assert not figures.errors
    return told
