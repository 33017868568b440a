"""The settings page, and a chat's own settings, in a browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import DESKTOP, PASSWORD, PHONE, fill_account
from tests.e2e.test_story import answers, send

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

NEW_PASSWORD = "another horse battery"


async def settings(visitor: Any) -> Page:
    page = await visitor.tab("/settings")
    await expect(page.get_by_test_id("device").first).to_be_visible()
    return page


async def sign_in(visitor: Any, password: str, path: str = "/chat") -> Page:
    page = await visitor.tab("/sign-in")
    await fill_account(page, visitor.name, password)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(re.compile("/chat$"))
    await page.goto(visitor.home + path)
    return page


async def ask(page: Page, action: str) -> None:
    """What a menu, a shortcut or the palette does."""
    await page.evaluate(
        "name => window.dispatchEvent(new CustomEvent('chat-action', {detail: {name}}))", action
    )


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_name_password_devices_and_retention(
    stack: Stack, visitors: Any, shoot: Any, viewport: dict[str, int]
) -> None:
    ada = await visitors(stack, viewport=viewport)
    await ada.register()
    page = await settings(ada)
    other = await visitors(stack, name=ada.name)
    elsewhere = await sign_in(other, PASSWORD)
    third = await visitors(stack, name=ada.name)
    lost = await sign_in(third, PASSWORD, "/settings")

    # a name, shown here and in the chats
    await expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    await page.get_by_test_id("display-name").fill("Ada <b>Lovelace</b>")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    await expect(page.locator(".settings-who strong")).to_have_text("Ada <b>Lovelace</b>")
    second = await ada.tab("/chat")
    await expect(second.get_by_test_id("account-name")).to_have_text("Ada <b>Lovelace</b>")
    await second.close()

    # the devices: the one before us is named, and one of the others goes at once
    await page.reload()
    await expect(page.get_by_test_id("device")).to_have_count(3)
    await expect(page.get_by_test_id("device").filter(has_text="This device")).to_contain_text(
        re.compile("Chrome.* on Linux")
    )
    await shoot(page, f"settings-{viewport['width']}")
    await page.get_by_role("button", name=re.compile("Sign out .*Chrome")).first.click()
    await expect(page.get_by_text("The device is signed out.")).to_be_visible()
    await expect(page.get_by_test_id("device")).to_have_count(2)
    await expect(lost).to_have_url(re.compile("/sign-in.*reason=elsewhere"))
    await expect(lost.get_by_text("from another device")).to_be_visible()

    # a new password signs out the last other one, wherever it is
    await page.get_by_label("Current password").fill("not the password")
    await page.get_by_label("New password").fill(NEW_PASSWORD)
    await page.get_by_role("button", name="Change password").click()
    await expect(page.get_by_text("The password is wrong.")).to_be_visible()
    await page.get_by_label("Current password").fill(PASSWORD)
    await page.get_by_role("button", name="Change password").click()
    await expect(page.get_by_text("one other device is signed out")).to_be_visible()
    await expect(elsewhere).to_have_url(re.compile("/sign-in.*reason=elsewhere"))
    await expect(page.get_by_test_id("device")).to_have_count(1)
    await sign_in(third, NEW_PASSWORD)

    # less time for old chats is asked about, more is not
    await page.get_by_role("radio", name="30 days").click()
    await expect(page.get_by_role("dialog")).to_contain_text("30 days")
    await shoot(page, f"settings-retention-{viewport['width']}")
    await page.keyboard.press("Escape")
    await expect(page.get_by_label("Forever")).to_be_checked()
    await page.get_by_role("radio", name="30 days").click()
    await page.get_by_role("button", name="Delete old chats").click()
    await expect(page.get_by_role("radio", name="30 days")).to_be_checked()
    await page.get_by_label("365 days").click()
    await expect(page.get_by_label("365 days")).to_be_checked()
    await page.reload()
    await expect(page.get_by_label("365 days")).to_be_checked()


async def test_the_account_goes_with_everything_and_leaves_nothing_in_the_browser(
    stack: Stack, e2e_database: str, visitors: Any, shoot: Any
) -> None:
    ada = await visitors(stack)
    chat = await ada.register()
    await send(chat, "Before the end")
    await expect(answers(chat)).to_have_count(1)
    await chat.get_by_test_id("message-input").fill("a draft")
    page = await settings(ada)
    await page.get_by_role("button", name="Delete my account").click()
    await expect(page.get_by_role("button", name="Delete everything")).to_be_disabled()
    await page.get_by_label("Your password").fill("not the password")
    await page.get_by_role("button", name="Delete everything").click()
    await expect(page.get_by_role("alert").get_by_text("The password is wrong.")).to_be_visible()
    await shoot(page, "settings-delete")
    await page.get_by_label("Your password").fill(PASSWORD)
    await page.get_by_role("button", name="Delete everything").click()
    await expect(page).to_have_url(re.compile("/sign-in.*reason=deleted"))
    await expect(page.get_by_text("Your account and everything in it are deleted.")).to_be_visible()
    await expect(chat).to_have_url(re.compile("/sign-in"))
    assert (
        await page.evaluate("Object.keys(localStorage).filter((key) => /draft|outbox|sent/.test(key))") == []
    )
    assert await ada.context.cookies() == []
    with psycopg.connect(e2e_database) as database:
        left = database.execute("SELECT count(*) FROM users WHERE username = %s", [ada.name]).fetchone()
    assert left == (0,)


async def test_theme_and_language_are_this_browser_s(stack: Stack, visitors: Any, shoot: Any) -> None:
    ada = await visitors(stack)
    await ada.register()
    page = await settings(ada)
    await page.get_by_label("Dark").click()
    await expect(page.locator("html")).to_have_class(re.compile("dark"))
    await page.get_by_label("Language").select_option("de")
    await expect(page.get_by_role("heading", name="Einstellungen")).to_be_visible()
    await expect(page.get_by_label("Dunkel")).to_be_checked()
    await expect(page.get_by_test_id("device").first).to_be_visible()
    await shoot(page, "settings-de-dark")
    await page.get_by_label("Sprache").select_option("")
    await expect(page.get_by_role("heading", name="Settings", exact=True)).to_be_visible()
    await page.get_by_label("System").click()
    await expect(page.locator("html")).not_to_have_class(re.compile("dark"))


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_a_chat_is_told_what_its_assistant_should_know(
    stack: Stack, e2e_database: str, visitors: Any, shoot: Any, viewport: dict[str, int]
) -> None:
    page = await (await visitors(stack, viewport=viewport)).register()
    await send(page, "Hello there")
    await expect(answers(page)).to_have_count(1)
    await page.locator(".session-header").get_by_role("button", name="More").click()
    await page.get_by_role("menuitem", name="Settings").click()
    form = page.get_by_test_id("session-settings")
    await form.get_by_label("Instructions").fill("  Answer in Portuguese.\n")
    await form.get_by_label("Leave it to the model").uncheck()
    await form.get_by_label("Temperature").fill("0.3")
    await shoot(page, f"session-settings-{viewport['width']}")
    await form.get_by_role("button", name="Save").click()
    await expect(form).to_have_count(0)
    session_id = page.url.rpartition("/")[2]
    query = "SELECT system_prompt, temperature FROM chat_sessions WHERE session_id = %s"
    with psycopg.connect(e2e_database, autocommit=True) as database:
        assert database.execute(query, [session_id]).fetchone() == ("Answer in Portuguese.", 0.3)
        await page.reload()
        await expect(answers(page)).to_have_count(1)
        await ask(page, "session-settings")
        await expect(form.get_by_label("Instructions")).to_have_value("Answer in Portuguese.")
        await form.get_by_label("Instructions").fill("")
        await form.get_by_label("Leave it to the model").check()
        await form.get_by_role("button", name="Save").click()
        await expect(form).to_have_count(0)
        assert database.execute(query, [session_id]).fetchone() == (None, None)


async def test_the_way_there_and_back(stack: Stack, visitors: Any) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    await send(page, "Hello there")
    await expect(answers(page)).to_have_count(1)
    chat = page.url
    await ask(page, "settings")
    await expect(page).to_have_url(re.compile("/settings$"))
    await page.get_by_role("link", name="Danger zone").click()
    await page.get_by_role("button", name="Back").click()
    await expect(page).to_have_url(chat)
    stranger = await visitors(stack)
    page = await stranger.tab("/settings")
    await expect(page).to_have_url(re.compile("/sign-in.*next=/settings"))
