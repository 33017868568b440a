"""Ctrl+K: chats, messages and commands, found with the keyboard alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import PHONE

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

#: Title, category, days ago, and what was said in turns.
CHATS = [
    (
        "A week in Lisbon",
        "travel",
        3,
        "Is a week in Lisbon too long?",
        "A week is about right. **Tram 28** crosses the old town: take it early, and walk back.",
    ),
    (
        "Sourdough",
        "kitchen",
        1,
        "My bread is flat. What went wrong?",
        "Most likely it rose for too long. Bake it an hour earlier, and keep the oven closed.",
    ),
    (
        "Paths in Python",
        "work",
        40,
        "When do I use os.path.join?",
        "Rarely now: `pathlib.Path(root) / name` reads better. <b onclick=alert(1)>Old code</b> may keep os.path.join.",
    ),
    ("Ferries from Lisbon", "travel", 500, "Which ferries leave from Cais do Sodré?", "Those to Cacilhas."),
]


def fill(database_url: str, name: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as db:
        row = db.execute("SELECT id FROM users WHERE username = %s", [name]).fetchone()
        assert row is not None
        for title, category, days, *texts in CHATS:
            made = db.execute(
                "INSERT INTO chat_sessions (user_id, title, category) VALUES (%s, %s, %s) RETURNING session_id",
                [row[0], title, category],
            ).fetchone()
            assert made is not None
            for place, text in enumerate(texts):
                db.execute(
                    'INSERT INTO chat_messages (session_id, user_id, role, content, "timestamp")'
                    " VALUES (%s, %s, %s, %s, now() - %s * interval '1 day')",
                    [made[0], row[0], "assistant" if place % 2 else "user", text, days],
                )


def palette(page: Page) -> Any:
    return page.get_by_test_id("palette")


def options(page: Page) -> Any:
    return page.get_by_test_id("palette-option")


def chosen(page: Page) -> Any:
    return page.locator("[data-testid=palette-option][aria-selected=true]")


def field(page: Page) -> Any:
    return page.get_by_role("combobox", name="Search chats")


@pytest.fixture
async def page(stack: Stack, visitors: Any, e2e_database: str) -> Page:
    """Of somebody who has the chats above."""
    visitor = await visitors(stack)
    page: Page = await visitor.register()
    fill(e2e_database, visitor.name)
    return page


async def test_the_keyboard_alone_finds_and_opens(page: Page, shoot: Any) -> None:
    await page.get_by_test_id("message-input").focus()
    await page.keyboard.press("Control+k")
    await expect(options(page).filter(has_text="Sourdough")).to_be_visible()
    await expect(options(page).filter(has_text="Start a new chat")).to_be_visible()
    await shoot(page, "palette-empty")
    await page.keyboard.press("Control+k")
    await expect(palette(page)).to_have_count(0)
    await expect(page.get_by_test_id("message-input")).to_be_focused()

    await page.keyboard.press("Control+k")
    await field(page).fill("lisb")
    await expect(options(page)).to_have_count(3)
    first = await field(page).get_attribute("aria-activedescendant")
    assert first == await chosen(page).get_attribute("id")
    await shoot(page, "palette-hits")
    await page.keyboard.press("ArrowUp")
    await expect(chosen(page)).to_contain_text("Is a week in Lisbon too long?")
    await page.keyboard.press("ArrowDown")
    await expect(field(page)).to_have_attribute("aria-activedescendant", first or "")

    await field(page).fill("shortc")
    await expect(chosen(page)).to_contain_text("Show shortcuts and commands")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts and commands")).to_be_visible()
    await page.keyboard.press("Escape")

    await page.keyboard.press("Control+k")
    await field(page).fill("tram cro")
    await expect(options(page)).to_have_count(1)
    await expect(options(page).locator("mark")).to_have_text(["Tram", "crosses"])
    await expect(options(page)).to_contain_text("A week in Lisbon")
    await page.keyboard.press("Enter")
    await expect(palette(page)).to_have_count(0)
    await expect(page).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}\?message=[0-9a-f-]{36}$"))
    await expect(page.get_by_test_id("session-title")).to_have_text("A week in Lisbon")
    await expect(page.get_by_test_id("message").filter(has_text="Tram 28")).to_be_in_viewport()


async def test_what_another_version_says_is_opened_with_its_branch(page: Page, e2e_database: str) -> None:
    with psycopg.connect(e2e_database, autocommit=True) as db:
        db.execute(
            "INSERT INTO chat_messages (session_id, user_id, content, edit_of)"
            " SELECT m.session_id, m.user_id, 'What became of my bread?', m.message_id FROM chat_messages AS m"
            " JOIN users AS u ON u.id = m.user_id WHERE m.content LIKE 'My bread%%' AND u.username = %s",
            [await page.get_by_test_id("account-name").inner_text()],
        )
    await page.keyboard.press("Control+k")
    await field(page).fill("bread flat")
    await expect(options(page)).to_have_count(1)
    await expect(options(page)).to_contain_text("Another version")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("message").filter(has_text="My bread is flat")).to_be_in_viewport()
    await expect(page.get_by_text("What became of my bread?")).to_have_count(0)


async def test_filters_narrow_and_what_fails_is_tried_again(page: Page, shoot: Any) -> None:
    await page.route("**/search?*", lambda route: route.abort())
    await page.keyboard.press("Control+k")
    await expect(palette(page).get_by_role("alert")).to_contain_text("cannot be reached")
    await page.unroute("**/search?*")
    await palette(page).get_by_role("button", name="Try again").click()
    await expect(options(page).filter(has_text="Sourdough")).to_be_visible()

    await field(page).fill("lisbon or bread or ferries or code")
    await expect(options(page)).to_have_count(6)
    await page.get_by_label("Written by").select_option("By the assistant")
    await expect(options(page)).to_have_count(1)
    await expect(options(page)).to_contain_text("<b onclick=alert(1)>Old code</b>")
    await page.get_by_label("Written by").select_option("Anyone")
    await page.get_by_label("Category").select_option("kitchen")
    await expect(options(page)).to_have_count(1)
    await page.get_by_label("Date").select_option("Today")
    await expect(page.get_by_text("Nothing found for")).to_be_visible()
    await shoot(page, "palette-nothing")
    await page.get_by_role("button", name="Remove filters").click()
    await expect(options(page)).to_have_count(6)
    await page.get_by_label("Date").select_option("Choose dates")
    await page.get_by_label("From").fill("2000-01-01")
    await page.get_by_label("To").fill("2000-12-31")
    await expect(options(page)).to_have_count(0)


@pytest.mark.parametrize(
    ("theme", "language", "typed"), [("light", "en", "lisb"), ("dark", "de", "bread or te")]
)
async def test_it_fits_a_phone_in_both_themes_and_languages(
    stack: Stack, visitors: Any, shoot: Any, e2e_database: str, theme: str, language: str, typed: str
) -> None:
    visitor = await visitors(stack, viewport=PHONE, color_scheme=theme)
    page = await visitor.register()
    fill(e2e_database, visitor.name)
    await visitor.context.add_cookies([{"name": "chat-language", "value": language, "url": visitor.home}])
    await page.reload()
    await page.get_by_test_id("message-input").focus()
    await page.keyboard.press("Control+k")
    await shoot(page, f"palette-phone-empty-{language}-{theme}")
    await page.get_by_test_id("palette-input").fill(typed)
    await expect(options(page).first).to_be_visible()
    await expect(page.locator("[role=listbox][aria-busy=false]")).to_have_count(1)
    assert await page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    box = await palette(page).bounding_box()
    assert box is not None
    assert (box["x"], box["width"]) == (0, PHONE["width"])
    await shoot(page, f"palette-phone-{language}-{theme}")
