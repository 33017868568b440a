"""Servers that go away and come back: the page says so, and loses nothing."""

from __future__ import annotations

import re
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from playwright.async_api import expect

from tests.e2e.conftest import PASSWORD, fill_account
from tests.e2e.test_story import answers, item, send
from webapp import login_cookie
from webapp.services.login_file import LoginFile
from webapp.services.logins import LIFETIME, Kept

if TYPE_CHECKING:
    from tests.e2e.stack import Stack


@pytest.mark.parametrize("server", ["engine", "backend"])
async def test_a_killed_server_is_named_and_what_is_sent_meanwhile_goes_out_by_itself(
    stack: Stack, visitors: Any, shoot: Any, server: str
) -> None:
    page = await (await visitors(stack)).register()
    await send(page, "Before")
    await expect(answers(page)).to_have_count(1)
    stack.stop(server, signal.SIGKILL)
    try:
        await expect(page.get_by_test_id("outage-banner")).to_be_visible()
        await send(page, "A long and careful text")
        await expect(page.get_by_text("Pending. The chat server cannot be reached")).to_be_visible()
        await expect(page.get_by_test_id("message-input")).to_have_value("")
        await shoot(page, f"9-{server}-down")
        await page.reload()
        await expect(page.get_by_text("Pending. The chat server cannot be reached")).to_be_visible()
    finally:
        stack.start(server)
    await expect(page.get_by_test_id("outage-banner")).to_have_count(0)
    await expect(answers(page)).to_have_count(2)
    await expect(page.get_by_test_id("message")).to_have_count(4)
    await expect(page.locator("[data-role=user]", has_text="A long and careful text")).to_have_count(1)
    await expect(page.get_by_test_id("error")).to_have_count(0)


async def test_a_restart_of_the_web_ui_is_survived_signed_in(stack: Stack, visitors: Any) -> None:
    page = await (await visitors(stack)).register()
    await send(page, "Before")
    await expect(answers(page)).to_have_count(1)
    stack.stop("webapp")
    await expect(page.get_by_test_id("connection-notice")).to_be_visible()
    await expect(page.get_by_test_id("message")).to_have_count(2)
    await send(page, "Sent while nobody listened")
    stack.start("webapp")
    await expect(page.get_by_test_id("connection-notice")).to_have_count(0)
    await expect(answers(page)).to_have_count(2)
    await expect(page.get_by_test_id("message")).to_have_count(4)
    await expect(page.locator("[data-role=user]", has_text="Sent while nobody listened")).to_have_count(1)


async def test_what_happened_meanwhile_shows_after_a_reconnect(
    stack: Stack, e2e_database: str, visitors: Any
) -> None:
    page = await (await visitors(stack)).register()
    await send(page, "Before")
    await expect(answers(page)).to_have_count(1)
    session_id = page.url.rpartition("/")[2]
    stack.stop("engine")
    with psycopg.connect(e2e_database) as database:
        database.execute(
            "INSERT INTO chat_messages (session_id, user_id, role, content)"
            " SELECT session_id, user_id, 'assistant', 'written behind the scenes' FROM chat_sessions"
            " WHERE session_id = %s",
            [session_id],
        )
        database.execute(
            "UPDATE chat_sessions SET title = 'Renamed elsewhere' WHERE session_id = %s", [session_id]
        )
    stack.start("engine")
    await expect(page.get_by_text("written behind the scenes")).to_be_visible()
    await expect(item(page, "Renamed elsewhere")).to_be_visible()
    await expect(page.get_by_test_id("session-title")).to_have_text("Renamed elsewhere")


async def test_a_sign_in_that_has_run_out_leads_to_signing_in_and_back(
    stack: Stack, e2e_database: str, visitors: Any
) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    await send(page, "Before")
    await expect(answers(page)).to_have_count(1)
    chat = page.url
    with psycopg.connect(e2e_database) as database:
        database.execute(
            "UPDATE refresh_tokens SET expires_at = now() FROM users"
            " WHERE users.id = user_id AND username = %s",
            [ada.name],
        )
    # The access token would be good for minutes: what remains of it goes, where it is stored and with the process.
    stack.stop("webapp")
    (cookie,) = [cookie for cookie in await ada.context.cookies() if cookie["name"] == login_cookie.NAME]
    store, login_id = LoginFile(stack.logins_file), cookie["value"]
    stored = Kept.from_text(await store.get(login_id) or "")
    await store.put(login_id, replace(stored, renew_at=0.0).to_text(), lifetime=LIFETIME)
    stack.start("webapp")
    await expect(page).to_have_url(re.compile("/sign-in"))
    await expect(page.get_by_text("your sign-in has ended")).to_be_visible()
    await fill_account(page, ada.name, PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(chat)
    await expect(page.get_by_test_id("message")).to_have_count(2)
