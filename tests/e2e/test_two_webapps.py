"""Two processes of the web UI behind one address, where nothing keeps a browser with one of them."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import psycopg
import pytest
from playwright.async_api import expect

from tests.conftest import free_port
from tests.e2e.short_tokens import SECONDS
from tests.e2e.stack import Stack
from tests.e2e.test_story import answers, item, send

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES = ("webapp", "webapp-2")


class TwoWebapps(Stack):
    """And tokens that end while one looks on."""

    def __init__(self, database_url: str, folder: Path, redis_url: str | None) -> None:
        super().__init__(database_url, folder, redis_url=redis_url)
        port = self._ports["webapp-2"] = free_port()
        self._environments["webapp-2"] = {**self._environments["webapp"], "CHAT_WEB_PORT": str(port)}
        self._modules |= {"backend": "tests.e2e.short_tokens", "webapp-2": "webapp"}
        self._healths["webapp-2"] = f"http://127.0.0.1:{port}/ping"


class Crossroads:
    """A proxy that sends the WebSockets of all tabs to one process and every other request to the other."""

    def __init__(self, stack: Stack) -> None:
        self._hosts = {name: stack.url(name).removeprefix("http://").split(":") for name in PROCESSES}
        self.tabs_at, self.requests_at = PROCESSES
        self.led = Counter[tuple[str, bool]]()
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._lead, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    def cross(self) -> None:
        """From now on the other way round; what is open is cut."""
        self.tabs_at, self.requests_at = self.requests_at, self.tabs_at
        self.cut()

    def cut(self) -> None:
        for writer in list(self._open):
            writer.close()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            is_tab = head.startswith(b"GET /_event")
            process = self.tabs_at if is_tab else self.requests_at
            self.led[process, is_tab] += 1
            there_reader, there_writer = await asyncio.open_connection(*self._hosts[process])
            there_writer.write(head)
            self._open |= {writer, there_writer}
            try:
                await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))
            finally:
                self._open -= {writer, there_writer}
                writer.close()
                there_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def tokens_of(database_url: str, name: str) -> list[tuple[int, int]]:
    """(refresh tokens that were used, and that were not) of each of somebody's sign-ins."""
    with psycopg.connect(database_url) as connection:
        return connection.execute(
            "SELECT count(t.used_at), count(*) - count(t.used_at) FROM users AS u"
            " JOIN sign_ins AS s ON s.user_id = u.id JOIN refresh_tokens AS t ON t.family_id = s.sign_in_id"
            " WHERE u.username = %s GROUP BY s.sign_in_id",
            [name],
        ).fetchall()


@pytest.mark.parametrize("shared", ["the file", "Redis"])
async def test_a_user_meets_both_and_notices_neither(
    request: pytest.FixtureRequest,
    e2e_database: str,
    built_webapp: None,
    tmp_path: Path,
    visitors: Any,
    shared: str,
) -> None:
    redis_url = request.getfixturevalue("redis_server").url if shared == "Redis" else None
    with TwoWebapps(e2e_database, tmp_path, redis_url) as stack:
        async with Crossroads(stack) as crossroads:
            # Signed in by the one, the cookie is fetched from the other; so is all that the outbox sends.
            ada = await visitors(stack, home=crossroads.url)
            page = await ada.register()
            await send(page, "To the one and the other")
            await expect(page).to_have_url(re.compile("/chat/.+"))
            await expect(answers(page)).to_have_count(1)
            assert {*crossroads.led} == {("webapp", True), ("webapp-2", False)}

            # Both need a new token, again and again.
            for count in (2, 3):
                await page.wait_for_timeout(SECONDS * 1000)
                await send(page, f"Question {count}")
                await expect(answers(page)).to_have_count(count)

            # The open tab comes back to the other process, and a loaded page is there.
            crossroads.cross()
            await send(page, "After a reconnect")
            await expect(answers(page)).to_have_count(4)
            await page.reload()
            await ada.here(page)
            await expect(answers(page)).to_have_count(4)
            await page.wait_for_timeout(SECONDS * 1000)
            second = await ada.tab()
            await item(second, "To the one and the other").get_by_role("link").click()
            await expect(answers(second)).to_have_count(4)
            assert len(crossroads.led) == 4

            ((used, unused),) = await asyncio.to_thread(tokens_of, e2e_database, ada.name)
            assert used >= 3
            assert unused == 1, "each was used once: one that is used twice has two in its place"

            # A name that was changed through the one shows at the other.
            await second.goto(f"{ada.home}/settings")
            await second.get_by_test_id("display-name").fill("Countess")
            await second.get_by_role("button", name="Save", exact=True).click()
            await expect(second.get_by_text("Saved.")).to_be_visible()
            await page.reload()
            await expect(page.get_by_test_id("account-name")).to_have_text("Countess")

            # Signed out through the one, every tab is, wherever it is.
            crossroads.cross()
            await page.reload()
            await page.get_by_role("button", name="Sign out").click()
            await expect(page).to_have_url(re.compile("/sign-in"))
            await expect(second).to_have_url(re.compile("/sign-in"))
            assert await asyncio.to_thread(tokens_of, e2e_database, ada.name) == []
        for name in PROCESSES:
            assert "Traceback" not in stack.log(name)
