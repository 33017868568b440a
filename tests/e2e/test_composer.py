"""The field where one writes: what arrow-up, a slash, much text and a quote do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import Page, expect

from tests.e2e.test_story import answers, send

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

LONGEST = 100_000


def field(page: Page) -> Any:
    return page.get_by_test_id("message-input")


def menu(page: Page) -> Any:
    return page.get_by_test_id("command-menu")


async def actions_of(page: Page) -> None:
    """From now on the page keeps what is asked for in ``window.asked``, and nobody does it."""
    await page.evaluate(
        """() => {
            const dispatch = EventTarget.prototype.dispatchEvent;
            window.dispatchEvent = (event) =>
                event.type === "chat-action" ? window.asked.push(event.detail) : dispatch.call(window, event);
            window.asked = [];
        }"""
    )


async def test_arrow_up_brings_back_what_was_sent_here_and_then_elsewhere(
    stack: Stack, visitors: Any
) -> None:
    page = await (await visitors(stack)).register()
    await send(page, "Elsewhere")
    await expect(answers(page)).to_have_count(1)
    await page.goto(page.url.rpartition("/")[0])
    await send(page, "First\nof two lines")
    await expect(page).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}$"))
    await expect(answers(page)).to_have_count(1)
    await send(page, "Second")
    await expect(answers(page)).to_have_count(2)
    await field(page).press("ArrowUp")
    await expect(field(page)).to_have_value("Second")
    await field(page).press("ArrowUp")
    await expect(field(page)).to_have_value("First\nof two lines")
    await field(page).press("ArrowUp")  # within the text
    await expect(field(page)).to_have_value("First\nof two lines")
    await field(page).press("ArrowUp")
    await expect(field(page)).to_have_value("Elsewhere")
    await field(page).press("ArrowUp")  # there is nothing before
    await expect(field(page)).to_have_value("Elsewhere")
    await field(page).press("ArrowDown")
    await expect(field(page)).to_have_value("First\nof two lines")
    await field(page).press("ArrowDown")
    await expect(field(page)).to_have_value("Second")
    await field(page).press("ArrowDown")
    await expect(field(page)).to_have_value("")
    await field(page).fill("Something else")
    await field(page).press("ArrowUp")  # what is being written is nobody's to replace
    await expect(field(page)).to_have_value("Something else")


async def test_a_slash_opens_the_commands_which_arrows_and_enter_run(
    stack: Stack, visitors: Any, shoot: Any
) -> None:
    page = await (await visitors(stack)).register()
    await actions_of(page)
    await field(page).press("/")
    await expect(menu(page).get_by_role("option")).to_have_count(6)  # those that need no open chat
    await shoot(page, "composer-commands")
    await field(page).press("Escape")
    await expect(menu(page)).to_have_count(0)
    await field(page).fill("")
    await send(page, "A chat to act upon")
    await expect(answers(page)).to_have_count(1)

    await field(page).press_sequentially("/re")
    await expect(menu(page).get_by_role("option")).to_have_count(
        3
    )  # rename, regenerate, and by its words: clear
    await field(page).press("ArrowDown")
    await expect(field(page)).to_have_attribute("aria-activedescendant", "command-regenerate")
    await expect(menu(page).get_by_role("option", selected=True)).to_contain_text("/regenerate")
    await field(page).press("ArrowUp")
    await field(page).press("Tab")
    await expect(field(page)).to_have_value("/rename ")
    await field(page).press_sequentially("The garden")
    await field(page).press("Enter")
    await expect(field(page)).to_have_value("")
    await expect(menu(page)).to_have_count(0)
    assert await page.evaluate("window.asked") == [{"name": "rename", "title": "The garden"}]
    assert await page.get_by_test_id("message").count() == 2, "nothing was sent"


async def test_what_only_begins_like_a_command_is_a_message(stack: Stack, visitors: Any) -> None:
    page = await (await visitors(stack)).register()
    for text in ("/usr/bin/env says what?", "/help me with this"):
        await send(page, text)
        await expect(page.locator("[data-role=user]", has_text=text)).to_have_count(1)


# Writes into the field in the very moment in which the front page becomes the page of the chat that it has made.
QUICK_FINGERS = """() => {
    const push = history.pushState;
    history.pushState = function (...args) {
        push.apply(this, args);
        if (!/chat.[0-9a-f-]{36}$/.test(location.pathname) || window.typed) return;
        window.typed = true;
        const field = document.querySelector("[data-testid=message-input]");
        Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(field, "Meanwhile");
        field.dispatchEvent(new Event("input", { bubbles: true }));
        if (SENDS) field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    };
}"""


async def test_what_is_typed_while_the_front_page_becomes_a_chat_stays(stack: Stack, visitors: Any) -> None:
    page = await (await visitors(stack)).register()
    await page.evaluate(QUICK_FINGERS.replace("SENDS", "false"))
    await send(page, "First")
    await expect(answers(page)).to_have_count(1)
    assert await page.evaluate("window.typed")
    await expect(field(page)).to_have_value("Meanwhile")
    await page.reload()
    await expect(field(page)).to_have_value("Meanwhile")
    await page.goto(page.url.rpartition("/")[0])
    await expect(page.get_by_test_id("session-item")).to_have_count(1)
    await expect(field(page)).to_have_value("")


async def test_what_is_sent_while_the_front_page_becomes_a_chat_belongs_to_it(
    stack: Stack, visitors: Any
) -> None:
    page = await (await visitors(stack)).register()
    await page.evaluate(QUICK_FINGERS.replace("SENDS", "true"))
    await send(page, "First")
    await expect(answers(page)).to_have_count(2)
    await expect(page.locator("[data-role=user]")).to_have_text(
        [re.compile("First"), re.compile("Meanwhile")]
    )
    await expect(page.get_by_test_id("session-item")).to_have_count(1)


async def test_a_command_is_found_by_what_it_is_called_in_german(stack: Stack, visitors: Any) -> None:
    ada = await visitors(stack, locale="de-DE")
    await ada.context.add_cookies([{"name": "chat-language", "value": "en", "url": ada.home}])
    page = await ada.register()
    await ada.context.clear_cookies(name="chat-language")
    await page.reload()
    await ada.here(page)
    await actions_of(page)
    await field(page).press_sequentially("/durch")
    await expect(menu(page).get_by_role("option")).to_have_text(re.compile("/search.*durchsuchen"))
    await field(page).press("Enter")
    assert await page.evaluate("window.asked") == [{"name": "search"}]


async def test_much_text_is_counted_near_the_end_of_what_fits(
    stack: Stack, visitors: Any, shoot: Any
) -> None:
    page = await (await visitors(stack)).register()
    budget = page.get_by_test_id("budget")
    await field(page).fill("a" * (LONGEST // 2))
    await expect(budget).to_have_count(0)
    await field(page).fill("🌱" * (LONGEST - 3))
    await expect(budget).to_contain_text("3 characters left")
    await expect(page.get_by_text("nearly as long as one may be")).to_have_role("status")
    await field(page).press("End")
    await field(page).press_sequentially("12345")
    await expect(budget).to_contain_text("2 characters too many")
    await shoot(page, "composer-budget")
    await field(page).press("Enter")
    await expect(page.get_by_text("This is too long by 2 characters.")).to_be_visible()
    # It is kept, however long, as the page is left at once.
    await page.reload()
    await expect(budget).to_contain_text("2 characters too many")


async def test_a_quote_comes_behind_what_is_written_with_the_cursor_below_it(
    stack: Stack, visitors: Any
) -> None:
    page = await (await visitors(stack)).register()
    await field(page).fill("As to this:")
    await page.evaluate(
        "window.dispatchEvent(new CustomEvent('chat-quote', {detail: {text: 'one\\n\\ntwo'}}))"
    )
    await expect(field(page)).to_have_value("As to this:\n\n> one\n>\n> two\n\n")
    await page.keyboard.type("Why?")
    await expect(field(page)).to_have_value("As to this:\n\n> one\n>\n> two\n\nWhy?")


@pytest.mark.parametrize("lines", [1, 200])
async def test_the_field_grows_with_its_text_and_then_scrolls(
    stack: Stack, visitors: Any, lines: int
) -> None:
    page = await (await visitors(stack)).register()
    empty = (await field(page).bounding_box())["height"]
    await field(page).fill("\n".join(["a line"] * lines))
    grown = (await field(page).bounding_box())["height"]
    assert (grown == empty) == (lines == 1)
    assert grown <= 0.4 * 800


async def test_arrow_up_knows_what_was_sent_from_another_device(stack: Stack, visitors: Any) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    await send(page, "From elsewhere")
    await expect(answers(page)).to_have_count(1)
    await page.evaluate("localStorage.clear()")
    await page.reload()
    await expect(answers(page)).to_have_count(1)
    await ada.here(page)
    await field(page).press("ArrowUp")
    await expect(field(page)).to_have_value("From elsewhere")
