"""Messages on their way: kept in the browser until the server has them, delivered once and in order."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import PASSWORD, PHONE, fill_account, until
from tests.e2e.test_story import answers, item, send
from webapp.build import BUILT

if TYPE_CHECKING:
    from tests.e2e.model import Model
    from tests.e2e.stack import Stack

WORKER_READY = "() => navigator.serviceWorker.controller !== null"


def pending(page: Page) -> Any:
    return page.locator("[data-testid=message][data-status=pending]")


def questions(page: Page) -> Any:
    return page.locator("[data-testid=message][data-role=user] .plain")


async def asked(database_url: str, name: str) -> list[str]:
    """Every stored question of that user, in order."""
    async with await psycopg.AsyncConnection.connect(database_url) as database:
        rows = await database.execute(
            "SELECT content FROM chat_messages JOIN users ON users.id = user_id"
            " WHERE username = %s AND chat_messages.role = 'user' ORDER BY chat_messages.id",
            [name],
        )
        return [content for (content,) in await rows.fetchall()]


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, PHONE], ids=["desktop", "phone"])
async def test_two_messages_written_offline_survive_a_reload_and_arrive_once_in_order(
    stack: Stack, e2e_database: str, visitors: Any, shoot: Any, viewport: dict[str, int]
) -> None:
    dark = viewport is PHONE
    ada = await visitors(stack, viewport=viewport, color_scheme="dark" if dark else "light")
    page = await ada.register()
    await send(page, "Before")
    await expect(answers(page)).to_have_count(1)
    await until(page, WORKER_READY)

    await ada.context.set_offline(True)
    await send(page, "The first one")
    await send(page, "The second one")
    await expect(questions(page)).to_have_text(["Before", "The first one", "The second one"])
    await expect(pending(page)).to_have_count(2)
    await shoot(page, f"11-offline-{viewport['width']}")
    await page.reload()
    await expect(questions(page)).to_have_text(["The first one", "The second one"])
    await expect(pending(page)).to_have_count(2)
    await shoot(page, f"12-offline-reload-{viewport['width']}")

    await ada.context.set_offline(False)
    await expect(answers(page)).to_have_count(3)
    await expect(questions(page)).to_have_text(["Before", "The first one", "The second one"])
    await expect(pending(page)).to_have_count(0)
    assert await asked(e2e_database, ada.name) == ["Before", "The first one", "The second one"]


async def test_a_chat_that_is_begun_offline_is_one_chat(
    stack: Stack, e2e_database: str, visitors: Any, shoot: Any
) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    await until(page, WORKER_READY)
    await ada.context.set_offline(True)
    await send(page, "Which vegetables can I sow in March?")
    await send(page, "And in April?")
    await expect(pending(page)).to_have_count(2)
    await page.reload()
    await expect(pending(page)).to_have_count(2)
    await shoot(page, "13-begun-offline")
    await ada.context.set_offline(False)
    await expect(page).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}$"))
    await expect(answers(page)).to_have_count(2)
    await expect(page.get_by_test_id("session-item")).to_have_count(1)
    await expect(item(page, "Which vegetables can I sow in March?")).to_contain_text("4 messages")


async def test_what_is_written_while_the_first_message_is_on_its_way_belongs_to_the_same_chat(
    stack: Stack, visitors: Any
) -> None:
    page = await (await visitors(stack)).register()
    go = asyncio.Event()

    async def later(route: Any) -> None:
        await go.wait()
        await route.continue_()

    await page.route("**/outbox", later)
    await send(page, "The first one")
    await page.get_by_test_id("message-input").fill("The second one, half wr")
    go.set()
    await expect(page).to_have_url(re.compile("/chat/.+"))
    await expect(page.get_by_test_id("message-input")).to_have_value("The second one, half wr")
    await page.get_by_test_id("message-input").press_sequentially("itten")
    await page.get_by_test_id("message-input").press("Enter")
    await expect(questions(page)).to_have_text(["The first one", "The second one, half written"])
    await expect(item(page, "The first one")).to_contain_text("4 messages")
    await expect(page.get_by_test_id("session-item")).to_have_count(1)


async def test_the_first_of_several_messages_names_a_chat_without_a_name(stack: Stack, visitors: Any) -> None:
    page = await (await visitors(stack)).register()
    await page.get_by_test_id("new-chat").click()
    await page.get_by_test_id("title-input").press("Enter")
    await expect(page.get_by_test_id("session-title")).to_have_text("New chat")
    await send(page, "Tomatoes")
    await send(page, "Cucumbers")
    await expect(answers(page)).to_have_count(2)
    await expect(page.get_by_test_id("session-title")).to_have_text("Tomatoes")


async def test_what_waits_can_be_changed_or_given_up(stack: Stack, e2e_database: str, visitors: Any) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    await send(page, "Before")
    await expect(answers(page)).to_have_count(1)
    await ada.context.set_offline(True)
    for text in ("One", "Two", "Three"):
        await send(page, text)
    await expect(page.get_by_text("Pending. No connection.")).to_have_count(1)
    first = page.get_by_test_id("message").filter(has=page.get_by_text("One", exact=True))
    await first.get_by_test_id("edit-message").click()
    await expect(page.get_by_test_id("message-input")).to_have_value("One")
    await send(page, "One, rather")
    second = page.get_by_test_id("message").filter(has=page.get_by_text("Two", exact=True))
    await second.get_by_test_id("delete-message").click()
    await ada.context.set_offline(False)
    await expect(answers(page)).to_have_count(3)
    assert await asked(e2e_database, ada.name) == ["Before", "Three", "One, rather"]


async def test_what_was_sent_a_moment_ago_does_not_come_back_when_the_chat_is_cleared(
    stack: Stack, visitors: Any
) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    await send(page, "Before")
    await expect(answers(page)).to_have_count(1)
    await page.get_by_role("button", name="Clear all messages").click()
    await page.get_by_role("button", name="Clear", exact=True).click()
    await expect(page.get_by_text("No messages yet")).to_be_visible()
    await until(page, "!Object.keys(localStorage).some((key) => key.startsWith('chat-outbox'))")
    await page.reload()
    await expect(page.get_by_text("No messages yet")).to_be_visible()
    await expect(page.get_by_test_id("message")).to_have_count(0)


async def test_two_tabs_show_what_waits_and_send_it_once(
    stack: Stack, e2e_database: str, visitors: Any
) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    await send(page, "Before")
    await expect(answers(page)).to_have_count(1)
    other = await ada.tab(page.url.removeprefix(ada.home))
    await expect(answers(other)).to_have_count(1)
    await ada.context.set_offline(True)
    await send(page, "From the first tab")
    await send(other, "From the second tab")
    for tab in (page, other):
        await expect(questions(tab)).to_have_text(["Before", "From the first tab", "From the second tab"])
    await page.close()
    await ada.context.set_offline(False)
    await expect(answers(other)).to_have_count(3)
    assert await asked(e2e_database, ada.name) == ["Before", "From the first tab", "From the second tab"]


@pytest.mark.timeout(240)
async def test_whoever_sends_very_fast_is_told_so_and_everything_arrives_in_order(
    stack: Stack, e2e_database: str, visitors: Any, shoot: Any
) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    await send(page, "0")
    await expect(answers(page)).to_have_count(1)
    for number in range(1, 12):
        await send(page, str(number))
    await expect(page.get_by_text("Pending. Many messages in a short time.").first).to_be_visible()
    await shoot(page, "14-many")
    await expect(page.get_by_text("11", exact=True)).to_be_visible()
    await expect(page.locator("[data-role=user]:not([data-status=complete])")).to_have_count(
        0, timeout=60_000
    )
    assert await asked(e2e_database, ada.name) == [str(number) for number in range(12)]


async def test_a_first_message_that_is_refused_leaves_no_empty_chat_and_goes_out_when_it_may(
    model_stack: Stack, e2e_database: str, model: Model, visitors: Any, shoot: Any
) -> None:
    ada = await visitors(model_stack)
    page = await ada.register()
    model.go.clear()
    model.words, model.at_once = ["Busy", "."], 1
    for number in range(4):
        await page.goto(f"{ada.home}/chat")
        await send(page, f"Question {number}")
        await expect(page).to_have_url(re.compile(r"/chat/.+"))
        await expect(page.locator("[data-status=streaming]")).to_have_count(1)
    await page.goto(f"{ada.home}/chat")
    await send(page, "One too many")
    await expect(page.get_by_text("several answers under way")).to_be_visible()
    await shoot(page, "15-refused")
    await expect(page.get_by_test_id("session-item")).to_have_count(4)
    async with await psycopg.AsyncConnection.connect(e2e_database) as database:
        rows = await database.execute(
            "SELECT count(*) FROM chat_sessions JOIN users ON users.id = user_id"
            " WHERE username = %s AND is_active AND total_messages = 0",
            [ada.name],
        )
        assert await rows.fetchone() == (0,)
    model.go.set()
    await expect(page).to_have_url(re.compile(r"/chat/.+"))
    await expect(answers(page)).to_have_count(1)
    await expect(page.get_by_test_id("session-item")).to_have_count(5)


async def test_a_message_to_a_chat_that_is_gone_says_so_and_can_be_taken_back(
    stack: Stack, visitors: Any, shoot: Any
) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    await send(page, "Before")
    await expect(answers(page)).to_have_count(1)
    chat = page.url
    await ada.context.set_offline(True)
    await send(page, "Too late")
    await expect(pending(page)).to_have_count(1)
    device = await visitors(stack, name=ada.name)
    elsewhere = await device.tab("/sign-in")
    await fill_account(elsewhere, ada.name, PASSWORD)
    await elsewhere.get_by_role("button", name="Sign in").click()
    await elsewhere.get_by_role("link", name="Before").click()
    await elsewhere.get_by_role("button", name="Delete this chat").click()
    await expect(elsewhere.get_by_text("No chats yet")).to_be_visible()
    await ada.context.set_offline(False)
    await page.goto(chat)
    await expect(page.get_by_test_id("not-found")).to_be_visible()
    failed = page.locator("[data-status=failed]")
    await expect(failed).to_contain_text("Not sent. This chat is gone")
    await shoot(page, "16-gone")
    await page.get_by_test_id("delete-message").click()
    await expect(failed).to_have_count(0)


async def test_signing_out_asks_about_what_is_not_sent_and_leaves_no_text_behind(
    stack: Stack, visitors: Any
) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    await send(page, "Before")
    await expect(answers(page)).to_have_count(1)
    chat = page.url
    await page.route("**/outbox", lambda route: route.abort())
    await send(page, "My secret, unsent")
    await expect(pending(page)).to_have_count(1)
    await page.get_by_test_id("message-input").fill("My secret draft")
    asked_about: list[str] = []

    async def stay(dialog: Any) -> None:
        asked_about.append(dialog.message)
        await dialog.dismiss()

    page.once("dialog", lambda dialog: asyncio.create_task(stay(dialog)))
    await page.get_by_role("button", name="Sign out").click()
    await expect(pending(page)).to_have_count(1)
    assert asked_about == ["A message has not been sent yet. Sign out and lose what is not sent?"]

    page.once("dialog", lambda dialog: asyncio.create_task(dialog.accept()))
    await page.get_by_role("button", name="Sign out").click()
    await expect(page).to_have_url(re.compile("/sign-in"))
    assert "secret" not in await page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")
    await page.goto(chat)
    await fill_account(page, ada.name, PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(answers(page)).to_have_count(1)
    await expect(page.get_by_text("secret")).to_have_count(0)


async def test_what_one_user_left_unsent_is_neither_shown_to_the_next_nor_sent_in_their_name(
    stack: Stack, e2e_database: str, visitors: Any
) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    await page.route("**/outbox", lambda route: route.abort())
    await send(page, "Only mine")
    await expect(pending(page)).to_have_count(1)
    await ada.context.clear_cookies()  # the sign-in has ended by itself
    bob = await visitors(stack)
    await (await bob.register()).close()
    await page.goto(f"{ada.home}/sign-in")
    await fill_account(page, bob.name, PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_test_id("account-name")).to_have_text(bob.name)
    await page.unroute("**/outbox")
    await send(page, "From Bob")
    await expect(answers(page)).to_have_count(1)
    await expect(page.get_by_text("Only mine")).to_have_count(0)
    assert await asked(e2e_database, bob.name) == ["From Bob"]


async def test_a_new_build_replaces_the_kept_files(stack: Stack, visitors: Any) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    await until(page, WORKER_READY)
    kept = await page.evaluate(
        "caches.keys().then(async (names) => [names, (await (await caches.open(names[0])).keys()).map((r) => r.url)])"
    )
    (names, urls) = kept
    assert len(names) == 1
    assert any("/404.html" in url for url in urls)
    assert not [url for url in urls if re.search("/chat|/outbox|/answers|/_event|/login", url)]
    worker = await page.request.get(f"{ada.home}/sw.js")
    assert worker.headers["cache-control"] == "no-cache"
    await page.evaluate("caches.open('of an older build')")
    # Where it is served from: a service worker's own script passes by what a test puts between page and server.
    newer = BUILT / "sw.js"
    text = newer.read_text()
    newer.write_text(text.replace(names[0], "another-version"))
    try:
        await page.evaluate("navigator.serviceWorker.getRegistration().then((worker) => worker.update())")
        await until(page, "caches.keys().then((names) => names.join() === 'another-version')")
    finally:
        newer.write_text(text)
