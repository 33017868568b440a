"""A chat gets a name of its own, and keeps the one that its user gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.async_api import expect

from tests.e2e.test_story import answers, send

if TYPE_CHECKING:
    from tests.e2e.model import Model
    from tests.e2e.stack import Stack


async def test_a_chat_is_named_by_its_question_then_by_the_model_then_by_its_user_for_good(
    model_stack: Stack, model: Model, visitors: Any
) -> None:
    page = await (await visitors(model_stack)).register()
    title = page.get_by_test_id("session-title")
    model.words = ["In ", "March."]
    model.title = "Tomatoes from seed"
    model.go.clear()
    await send(page, "When do I sow tomatoes, and how deep?")
    await expect(title).to_have_text("When do I sow tomatoes, and how deep?")
    model.go.set()
    await expect(title).to_have_text("Tomatoes from seed")
    await title.click()
    await page.get_by_test_id("title-input").fill("The garden")
    await page.get_by_test_id("title-input").press("Enter")
    await expect(title).to_have_text("The garden")
    await send(page, "And peppers?")
    await expect(answers(page)).to_have_count(2)
    await expect(answers(page).last).to_contain_text("In March.")
    await expect(title).to_have_text("The garden")
