"""A real browser before the real stack: PostgreSQL, engine, backend and web UI as processes."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from backend.embedded_postgres import EmbeddedPostgres
from tests.conftest import new_database
from tests.e2e.model import Model
from tests.e2e.stack import ROOT, Stack

PASSWORD = "correct horse battery"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
SHOTS = Path(os.environ.get("CHAT_E2E_SHOTS", ROOT / ".build" / "e2e"))

expect.set_options(timeout=15_000)


@pytest.fixture(scope="session")
def built_webapp() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "webapp.build"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def e2e_database(postgres18: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    with new_database(postgres18, migrated_template) as url:
        yield url


@pytest.fixture(scope="session")
def stack(
    e2e_database: str, built_webapp: None, chromium: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """With the built-in assistant, as after `make up`."""
    with Stack(e2e_database, tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="session")
async def model() -> AsyncIterator[Model]:
    async with Model() as running:
        yield running


@pytest.fixture(autouse=True)
def obedient(request: pytest.FixtureRequest) -> None:
    """No test meets the model as another left it."""
    if "model" in request.fixturenames:
        request.getfixturevalue("model").obey()


@pytest.fixture(scope="session")
def model_stack(
    e2e_database: str,
    built_webapp: None,
    chromium: str,
    model: Model,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """With a model that tests command."""
    with Stack(e2e_database, tmp_path_factory.mktemp("model-stack"), model_url=model.url) as running:
        yield running


@pytest.fixture(scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    arguments = (
        "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
        " --disable-component-update --disable-sync"
    )
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=arguments.split())
        yield running
        await running.close()


@dataclass
class Visitor:
    """Somebody before a browser of their own; more tabs share its cookie."""

    context: BrowserContext
    home: str
    name: str

    async def tab(self, path: str = "/chat") -> Page:
        page = await self.context.new_page()
        await page.goto(self.home + path)
        return page

    async def register(self) -> Page:
        page = await self.tab("/register")
        await fill_account(page, self.name, PASSWORD)
        await page.get_by_role("button", name="Create account").click()
        await expect(page).to_have_url(re.compile(r"/chat$"))
        await self.here(page)
        return page

    async def here(self, page: Page) -> None:
        """The page knows who looks at it."""
        await expect(page.get_by_test_id("account-name")).to_have_text(self.name)


async def until(page: Page, expression: str) -> None:
    """Waits until it is true. Playwright's own way has the page evaluate texts, which its policy forbids."""
    async with asyncio.timeout(15):
        while not await page.evaluate(expression):  # noqa: ASYNC110  (only the page knows when)
            await asyncio.sleep(0.05)


async def fill_account(page: Page, name: str, password: str) -> None:
    await page.get_by_label("User name").fill(name)
    await page.get_by_label("Password").fill(password)


@pytest.fixture
async def visitors(browser: Browser) -> AsyncIterator[Any]:
    """Makes visitors; at the end no page of theirs may have failed, have asked another server for anything, or
    have met its own Content-Security-Policy."""
    contexts: list[BrowserContext] = []
    trouble: list[str] = []

    async def arrive(stack: Stack, *, name: str = "", home: str = "", **options: Any) -> Visitor:
        home = home or stack.url("webapp")
        context = await browser.new_context(viewport=options.pop("viewport", DESKTOP), **options)
        contexts.append(context)

        def look(page: Page) -> None:
            page.on("pageerror", lambda error: trouble.append(f"page error: {error}"))
            page.on(
                "console",
                lambda said: trouble.append(said.text) if "Content Security Policy" in said.text else None,
            )
            page.on(
                "request",
                lambda request: (
                    None
                    if request.url.startswith((home, "data:", "blob:"))
                    else trouble.append(f"asked {request.url}")
                ),
            )

        context.on("page", look)
        return Visitor(context, home, name or f"ada-{secrets.token_hex(4)}")

    yield arrive
    for context in contexts:
        await context.close()
    assert not trouble


@pytest.fixture
def shoot(request: pytest.FixtureRequest) -> Any:
    """Saves a screenshot, to be looked at."""
    SHOTS.mkdir(parents=True, exist_ok=True)

    async def save(page: Page, name: str) -> None:
        await page.screenshot(path=SHOTS / f"{name}.png", animations="disabled")

    return save
