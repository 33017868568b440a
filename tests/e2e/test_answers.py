"""How an answer looks while it is written, when it fails, and when the page is elsewhere meanwhile."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import Page, expect

from tests.e2e.test_story import answers, send

if TYPE_CHECKING:
    from tests.e2e.model import Model
    from tests.e2e.stack import Stack


def hold(model: Model, *words: str, after: int) -> None:
    """The model stops after so many of these words."""
    model.words, model.at_once = list(words), after
    model.go.clear()


def last(page: Page) -> Any:
    return page.get_by_test_id("message").last


async def test_an_answer_is_seen_while_it_is_written(model_stack: Stack, model: Model, visitors: Any) -> None:
    page = await (await visitors(model_stack)).register()
    hold(model, "**Half", " of it** and", " the rest", after=2)
    await send(page, "Tell me")
    await expect(last(page)).to_contain_text("Half of it and")
    await expect(last(page)).to_have_attribute("data-status", "streaming")
    model.go.set()
    await expect(answers(page)).to_contain_text("Half of it and the rest")
    await expect(page.get_by_test_id("message")).to_have_count(2)


async def test_before_the_first_word_it_says_that_it_is_writing(
    model_stack: Stack, model: Model, visitors: Any
) -> None:
    page = await (await visitors(model_stack)).register()
    hold(model, "Late", after=0)
    await send(page, "Tell me")
    await expect(page.get_by_test_id("typing")).to_be_visible()
    model.go.set()
    await expect(answers(page)).to_contain_text("Late")
    await expect(page.get_by_test_id("typing")).to_have_count(0)


async def test_another_tab_and_a_reloaded_page_join_the_answer(
    model_stack: Stack, model: Model, visitors: Any
) -> None:
    ada = await visitors(model_stack)
    page = await ada.register()
    hold(model, "First", " second", after=1)
    await send(page, "Tell me")
    await expect(last(page)).to_contain_text("First")
    await expect(page).to_have_url(re.compile("/chat/.+"))
    other = await ada.tab(page.url.removeprefix(ada.home))
    await expect(last(other)).to_contain_text("First")
    await page.reload()
    await expect(last(page)).to_contain_text("First")
    model.go.set()
    for tab in (page, other):
        await expect(answers(tab)).to_contain_text("First second")
        await expect(tab.get_by_test_id("message")).to_have_count(2)
    assert model.asked == 1


async def test_a_failed_answer_says_so_and_another_can_be_had(
    model_stack: Stack, model: Model, visitors: Any, shoot: Any
) -> None:
    page = await (await visitors(model_stack)).register()
    model.status = 400
    await send(page, "Tell me")
    await expect(last(page)).to_have_attribute("data-status", "failed")
    await expect(last(page)).to_contain_text("refused the request")
    await expect(page.get_by_test_id("continue")).to_have_count(0)  # there is nothing to go on from
    await shoot(page, "8-failed")
    await page.reload()
    await expect(last(page)).to_contain_text("refused the request")
    model.status = 200
    await page.get_by_test_id("regenerate").click()
    await expect(answers(page)).to_contain_text("Hello there.")
    await expect(page.get_by_test_id("message")).to_have_count(2)
    await expect(page.get_by_test_id("version")).to_have_text("2/2")


@pytest.mark.parametrize(("steps", "pixels"), [(1, 600), (30, 4)], ids=["by a wheel", "by a trackpad"])
async def test_a_reader_who_scrolls_up_in_a_fast_answer_is_left_in_peace(
    model_stack: Stack, model: Model, visitors: Any, steps: int, pixels: int
) -> None:
    page = await (await visitors(model_stack)).register()
    model.words, model.pause, model.at_once = [f"line {number}\n\n" for number in range(500)], 0.02, 300
    model.go.clear()
    await send(page, "Count")
    messages = page.get_by_test_id("messages")
    await expect(messages).to_contain_text("line 40")
    await page.locator(".scroller").hover()
    for _ in range(steps):
        await page.mouse.wheel(0, -pixels)
        await asyncio.sleep(0.02)
    await expect(page.get_by_test_id("jump-to-latest")).to_be_visible()
    line = messages.get_by_text("line 30", exact=True)
    place = await line.bounding_box()
    await expect(messages).to_contain_text("line 200")
    now = await line.bounding_box()
    assert place
    assert now
    assert now["y"] == pytest.approx(place["y"], abs=2)


async def test_the_page_follows_the_answer_until_the_reader_scrolls_up(
    model_stack: Stack, model: Model, visitors: Any
) -> None:
    page = await (await visitors(model_stack)).register()
    lines = [f"line {number}\n\n" for number in range(80)]
    hold(model, *lines, "the end", after=60)
    await send(page, "Count")
    await expect(page).to_have_url(re.compile("/chat/.+"))
    await expect(page.get_by_text("line 59", exact=True)).to_be_in_viewport()
    scroller = page.locator(".scroller")
    await scroller.evaluate("element => element.scrollBy(0, -700)")
    await expect(page.get_by_test_id("jump-to-latest")).to_be_visible()
    place = await page.get_by_text("line 40", exact=True).bounding_box()
    assert place
    model.go.set()
    await expect(answers(page)).to_contain_text("the end")
    now = await page.get_by_text("line 40", exact=True).bounding_box()
    assert now
    assert now["y"] == pytest.approx(place["y"], abs=2)
    await page.get_by_test_id("jump-to-latest").click()
    await expect(answers(page).get_by_text("the end", exact=True)).to_be_in_viewport()
    await expect(page.get_by_test_id("jump-to-latest")).to_have_count(0)
