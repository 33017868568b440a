"""Keyboard map, themes, languages, the tab's own marks, and what a screen reader is told."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import until
from tests.e2e.model import Model
from tests.e2e.test_composer import actions_of, field
from tests.e2e.test_story import answers, item, send

if TYPE_CHECKING:
    from tests.e2e.stack import Stack


def helped(page: Page) -> Any:
    return page.get_by_role("dialog", name="Keyboard shortcuts and commands")


async def test_a_question_mark_shows_what_the_keyboard_can_do(
    stack: Stack, visitors: Any, shoot: Any
) -> None:
    page = await (await visitors(stack)).register()
    await field(page).press("?")  # is text where one writes
    await expect(helped(page)).to_have_count(0)
    await expect(field(page)).to_have_value("?")
    await field(page).press("Control+/")
    await expect(helped(page)).to_be_visible()
    await expect(helped(page)).to_contain_text("Search chats and messages")
    await shoot(page, "help")
    await page.keyboard.press("Escape")
    await expect(helped(page)).to_have_count(0)
    await expect(field(page)).to_be_focused()

    await field(page).blur()
    await page.keyboard.press("?")
    await expect(helped(page)).to_be_visible()
    await helped(page).get_by_role("checkbox").uncheck()
    await page.keyboard.press("Escape")
    await field(page).blur()
    await page.keyboard.press("?")
    await expect(helped(page)).to_have_count(0)
    await page.keyboard.press("Shift+Escape")
    await expect(field(page)).to_be_focused()


@pytest.mark.parametrize(
    ("keys", "action"),
    [
        ("Control+k", "search"),
        ("Control+Shift+O", "new-chat"),
        ("Alt+ArrowDown", "next-chat"),
        ("Alt+ArrowUp", "previous-chat"),
        ("Control+Shift+S", "toggle-sidebar"),
        ("Control+Shift+C", "copy-last"),
        ("F2", "rename"),
        ("Control+Shift+Backspace", "delete"),
    ],
)
async def test_a_shortcut_asks_for_its_action(one_page: Page, keys: str, action: str) -> None:
    await actions_of(one_page)
    await field(one_page).press(keys)
    assert await one_page.evaluate("window.asked") == [{"name": action}]


@pytest.fixture(scope="module")
async def one_page(stack: Stack, browser: Any) -> Any:
    """Of somebody who has no chats yet: nothing listens to what is asked for."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{stack.url('webapp')}/register")
    await page.get_by_label("User name").fill("keys")
    await page.get_by_label("Password").fill("correct horse battery")
    await page.get_by_role("button", name="Create account").click()
    await expect(page.get_by_test_id("account-name")).to_have_text("keys")
    yield page
    await context.close()


async def test_a_theme_is_chosen_kept_without_a_flash_and_followed_by_other_tabs(
    stack: Stack, visitors: Any
) -> None:
    ada = await visitors(stack, color_scheme="light")
    page = await ada.register()
    other = await ada.tab()
    root, followed = page.locator("html"), other.locator("html")
    await expect(root).to_have_class(re.compile("light"))
    await field(page).fill("/theme dark")
    await field(page).press("Enter")
    for html in (root, followed):
        await expect(html).to_have_class(re.compile("dark"))
    await expect(page.get_by_test_id("announcer")).to_contain_text("Theme: Dark")
    await expect(page.locator("meta[name=theme-color]")).to_have_attribute("content", "rgb(25, 26, 29)")
    # Before any script of the page has run: the document itself says so.
    await page.reload(wait_until="commit")
    await page.wait_for_selector("body", state="attached")
    assert "dark" in str(await root.get_attribute("class"))
    await ada.here(page)
    await field(page).fill("/theme system")
    await field(page).press("Enter")
    await expect(root).to_have_class(re.compile("light"))
    await page.emulate_media(color_scheme="dark")
    await expect(root).to_have_class(re.compile("dark"))


async def test_a_german_browser_gets_german_pages(stack: Stack, visitors: Any) -> None:
    ada = await visitors(stack, locale="de-DE")
    page = await ada.tab("/sign-in")
    await expect(page.locator("html")).to_have_attribute("lang", "de")
    await expect(page).to_have_title("Anmelden · Chat sessions")
    await expect(page.get_by_role("button", name="Anmelden")).to_be_visible()
    await page.goto(f"{ada.home}/nothing/here")
    await expect(page).to_have_title("Diese Seite gibt es nicht · Chat sessions")


