"""Somebody before a real browser: writes whether or not anything answers, and reloads when the page looks dead."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from playwright.async_api import Error, expect

from tests.faults.account import PASSWORD, PAUSE, Account

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from playwright.async_api import Browser, BrowserContext, Locator, Page

    from tests.faults.ledger import Ledger
    from tests.faults.verdict import Connection

#: Milliseconds after which a person would do it again.
PATIENCE = 8_000
#: The messages that a page loads at first, and of these the fewest that it draws at any time.
NEWEST, NEAR_THE_SCREEN = 50, 6


class BrowserUser:
    """Writes into one chat. What the composer has taken counts as promised: the page says that it will be sent."""

    def __init__(
        self, account: Account, home: str, browser: Browser, ledger: Ledger, chance: random.Random
    ) -> None:
        self.account = account
        self.name = f"{account.name}'s page"
        self._address = f"{home}/chat/{account.session_id}"
        self._browser = browser
        self._ledger = ledger
        self._chance = chance
        self._context: BrowserContext
        self._page: Page

    async def run(self, stopping: asyncio.Event) -> None:
        """Until told to stop."""
        await self.account.make()
        self._context = await self._browser.new_context()
        self._page = await self._context.new_page()
        await self._open()
        number = 0
        while not stopping.is_set():
            number += 1
            content = f"{self.account.name} types {number}"
            await self._write(content)
            self._ledger.promise(str(self.account.session_id), "", content)
            await asyncio.sleep(self._chance.uniform(0.5, 3.0))
            if self._chance.random() < 0.1:
                await self._open()

    async def aclose(self) -> None:
        await self._context.close()

    async def give_evidence(self, folder: Path) -> None:
        """A picture of the page, and what the browser keeps."""
        await self._page.screenshot(path=folder / f"{self.account.name}.png")
        kept = await self._page.evaluate("JSON.stringify(localStorage, null, 1)")
        (folder / f"{self.account.name}.json").write_text(f"{self._page.url}\n{kept}\n")

    async def difference(self, connection: Connection) -> str | None:
        """How what the page shows differs from the database now."""
        stored = [
            content if role == "user" else status
            for role, status, content in connection.execute(
                "SELECT role, status, content FROM (SELECT * FROM chat_messages WHERE session_id = %s"
                " ORDER BY id DESC LIMIT %s) AS newest ORDER BY id",
                [self.account.session_id, NEWEST],
            )
        ]
        shown = await self._page.locator("[data-testid=message]").evaluate_all(
            "all => all.map(m => m.dataset.role === 'user' && m.dataset.status === 'complete'"
            " ? m.querySelector('.plain').innerText : m.dataset.status)"
        )
        # Only those near the screen are in the document, and the page is at the end.
        if shown == stored[-len(shown) :] and len(shown) >= min(len(stored), NEAR_THE_SCREEN):
            return None
        return f"shows {shown[-6:]}, stored is {stored[-6:]}"

    async def _open(self) -> None:
        """Until the chat is there, signing in where asked to."""
        while True:
            try:
                await self._page.goto(self._address, timeout=PATIENCE, wait_until="domcontentloaded")
                composer = self._page.get_by_test_id("message-input")
                await expect(composer.or_(self._page.get_by_label("User name"))).to_be_visible(
                    timeout=PATIENCE
                )
                if await composer.is_visible() and self._page.url == self._address:
                    return
                await self._page.get_by_label("User name").fill(self.account.name)
                await self._page.get_by_label("Password").fill(PASSWORD)
                await self._page.get_by_role("button", name="Sign in").click(timeout=PATIENCE)
                await expect(composer).to_be_visible(timeout=PATIENCE)
            except (Error, AssertionError):
                await asyncio.sleep(PAUSE)

    async def _write(self, content: str) -> None:
        """Until the message is on the page, as pending or more.

        What the composer took before a reload is shown after it, if not at once: whoever is in a hurry writes twice.
        """
        written = self._page.locator("[data-testid=message][data-role=user]").filter(
            has=self._page.get_by_text(content, exact=True)
        )
        while True:
            with suppress(Error, AssertionError):
                composer = self._page.get_by_test_id("message-input")
                await composer.fill(content, timeout=PATIENCE)
                await composer.press("Enter", timeout=PATIENCE)
            if await _appears(written):
                return
            await self._open()
            if await _appears(written):
                return


async def _appears(wanted: Locator) -> bool:
    try:
        await expect(wanted.first).to_be_visible(timeout=PATIENCE)
    except (Error, AssertionError):
        return False
    return True
