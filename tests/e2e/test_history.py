"""Long histories and long lists."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from playwright.async_api import Page, expect

from tests.e2e.test_story import item, send

if TYPE_CHECKING:
    from tests.e2e.conftest import Visitor
    from tests.e2e.stack import Stack


def write_history(database_url: str, visitor: Visitor, messages: int, *, longest: int = 0) -> str:
    """A session of that visitor with so many messages, of up to `longest` further words each; its id."""
    with psycopg.connect(database_url) as database:
        (session_id,) = database.execute(
            "INSERT INTO chat_sessions (user_id, title)"
            " SELECT id, 'Long' FROM users WHERE username = %s RETURNING session_id::text",
            [visitor.name],
        ).fetchone() or ("",)
        database.execute(
            "INSERT INTO chat_messages (session_id, user_id, role, content)"
            " SELECT session_id, user_id, CASE WHEN n %% 2 = 1 THEN 'user' ELSE 'assistant' END, 'message ' || n || '.'"
            "   || repeat(' word', n * 7919 %% (%s + 1))"
            " FROM chat_sessions, generate_series(1, %s) AS n WHERE session_id = %s ORDER BY n",
            [longest, messages, session_id],
        )
    return session_id


async def scroll(page: Page, pixels: int) -> None:
    await page.locator(".scroller").evaluate("(element, by) => element.scrollBy(0, by)", pixels)


async def height_of(page: Page, message: Any) -> float:
    """Where a message is on the screen, once what was just drawn has been measured."""
    await page.evaluate("new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")
    place = await message.bounding_box()
    assert place
    return float(place["y"])


async def test_older_messages_come_while_one_scrolls_and_the_place_is_kept(
    stack: Stack, e2e_database: str, visitors: Any
) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    session_id = write_history(e2e_database, ada, 130)
    asked: list[str] = []
    go = asyncio.Event()

    async def slowly(route: Any) -> None:
        if "before=" in route.request.url:
            asked.append(route.request.url)
            await go.wait()
        await route.continue_()

    await page.route("**/history/**", slowly)
    await page.goto(f"{ada.home}/chat/{session_id}")
    await expect(page.get_by_text("message 130.")).to_be_visible()
    await expect(page.get_by_text("message 130.")).to_be_in_viewport()
    await scroll(page, -100_000)
    top = page.get_by_text("message 81.", exact=True)
    await expect(top).to_be_in_viewport()
    place = await height_of(page, top)
    assert len(asked) == 1
    go.set()
    await expect(page.get_by_text("message 78.", exact=True)).to_be_attached()
    # At the very top a message is measured that was estimated until then.
    assert await height_of(page, top) == pytest.approx(place, abs=20)
    await expect(first := page.get_by_text("message 1.", exact=True)).to_have_count(0)
    await scroll(page, -100_000)
    await expect(first).to_be_in_viewport()
    await send(page, "And one more")
    await expect(page.get_by_text("And one more", exact=True).first).to_be_in_viewport()
    await expect(first).to_have_count(0)  # far above, and so not in the document


async def test_messages_of_other_programs_and_the_tenth_device_appear_once(
    stack: Stack, e2e_database: str, visitors: Any
) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    session_id = write_history(e2e_database, ada, 3)
    await expect(page.get_by_test_id("session-item").filter(has_text="Long")).to_contain_text("3 messages")
    await page.get_by_test_id("session-item").get_by_role("link").click()
    await expect(page.get_by_test_id("message")).to_have_count(3)
    with psycopg.connect(e2e_database) as database:
        database.execute(
            "INSERT INTO chat_messages (session_id, user_id, role, content)"
            " SELECT session_id, user_id, 'user', 'from elsewhere' FROM chat_sessions WHERE session_id = %s",
            [session_id],
        )
    await expect(page.get_by_text("from elsewhere")).to_have_count(1)
    await expect(page.get_by_test_id("message")).to_have_count(4)
    with psycopg.connect(e2e_database) as database:
        database.execute(
            "DELETE FROM chat_messages WHERE session_id = %s AND content = 'message 2.'", [session_id]
        )
    await expect(page.get_by_test_id("message")).to_have_count(3)


async def test_a_message_that_is_too_long_stays_in_its_field(stack: Stack, visitors: Any) -> None:
    page = await (await visitors(stack)).register()
    text = "word " * 20_001
    await page.get_by_test_id("message-input").fill(text)
    await page.get_by_test_id("send").click()
    await expect(page.get_by_text("This is too long by 4 characters.")).to_be_visible()
    await expect(page.get_by_test_id("message-input")).to_have_value(text)
    await expect(page.get_by_text("No chats yet")).to_be_visible()


async def test_a_long_list_shows_more_as_one_scrolls(stack: Stack, e2e_database: str, visitors: Any) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    with psycopg.connect(e2e_database) as database:
        database.execute(
            "INSERT INTO chat_sessions (user_id, title, created_at, updated_at)"
            " SELECT id, 'chat ' || n || '.', moment, moment FROM users, generate_series(1, 330) AS n,"
            " LATERAL (SELECT now() - (400 - n) * interval '1 s' AS moment) AS moments"
            " WHERE username = %s ORDER BY n",
            [ada.name],
        )
    await page.reload()
    items = page.get_by_test_id("session-item")
    await expect(item(page, "chat 330.")).to_be_visible()
    assert await items.count() < 40, "only what is on the screen is in the page"
    first = item(page, "chat 1.")
    for _ in range(40):
        await page.get_by_test_id("sessions").evaluate("list => list.scrollTo(0, list.scrollHeight)")
        if await first.count():
            break
        await page.wait_for_timeout(100)
    await first.get_by_role("link").click()
    await expect(page.get_by_test_id("session-title")).to_have_text("chat 1.")
    await expect(first).to_be_in_viewport()
    assert await items.count() < 40