async def test_the_page_can_be_installed(stack: Stack) -> None:
    home = stack.url("webapp")
    async with httpx.AsyncClient(base_url=home) as client:
        page = (await client.get("/sign-in")).text
        assert 'rel="manifest"' in page
        manifest = json.loads((await client.get("/manifest.webmanifest")).text)
        assert manifest["display"] == "standalone"
        for icon in manifest["icons"]:
            answer = await client.get(icon["src"])
            assert answer.headers["content-type"].split(";")[0] == icon["type"]
            if icon["type"] == "image/png":
                width, height = (int.from_bytes(answer.content[at : at + 4]) for at in (16, 20))
                assert f"{width}x{height}" == icon["sizes"]


async def test_an_answer_is_read_out_by_sentences(model_stack: Stack, model: Model, visitors: Any) -> None:
    page = await (await visitors(model_stack)).register()
    model.go.clear()
    model.words = [
        "One ",
        "**sentence**",
        " is here. ",
        "Then\n```py\nx",
        " = 1\n```\n",
        "and [a link](https://a.b).",
        " Mo",
        "re",
    ]
    model.at_once = 4
    await send(page, "Talk")
    said = page.get_by_test_id("announcer").locator("p")
    await expect(said).to_have_text(["The assistant is answering.", "One sentence is here. Then"])
    model.go.set()
    await expect(answers(page)).to_have_count(1)
    await expect(said.last).to_have_text(re.compile("More$"))
    heard = " ".join(await said.all_inner_texts())
    assert heard == "The assistant is answering. One sentence is here. Then Code block. and a link. More"
    await page.reload()
    await expect(answers(page)).to_have_count(1)
    await expect(said).to_have_count(0)


async def test_the_tab_shows_that_something_is_new(stack: Stack, e2e_database: str, visitors: Any) -> None:
    page = await (await visitors(stack)).register()
    icon = page.locator("link[rel=icon]")
    await send(page, "Before")
    await expect(answers(page)).to_have_count(1)
    session_id = page.url.rpartition("/")[2]
    await expect(icon).to_have_attribute("href", "/favicon.svg")
    await page.goto(page.url.rpartition("/")[0])
    async with await psycopg.AsyncConnection.connect(e2e_database) as database:
        await database.execute(
            "INSERT INTO chat_messages (session_id, user_id, role, content)"
            " SELECT session_id, user_id, 'assistant', 'news' FROM chat_sessions WHERE session_id = %s",
            [session_id],
        )
    await expect(icon).to_have_attribute("href", "/favicon-unread.svg")
    await expect(page).to_have_title("(1) Chat sessions")
    await item(page, "Before").get_by_role("link").click()
    await expect(icon).to_have_attribute("href", "/favicon.svg")


async def test_no_word_of_another_language_is_seen_while_the_page_loads(stack: Stack, visitors: Any) -> None:
    ada = await visitors(stack, locale="de-DE")
    page = await ada.tab("/sign-in")
    await page.add_init_script(
        """window.flashed = [];
        const look = () => {
            const heading = document.querySelector("h1");
            const seen = heading && getComputedStyle(heading).color !== "rgba(0, 0, 0, 0)";
            if (seen) window.flashed.push(heading.textContent);
            if (window.flashed.length < 3) requestAnimationFrame(look);
        };
        look();"""
    )
    await page.reload()
    await until(page, "window.flashed.length === 3")
    assert set(await page.evaluate("window.flashed")) == {"Willkommen zurück"}


async def test_a_page_that_fails_says_what_to_do(stack: Stack, browser: Any) -> None:
    page = await browser.new_page(locale="de-DE")
    await page.add_init_script(
        "Object.defineProperty(document, 'title', {set() { throw new Error('out of order'); }})"
    )
    await page.goto(stack.url("webapp") + "/sign-in")
    await expect(page.get_by_role("alert")).to_contain_text("Diese Seite ist ausgefallen")
    await expect(page.get_by_role("button", name="Seite neu laden")).to_be_visible()
    await expect(page.get_by_text("out of order")).to_have_count(0)
    await page.close()
