"""The whole story of a user, in a browser, against the real stack."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import PASSWORD, PHONE, fill_account

if TYPE_CHECKING:
    from tests.e2e.stack import Stack


def answers(page: Page) -> Any:
    return page.locator("[data-testid=message][data-role=assistant][data-status=complete]")


def item(page: Page, title: str) -> Any:
    return page.get_by_test_id("session-item").filter(has_text=title)


async def send(page: Page, text: str) -> None:
    await page.get_by_test_id("message-input").fill(text)
    await page.get_by_test_id("message-input").press("Enter")


async def test_a_user_registers_chats_and_signs_out(stack: Stack, visitors: Any, shoot: Any) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    await expect(page.get_by_text("No chats yet")).to_be_visible()
    await shoot(page, "1-welcome")

    # create
    await page.get_by_test_id("new-chat").click()
    await page.get_by_test_id("title-input").fill("Planning the garden")
    await page.get_by_test_id("title-input").press("Enter")
    await expect(page).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}$"))
    await expect(item(page, "Planning the garden")).to_contain_text("0 messages")
    await expect(page.get_by_test_id("session-title")).to_have_text("Planning the garden")
    await expect(page).to_have_title("Planning the garden · Chat sessions")

    # send, and see the answer
    await send(page, "What can you do?")
    await expect(page.get_by_text("What can you do?")).to_have_count(1)
    await expect(answers(page)).to_have_count(1)
    await expect(page.get_by_test_id("message-input")).to_have_value("")
    await expect(item(page, "Planning the garden")).to_contain_text("2 messages")
    await shoot(page, "2-answered")

    # rename in the header
    await page.get_by_test_id("session-title").click()
    await page.get_by_test_id("title-input").fill("The garden in March")
    await page.get_by_test_id("title-input").press("Enter")
    await expect(item(page, "The garden in March")).to_be_visible()

    # reload
    await page.reload()
    await expect(page.get_by_test_id("message")).to_have_count(2)
    await expect(page.get_by_test_id("session-title")).to_have_text("The garden in March")

    # a second tab sees changes live, and so does the first
    second = await ada.tab(page.url.removeprefix(ada.home))
    await expect(second.get_by_test_id("message")).to_have_count(2)
    await send(second, "How many messages are there?")
    await expect(answers(second)).to_have_count(2)
    await expect(answers(page)).to_have_count(2)
    await expect(page.get_by_test_id("message")).to_have_count(4)
    await expect(item(page, "The garden in March")).to_contain_text("4 messages")

    # clear, after a question
    await page.get_by_role("button", name="Clear all messages").click()
    await shoot(page, "3-confirm")
    await page.get_by_role("button", name="Clear", exact=True).click()
    await expect(page.get_by_text("No messages yet")).to_be_visible()
    await expect(second.get_by_text("No messages yet")).to_be_visible()
    await expect(item(page, "The garden in March")).to_contain_text("0 messages")

    # delete, and undo
    await page.get_by_role("button", name="Delete this chat").click()
    await expect(page).to_have_url(re.compile(r"/chat$"))
    await expect(page.get_by_text("No chats yet")).to_be_visible()
    await expect(second.get_by_test_id("not-found")).to_be_visible()
    await shoot(page, "4-deleted")
    await page.get_by_role("button", name="Undo").click()
    await expect(item(page, "The garden in March")).to_be_visible()
    await expect(page.get_by_test_id("session-title")).to_have_text("The garden in March")

    await expect(second.get_by_test_id("session-title")).to_have_text("The garden in March")

    # sign out, everywhere
    await page.get_by_role("button", name="Sign out").click()
    await expect(page).to_have_url(re.compile("/sign-in"))
    await expect(page.get_by_text("You have signed out.")).to_be_visible()
    await expect(second).to_have_url(re.compile("/sign-in"))
    await shoot(page, "5-signed-out")
    await page.goto(ada.home + "/chat")
    await expect(page).to_have_url(re.compile("/sign-in"))

    # and in again, with the wrong password first
    await fill_account(page, ada.name, "not the password")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_test_id("form-error")).to_be_visible()
    await expect(page.get_by_label("User name")).to_have_value(ada.name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(item(page, "The garden in March")).to_be_visible()


async def test_the_first_message_makes_and_names_a_chat(stack: Stack, visitors: Any) -> None:
    page = await (await visitors(stack)).register()
    await send(page, "Which vegetables can I sow in March?\nAnd in April?")
    await expect(page).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}$"))
    await expect(answers(page)).to_have_count(1)
    await expect(page.get_by_test_id("message")).to_have_count(2)
    await expect(item(page, "Which vegetables can I sow in March?")).to_contain_text("2 messages")
    await page.goto(page.url.rpartition("/")[0])
    await expect(page.get_by_test_id("message-input")).to_have_value("")


async def test_shift_and_enter_make_a_line(stack: Stack, visitors: Any) -> None:
    page = await (await visitors(stack)).register()
    field = page.get_by_test_id("message-input")
    await field.press_sequentially("one")
    await field.press("Shift+Enter")
    await field.press_sequentially("two")
    await expect(field).to_have_value("one\ntwo")
    await field.press("Enter")
    await expect(page.locator("[data-role=user] .plain")).to_have_text("one\ntwo", use_inner_text=True)


async def test_the_story_on_a_phone(stack: Stack, visitors: Any, shoot: Any) -> None:
    page = await (
        await visitors(stack, viewport=PHONE, has_touch=True, is_mobile=True, color_scheme="dark")
    ).register()
    await page.get_by_role("button", name="Open the list").tap()
    await page.get_by_test_id("new-chat").tap()
    await page.get_by_test_id("title-input").fill("On the way")
    await page.get_by_test_id("title-input").press("Enter")
    await expect(page.get_by_test_id("session-title")).to_have_text("On the way")
    await expect(page.get_by_test_id("new-chat")).to_be_hidden()
    await page.get_by_test_id("message-input").fill("What can you do?")
    await page.get_by_test_id("send").tap()
    await expect(answers(page)).to_have_count(1)
    await shoot(page, "6-phone")
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]

    await page.get_by_role("button", name="Open the list").tap()
    await expect(item(page, "On the way")).to_contain_text("2 messages")
    await shoot(page, "7-phone-list")
    await item(page, "On the way").get_by_role("button", name="More").tap()
    await page.get_by_role("menuitem", name="Delete").tap()
    await page.get_by_role("button", name="Undo").tap()
    await expect(page.get_by_test_id("session-title")).to_have_text("On the way")
    await expect(page.get_by_test_id("message")).to_have_count(2)


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
async def test_times_are_those_of_the_viewer(stack: Stack, visitors: Any, zone: str) -> None:
    page = await (await visitors(stack, timezone_id=zone, locale="en-GB")).register()
    await send(page, "What time is it?")
    time = page.locator("[data-role=user] time")
    await expect(time).to_be_visible()
    shown = await time.inner_text()
    expected = await time.evaluate(
        """(element, zone) => new Date(element.dateTime).toLocaleTimeString(
            "en-GB", {timeZone: zone, hour: "2-digit", minute: "2-digit"})""",
        zone,
    )
    assert shown == expected


async def test_text_typed_before_the_page_is_alive_stays(stack: Stack, visitors: Any) -> None:
    ada = await visitors(stack)
    await ada.register()
    page = await ada.tab()
    await page.get_by_test_id("message-input").fill("quick")
    await ada.here(page)
    await expect(page.get_by_test_id("message-input")).to_have_value("quick")
