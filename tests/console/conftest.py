"""The console in a real browser, before a real engine over a real PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from playwright.async_api import Browser, BrowserContext, Locator, Page, Request, async_playwright, expect

from tests.conftest import make_user
from tests.engine.conftest import ADMIN_SECRET, RunningEngine, running_engine

ROOT = Path(__file__).resolve().parents[2]
SHOTS = Path(os.environ.get("CHAT_E2E_SHOTS", ROOT / ".build" / "e2e"))
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}

expect.set_options(timeout=15_000)


@pytest.fixture(scope="session")
def built_console() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hasura.console.build"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    arguments = "--no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=arguments.split())
        yield running
        await running.close()


@pytest.fixture
async def engine(database_url: str, built_console: None) -> AsyncIterator[RunningEngine]:
    async with running_engine(database_url, enable_console=True) as running:
        yield running


@pytest.fixture
def people(database_url: str) -> dict[str, UUID]:
    """Ada and Bob, with a session each that bears the name."""
    found = {name: make_user(database_url, name) for name in ("ada", "bob")}
    with psycopg.connect(database_url, autocommit=True) as connection:
        for name, user_id in found.items():
            connection.execute(
                "INSERT INTO chat_sessions (session_id, user_id, title) VALUES (gen_random_uuid(), %s, %s)",
                [user_id, f"of {name}"],
            )
    return found


class Console:
    """An admin before the console, in a browser of their own."""

    def __init__(self, context: BrowserContext, engine: RunningEngine) -> None:
        self.context = context
        self.engine = engine
        self.home = f"http://127.0.0.1:{engine.port}/console"
        #: what no page may do
        self.trouble: list[str] = []
        context.on("page", self._look)

    def _look(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.trouble.append(f"page error: {error}"))
        page.on("request", self._look_at)
        page.on(
            "console",
            lambda message: (
                self.trouble.append(message.text) if "Content Security Policy" in message.text else None
            ),
        )

    def _look_at(self, request: Request) -> None:
        own = self.home.removesuffix("/console")
        if not request.url.startswith((f"{own}/", "data:", "blob:")):
            self.trouble.append(f"asked {request.url}")
        if ADMIN_SECRET in request.url:
            self.trouble.append(f"the secret is in {request.url}")

    async def open(self, path: str = "") -> Page:
        page = await self.context.new_page()
        await page.goto(self.home + path)
        return page

    async def signed_in(self, path: str = "/permissions") -> Page:
        page = await self.open(path)
        await self.sign_in(page)
        await expect(
            page.locator("header nav")
        ).to_be_visible()  # not by its role: a dialog may be open over it
        return page

    async def sign_in(self, page: Page, secret: str = ADMIN_SECRET) -> None:
        await page.get_by_label("Admin secret", exact=True).fill(secret)
        await page.get_by_role("button", name="Sign in").click()

    async def run_as(self, page: Page, user_id: UUID) -> str:
        """Runs what is in GraphiQL's editor as that user, and returns its answer."""
        await page.get_by_label("x-hasura-user-id").fill(str(user_id))
        return await run(page)


async def run(page: Page) -> str:
    """Runs what is in GraphiQL's editor, once the schema is there."""
    async with page.expect_response(
        lambda response: (
            response.url.endswith("/v1/graphql") and "__schema" not in str(response.request.post_data)
        )
    ) as answer:
        await page.get_by_role("button", name="Execute query").click()
    return await (await answer.value).text()


def cell(page: Page, role: str, operation: str, table: str) -> Locator:
    return page.get_by_role("button", name=f"{role} {operation} {table}:")


def rule(page: Page) -> Locator:
    return page.get_by_label("As JSON").first


async def save(page: Page) -> None:
    await page.get_by_role("button", name="Save permission").click()


@pytest.fixture
async def console(browser: Browser, engine: RunningEngine, request: Any) -> AsyncIterator[Console]:
    """At the end, no page may have failed, broken its policy, or have asked another server for anything."""
    viewport = getattr(request, "param", DESKTOP)
    context = await browser.new_context(viewport=viewport)
    console = Console(context, engine)
    yield console
    await context.close()
    assert console.trouble == []


@pytest.fixture
def shoot() -> Any:
    """Saves a screenshot, to be looked at."""
    SHOTS.mkdir(parents=True, exist_ok=True)

    async def take(page: Page, name: str) -> None:
        await page.mouse.move(0, 0)
        await page.screenshot(path=SHOTS / f"console-{name}.png", animations="disabled")

    return take
