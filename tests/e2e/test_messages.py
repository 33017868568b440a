"""What can be done with a message, and a history of ten thousand of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from playwright.async_api import Page, expect

from tests.e2e.conftest import PHONE
from tests.e2e.test_history import height_of, scroll, write_history
from tests.e2e.test_story import answers, send

if TYPE_CHECKING:
    from tests.e2e.model import Model
    from tests.e2e.stack import Stack


def texts(page: Page) -> Any:
    return page.locator("[data-testid=message] :is(.plain, .markdown)")


async def do(page: Page, number: int, test_id: str) -> None:
    """Presses a button of the message at that place."""
    message = page.get_by_test_id("message").nth(number)
    await message.hover()
    await message.get_by_test_id(test_id).click()


async def answered(page: Page, model: Model, question: str, answer: str) -> None:
    count = await answers(page).count()
    model.words = [answer]
    await send(page, question)
    await expect(answers(page)).to_have_count(count + 1)


async def test_a_question_is_edited_and_what_came_after_the_first_version_comes_back_with_it(
    model_stack: Stack, model: Model, visitors: Any, shoot: Any
) -> None:
    ada = await visitors(model_stack)
    page = await ada.register()
    await answered(page, model, "Question one", "Answer one.")
    await answered(page, model, "Question two", "Answer two.")
    other = await ada.tab(page.url.removeprefix(ada.home))
    before = ["Question one", "Answer one.", "Question two", "Answer two."]
    after = ["Question uno", "Answer uno."]
    await expect(texts(other)).to_have_text(before)

    await do(page, 0, "edit")
    field = page.get_by_test_id("edit-field")
    await expect(field).to_have_value("Question one")
    await shoot(page, "32-edit")
    await field.press("Escape")
    await expect(texts(page)).to_have_text(before)

    model.words = ["Answer uno."]
    await do(page, 0, "edit")
    await field.fill("Question uno")
    await field.press("Enter")
    for tab in (page, other):
        await expect(texts(tab)).to_have_text(after)
        await expect(tab.get_by_test_id("version")).to_have_text("2/2")
    await shoot(page, "33-edited")
    await other.get_by_role("button", name="Earlier version").click()
    for tab in (page, other):
        await expect(texts(tab)).to_have_text(before)
        await expect(tab.get_by_test_id("version")).to_have_text("1/2")
    await page.reload()
    await expect(texts(page)).to_have_text(before)
    await page.get_by_role("button", name="Later version").click()
    await expect(texts(page)).to_have_text(after)


async def test_an_edit_waits_for_a_connection_like_any_other_message(
    model_stack: Stack, model: Model, visitors: Any
) -> None:
    ada = await visitors(model_stack)
    page = await ada.register()
    await answered(page, model, "Question one", "Answer one.")
    await ada.context.set_offline(True)
    await do(page, 0, "edit")
    await page.get_by_test_id("edit-field").fill("Question uno")
    await page.get_by_test_id("send-edit").click()
    await expect(texts(page)).to_have_text(["Question uno"])
    await expect(page.locator("[data-status=pending]")).to_have_count(1)
    model.words = ["Answer uno."]
    await ada.context.set_offline(False)
    await expect(texts(page)).to_have_text(["Question uno", "Answer uno."])
    await expect(page.get_by_test_id("version")).to_have_text("2/2")


async def test_an_answer_is_rated_quoted_copied_and_deleted(
    model_stack: Stack, e2e_database: str, model: Model, visitors: Any, shoot: Any
) -> None:
    ada = await visitors(model_stack)
    await ada.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await ada.register()
    await answered(page, model, "Question one", "**Answer** one.")
    await do(page, 1, "rate-up")
    await expect(page.get_by_test_id("rate-up")).to_have_attribute("aria-pressed", "true")
    await page.reload()
    await expect(page.get_by_test_id("rate-up")).to_have_attribute("aria-pressed", "true")
    await do(page, 1, "rate-down")
    await expect(page.get_by_test_id("rate-up")).to_have_attribute("aria-pressed", "false")
    await do(page, 1, "rate-down")
    await expect(page.get_by_test_id("rate-down")).to_have_attribute("aria-pressed", "false")

    await do(page, 1, "copy")
    assert await page.evaluate("navigator.clipboard.readText()") == "**Answer** one."
    await do(page, 1, "quote")
    await expect(page.get_by_test_id("message-input")).to_have_value("> **Answer** one.\n\n")
    model.words = ["It is."]
    await page.get_by_test_id("message-input").press_sequentially("Is it?")
    await page.get_by_test_id("message-input").press("Enter")
    await expect(texts(page)).to_have_text(["Question one", "Answer one.", "Is it?", "It is."])
    await expect(page.locator("[data-role=user] .quoted")).to_have_text("**Answer** one.")
    await shoot(page, "34-quoted")

    await do(page, 1, "delete")
    await shoot(page, "35-delete")
    await page.get_by_role("button", name="Keep it").click()
    await expect(page.get_by_test_id("message")).to_have_count(4)
    await do(page, 1, "delete")
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(texts(page)).to_have_text(["Question one", "Is it?", "It is."])
    await do(page, 1, "delete")
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(texts(page)).to_have_text(["Question one"])
    with psycopg.connect(e2e_database) as database:
        stored = database.execute(
            "SELECT content FROM chat_messages JOIN users ON users.id = user_id WHERE username = %s",
            [ada.name],
        ).fetchall()
    assert stored == [("Question one",)]


async def test_ten_thousand_messages_open_at_the_newest_and_stay_few_in_the_document(
    stack: Stack, e2e_database: str, visitors: Any, record_property: Any
) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    session_id = write_history(e2e_database, ada, 10_000)
    await page.goto(f"{ada.home}/chat/{session_id}")
    await expect(page.get_by_text("message 10000.")).to_be_visible()
    most = 0
    for _ in range(40):
        await scroll(page, -2_000)
        await page.evaluate("new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")
        most = max(most, await page.get_by_test_id("message").count())
    record_property("most_messages_in_the_document", most)
    assert most < 80
    await expect(page.get_by_text("message 10000.", exact=True)).to_have_count(0)
    await page.get_by_test_id("jump-to-latest").click()
    await expect(page.get_by_text("message 10000.")).to_be_in_viewport()


async def test_a_link_to_a_message_shows_it_in_its_place_among_its_neighbours(
    stack: Stack, e2e_database: str, visitors: Any, shoot: Any
) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    session_id = write_history(e2e_database, ada, 1_000)
    with psycopg.connect(e2e_database) as database:
        (message_id,) = database.execute(
            "SELECT message_id::text FROM chat_messages WHERE session_id = %s AND content = 'message 500.'",
            [session_id],
        ).fetchone() or ("",)
    await page.goto(f"{ada.home}/chat/{session_id}?message={message_id}")
    wanted = page.get_by_text("message 500.", exact=True)
    await expect(wanted).to_be_in_viewport()
    await expect(page.locator(".message.lit")).to_have_count(1)
    await shoot(page, "36-found")
    for neighbour in ("message 499.", "message 501."):
        await expect(page.get_by_text(neighbour, exact=True)).to_be_in_viewport()
    await expect(page.locator(".message.lit")).to_have_count(0)
    place = await height_of(page, wanted)
    await scroll(page, 1_500)
    await expect(page.get_by_text("message 520.", exact=True)).to_be_attached()
    await scroll(page, -1_500)
    await expect(wanted).to_be_in_viewport()
    assert abs(await height_of(page, wanted) - place) < 30
    await page.get_by_test_id("jump-to-latest").click()
    await expect(page.get_by_text("message 1000.", exact=True)).to_be_in_viewport()
    await send(page, "Here I am")
    await expect(answers(page).last).to_be_in_viewport()


async def test_messages_that_are_looked_for_come_into_view_whatever_the_length_of_those_around_them(
    stack: Stack, e2e_database: str, visitors: Any
) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    session_id = write_history(e2e_database, ada, 1_200, longest=170)
    await page.goto(f"{ada.home}/chat/{session_id}")
    await expect(answers(page).last).to_be_in_viewport()
    for number in (417, 600, 33, 1_100):
        await page.keyboard.press("Control+k")
        await page.get_by_test_id("palette-input").fill(f'"message {number}"')
        await expect(page.get_by_test_id("palette-option")).to_contain_text([f"message {number}."])
        await page.keyboard.press("Enter")
        wanted = page.locator(".message.lit")
        await expect(wanted).to_contain_text(f"message {number}.")
        await expect(wanted).to_have_count(0)
        await expect(page.get_by_text(f"message {number}.")).to_be_in_viewport()


async def test_messages_on_a_phone(stack: Stack, e2e_database: str, visitors: Any, shoot: Any) -> None:
    ada = await visitors(stack, viewport=PHONE, has_touch=True, is_mobile=True, color_scheme="dark")
    page = await ada.register()
    session_id = write_history(e2e_database, ada, 60)
    await page.goto(f"{ada.home}/chat/{session_id}")
    await expect(page.get_by_text("message 60.", exact=True)).to_be_visible()
    await expect(page.get_by_test_id("message").last.get_by_test_id("copy")).to_be_visible()
    await shoot(page, "37-phone-messages")
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
