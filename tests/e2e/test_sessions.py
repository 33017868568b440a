"""The list of chats: found by date, moved, put away, deleted and brought back, alone and together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg
from playwright.async_api import Page, expect

from tests.e2e.conftest import PHONE
from tests.e2e.test_story import item

if TYPE_CHECKING:
    from tests.e2e.conftest import Visitor
    from tests.e2e.stack import Stack


def write_sessions(database_url: str, visitor: Visitor, *sessions: tuple[str, float, str]) -> None:
    """Sessions of that visitor: title, days since the last activity, category."""
    with psycopg.connect(database_url) as database:
        for title, age, category in sessions:
            database.execute(
                "INSERT INTO chat_sessions (user_id, title, category, created_at, updated_at)"
                " SELECT id, %s, %s, now() - %s * interval '1 day', now() - %s * interval '1 day'"
                " FROM users WHERE username = %s",
                [title, category, age, age, visitor.name],
            )


async def titles(page: Page) -> list[str]:
    return await page.locator("[data-testid=session-item] .session-title").all_inner_texts()


async def groups(page: Page) -> list[str]:
    return await page.locator(".session-group").all_inner_texts()


async def choose(page: Page, title: str, *entries: str) -> None:
    """Takes something in the menu of a row, and in the menu beside it."""
    await item(page, title).hover()
    await item(page, title).get_by_role("button", name="More").click()
    for entry in entries:
        await page.locator("[role^=menuitem]").get_by_text(entry, exact=True).click()


async def shelf(page: Page, name: str) -> None:
    await page.get_by_test_id("shelf").click()
    await page.get_by_role("menuitemradio", name=re.compile(f"^{name}")).click()
    await expect(page.get_by_test_id("shelf")).to_have_text(name)


async def test_chats_are_grouped_by_their_last_activity_with_the_pinned_ones_on_top(
    stack: Stack, e2e_database: str, visitors: Any
) -> None:
    ada = await visitors(stack, locale="de-DE")
    page = await ada.tab("/register")
    await page.get_by_label("Benutzername").fill(ada.name)
    await page.get_by_label("Passwort").fill("correct horse battery")
    await page.get_by_role("button", name="Konto anlegen").click()
    await ada.here(page)
    await expect(page.get_by_text("Noch keine Chats")).to_be_visible()
    write_sessions(
        e2e_database, ada, ("now", 0, "a"), ("yesterday", 1, "a"), ("week", 4, "a"), ("month", 20, "a")
    )
    await expect(item(page, "month")).to_be_visible()
    assert await groups(page) == ["Heute", "Gestern", "Letzte 7 Tage", "Letzte 30 Tage"]
    await item(page, "week").hover()
    await item(page, "week").get_by_role("button", name="Mehr").click()
    await page.get_by_role("menuitem", name="Anheften").click()
    await expect(page.locator(".session-group").first).to_have_text("Angeheftet")
    assert await titles(page) == ["week", "now", "yesterday", "month"]
    await page.reload()
    await expect(item(page, "month")).to_be_visible()
    assert (await titles(page))[0] == "week"


async def test_a_chat_moves_between_categories_by_menu_and_by_hand_and_categories_filter(
    stack: Stack, e2e_database: str, visitors: Any, shoot: Any
) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    write_sessions(e2e_database, ada, ("one", 0, "work"), ("two", 0.01, "work"), ("three", 0.02, "general"))
    chip = page.get_by_test_id("category")
    await expect(chip.filter(has_text="work")).to_have_text("work2")
    second = await ada.tab()
    await choose(page, "one", "Move to category", "general")
    await expect(chip.filter(has_text="work")).to_have_text("work1")
    await expect(second.get_by_test_id("category").filter(has_text="general")).to_have_text("general2")
    await choose(page, "one", "Move to category", "New category …")
    await page.get_by_test_id("category-input").fill("garden")
    await page.get_by_test_id("category-input").press("Enter")
    await expect(chip.filter(has_text="garden")).to_have_text("garden1")
    await item(page, "three").drag_to(chip.filter(has_text="garden"))
    await expect(chip.filter(has_text="garden")).to_have_text("garden2")
    await chip.filter(has_text="garden").click()
    await expect(page.get_by_test_id("session-item")).to_have_count(2)
    assert sorted(await titles(page)) == ["one", "three"]
    await shoot(page, "30-category")
    await chip.filter(has_text="All").click()
    await expect(page.get_by_test_id("session-item")).to_have_count(3)


async def test_archive_and_trash_are_shelves_from_which_chats_come_back(
    stack: Stack, e2e_database: str, visitors: Any
) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    write_sessions(e2e_database, ada, ("one", 0, "work"), ("two", 0.01, "work"), ("three", 0.02, "work"))
    await choose(page, "one", "Archive")
    await expect(page.get_by_text("Archived “one”")).to_be_visible()
    await choose(page, "two", "Delete")
    await choose(page, "three", "Delete")
    await expect(page.get_by_text("No chats yet")).to_be_visible()
    await shelf(page, "Archive")
    await item(page, "one").get_by_role("link").click()
    await expect(page.get_by_test_id("session-title")).to_have_text("one")
    await choose(page, "one", "Back to the chats")
    await expect(page.get_by_text("Nothing is archived.")).to_be_visible()
    await shelf(page, "Trash")
    await choose(page, "two", "Restore")
    await expect(item(page, "two")).to_have_count(0)
    await choose(page, "three", "Delete forever")
    await page.get_by_role("button", name="Delete forever").click()
    await expect(page.get_by_text("The trash is empty.")).to_be_visible()
    await shelf(page, "Chats")
    await expect(page.get_by_test_id("session-item")).to_have_count(2)
    with psycopg.connect(e2e_database) as database:
        left = database.execute(
            "SELECT title FROM chat_sessions JOIN users ON users.id = user_id WHERE username = %s ORDER BY 1",
            [ada.name],
        ).fetchall()
    assert left == [("one",), ("two",)]


async def test_many_chats_are_chosen_and_changed_together(
    stack: Stack, e2e_database: str, visitors: Any, shoot: Any
) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    write_sessions(e2e_database, ada, *((f"chat {n}.", n / 100, "work") for n in range(9)))
    await page.get_by_role("button", name="Select several").click()
    boxes = page.get_by_role("checkbox")
    await boxes.nth(1).click()
    await boxes.nth(4).click(modifiers=["Shift"])
    await boxes.nth(2).click()
    await expect(page.get_by_test_id("bulk-bar")).to_contain_text("3 selected")
    await shoot(page, "31-chosen")
    await page.get_by_test_id("bulk-bar").get_by_role("button", name="Delete").click()
    await expect(page.get_by_test_id("session-item")).to_have_count(6)
    assert await titles(page) == [f"chat {n}." for n in (0, 2, 5, 6, 7, 8)]
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_test_id("session-item")).to_have_count(9)
    await page.get_by_role("button", name="Select several").click()
    await page.get_by_test_id("bulk-bar").get_by_role("button", name="All").click()
    await page.get_by_test_id("bulk-bar").get_by_role("button", name="Archive").click()
    await expect(page.get_by_text("No chats yet")).to_be_visible()


async def test_the_list_obeys_the_keyboard(stack: Stack, e2e_database: str, visitors: Any) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    write_sessions(e2e_database, ada, *((f"chat {n}.", n / 100, "work") for n in range(5)))
    await item(page, "chat 0.").get_by_role("link").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "End", "ArrowUp"):
        await page.keyboard.press(key)
        await page.wait_for_timeout(100)
    await expect(item(page, "chat 3.").get_by_role("link")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("session-title")).to_have_text("chat 3.")
    await item(page, "chat 3.").get_by_role("link").focus()
    await page.keyboard.press("F2")
    await page.get_by_test_id("title-input").fill("by the keyboard")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("session-title")).to_have_text("by the keyboard")
    await expect(item(page, "by the keyboard").get_by_role("link")).to_be_focused()
    await page.keyboard.press("Delete")
    await expect(item(page, "by the keyboard")).to_have_count(0)
    await expect(page).to_have_url(re.compile(r"/chat$"))
    await expect(page.get_by_role("textbox", name="Message")).to_be_focused()
    await item(page, "chat 1.").get_by_role("link").focus()
    await page.keyboard.press("Space")
    await expect(page.get_by_test_id("bulk-bar")).to_contain_text("1 selected")
    await expect(item(page, "chat 1.").get_by_role("checkbox")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("bulk-bar")).to_have_count(0)


async def test_a_change_that_is_refused_is_taken_back(stack: Stack, e2e_database: str, visitors: Any) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    write_sessions(e2e_database, ada, ("one", 0, "work"), ("two", 0.01, "work"))
    await page.route("**/sessions/changes", lambda route: route.abort())
    await choose(page, "two", "Delete")
    await expect(page.get_by_text("so nothing was changed")).to_be_visible()
    assert await titles(page) == ["one", "two"]


async def test_a_phone_moves_chats_too(stack: Stack, e2e_database: str, visitors: Any, shoot: Any) -> None:
    ada = await visitors(stack, viewport=PHONE, has_touch=True, is_mobile=True)
    page = await ada.register()
    write_sessions(e2e_database, ada, ("one", 0, "work"), ("two", 0.01, "home"), ("three", 0.02, "work"))
    await page.get_by_role("button", name="Open the list").tap()
    await item(page, "one").get_by_role("button", name="More").tap()
    await shoot(page, "32-phone-menu")
    await page.get_by_role("menuitem", name="Move to category").tap()
    await page.get_by_role("button", name="home", exact=True).tap()
    await expect(page.get_by_test_id("category").filter(has_text="home")).to_have_text("home2")
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
