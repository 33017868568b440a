"""Turns belong to the server: every tab and device sees the same answer, and may stop it or go on with it."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import PASSWORD, PHONE, fill_account
from tests.e2e.test_answers import hold, last
from tests.e2e.test_history import write_history
from tests.e2e.test_story import answers, item, send

if TYPE_CHECKING:
    from tests.e2e.conftest import Visitor
    from tests.e2e.model import Model
    from tests.e2e.stack import Stack


async def asking(page: Page, text: str) -> None:
    """Sent from the front page; its answer is under way."""
    await send(page, text)
    await expect(page).to_have_url(re.compile("/chat/.+"))
    await expect(last(page)).to_have_attribute("data-status", "streaming")


async def sign_in(visitors: Any, stack: Stack, ada: Visitor, path: str = "/chat") -> tuple[Visitor, Page]:
    """The same user on another device."""
    device = await visitors(stack, name=ada.name)
    page = await device.tab(f"/sign-in?next={path}")
    await fill_account(page, ada.name, PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await device.here(page)
    return device, page


async def test_a_page_that_is_reloaded_in_the_middle_of_an_answer_sees_the_rest_arrive(
    model_stack: Stack, model: Model, visitors: Any
) -> None:
    page = await (await visitors(model_stack)).register()
    hold(model, *[f"word{number} " for number in range(100)], after=40)
    await asking(page, "Tell me")
    await expect(last(page)).to_contain_text("word39")
    await page.reload()
    await expect(last(page)).to_contain_text("word39")
    await expect(last(page)).to_have_attribute("data-status", "streaming")
    model.go.set()
    await expect(answers(page)).to_contain_text(" ".join(f"word{number}" for number in range(100)))
    assert model.asked == 1


async def test_an_answer_outlives_the_tab_that_asked(model_stack: Stack, model: Model, visitors: Any) -> None:
    ada = await visitors(model_stack)
    page = await ada.register()
    hold(model, "First", " second", " third", after=1)
    await asking(page, "Tell me")
    await expect(last(page)).to_contain_text("First")
    chat = page.url.removeprefix(ada.home)
    await page.close()
    page = await ada.tab(chat)
    await expect(last(page)).to_contain_text("First")
    model.go.set()
    await expect(answers(page)).to_contain_text("First second third")
    assert model.asked == 1


async def test_a_line_that_is_lost_in_the_middle_of_an_answer_goes_on_where_it_was(
    model_stack: Stack, model: Model, visitors: Any
) -> None:
    ada = await visitors(model_stack)
    page = await ada.register()
    hold(model, "Zwölf", " Boxkämpfer 🥊", " jagen", after=2)
    await asking(page, "Tell me")
    await expect(last(page)).to_contain_text("🥊")
    model_stack.stop("webapp", signal.SIGKILL)
    model.go.set()
    model_stack.start("webapp")
    await expect(answers(page)).to_contain_text("Zwölf Boxkämpfer 🥊 jagen")
    assert model.asked == 1


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_another_tab_stops_an_answer_and_it_goes_on_from_there(
    model_stack: Stack, model: Model, visitors: Any, shoot: Any, dark: bool
) -> None:
    ada = await visitors(
        model_stack, viewport=PHONE if dark else None, color_scheme="dark" if dark else "light"
    )
    page = await ada.register()
    hold(model, "One,", " two,", " three.", after=2)
    await asking(page, "Count")
    await expect(last(page)).to_contain_text("One, two,")
    other = await ada.tab(page.url.removeprefix(ada.home))
    await expect(last(other)).to_contain_text("One, two,")
    await expect(other.get_by_test_id("send")).to_have_count(0)
    await shoot(other, f"17-answering-{'dark' if dark else 'light'}")
    await other.get_by_test_id("stop").click()
    for tab in (page, other):
        await expect(last(tab)).to_have_attribute("data-status", "stopped")
        await expect(last(tab)).to_contain_text("One, two,")
        await expect(tab.get_by_test_id("stop")).to_have_count(0)
    await shoot(page, f"18-stopped-{'dark' if dark else 'light'}")
    model.go.set()
    model.words, model.at_once = [" and", " more."], 0
    await page.get_by_test_id("continue").click()
    for tab in (page, other):
        await expect(answers(tab)).to_contain_text("One, two, and more.")
        await expect(tab.get_by_test_id("message")).to_have_count(2)


async def test_while_an_answer_is_written_the_button_sends_what_there_is_to_send(
    model_stack: Stack, model: Model, visitors: Any
) -> None:
    page = await (await visitors(model_stack)).register()
    hold(model, "One,", " two", after=1)
    await asking(page, "Count")
    await expect(page.get_by_test_id("stop")).to_be_visible()
    await page.get_by_test_id("message-input").fill("And then?")
    await expect(page.get_by_test_id("stop")).to_have_count(0)
    await page.get_by_test_id("send").click()
    await expect(page.get_by_test_id("message")).to_have_count(4)
    await page.get_by_test_id("message-input").press("Escape")  # stops the newest
    await expect(page.locator("[data-status=stopped]")).to_have_count(1)
    model.go.set()
    await expect(answers(page)).to_have_count(1)


async def test_an_answer_is_had_again_and_the_versions_are_turned_over_everywhere(
    model_stack: Stack, model: Model, visitors: Any, shoot: Any
) -> None:
    ada = await visitors(model_stack)
    page = await ada.register()
    await send(page, "Tell me")
    await expect(answers(page)).to_contain_text("Hello there.")
    await send(page, "More")
    await expect(answers(page)).to_have_count(2)
    _, elsewhere = await sign_in(visitors, model_stack, ada, page.url.removeprefix(ada.home))
    model.words = ["Something", " else."]
    first = page.get_by_test_id("message").nth(1)
    await first.hover()
    await first.get_by_test_id("regenerate").click()
    for tab in (page, elsewhere):
        await expect(tab.get_by_test_id("message").nth(1)).to_contain_text("Something else.")
        await expect(tab.get_by_test_id("version")).to_have_text("2/2")
        await expect(tab.get_by_test_id("message")).to_have_count(
            2
        )  # what came after it belongs to the first
    await shoot(page, "19-versions")
    await elsewhere.get_by_role("button", name="Earlier version").click()
    for tab in (elsewhere, page):
        await expect(tab.get_by_test_id("version")).to_have_text("1/2")
        await expect(tab.get_by_test_id("message").nth(1)).to_contain_text("Hello there.")
        await expect(tab.get_by_test_id("message")).to_have_count(4)
    await expect(page.get_by_role("button", name="Earlier version")).to_be_disabled()


async def test_while_sessions_are_switched_quickly_each_answer_lands_in_its_own(
    model_stack: Stack, model: Model, visitors: Any
) -> None:
    ada = await visitors(model_stack)
    page = await ada.register()
    model.words, model.pause = [f"w{number} " for number in range(60)], 0.05
    for name in ("red", "green", "blue"):
        await page.get_by_role("link", name="Chat sessions").click()
        await expect(page).to_have_url(re.compile("/chat$"))
        await send(page, f"Tell me of {name}")
        await expect(page).to_have_url(re.compile("/chat/.+"))
    for _ in range(4):
        for name in ("red", "green", "blue"):
            await item(page, f"Tell me of {name}").get_by_role("link").click()
            await page.wait_for_timeout(120)
    for name in ("red", "green", "blue"):
        await item(page, f"Tell me of {name}").get_by_role("link").click()
        await expect(page.get_by_test_id("session-title")).to_have_text(f"Tell me of {name}")
        await expect(answers(page)).to_have_count(1)
        await expect(page.get_by_test_id("message")).to_have_count(2)
        await expect(page.get_by_test_id("message").first).to_contain_text(f"Tell me of {name}")
        await expect(last(page)).to_contain_text("w58 w59")
    assert model.asked == 3


async def test_a_late_answer_is_marked_in_the_list_until_it_is_read_on_any_device(
    model_stack: Stack, model: Model, visitors: Any, shoot: Any
) -> None:
    ada = await visitors(model_stack)
    page = await ada.register()
    await send(page, "Before")
    await expect(answers(page)).to_have_count(1)
    _, elsewhere = await sign_in(visitors, model_stack, ada)
    hold(model, "Late", " news", after=1)
    await send(page, "Take your time")
    await expect(last(page)).to_contain_text("Late")
    await page.get_by_role("link", name="Chat sessions").click()
    await expect(page.get_by_role("heading", name="What is on your mind?")).to_be_visible()
    await expect(page.get_by_test_id("unread")).to_have_count(0)
    model.go.set()
    for tab in (page, elsewhere):
        await expect(item(tab, "Before").get_by_test_id("unread")).to_contain_text("1")
        await expect(tab).to_have_title("(1) Chat sessions")
    await shoot(page, "20-unread")
    await item(page, "Before").get_by_role("link").click()
    await expect(page.get_by_test_id("new-divider")).to_have_count(1)
    await expect(page.get_by_test_id("message").nth(3)).to_contain_text("Late news")
    await shoot(page, "21-new-since")
    for tab in (page, elsewhere):
        await expect(tab.get_by_test_id("unread")).to_have_count(0)
    await expect(page).to_have_title("Before · Chat sessions")
    await expect(elsewhere).to_have_title("Chat sessions")
    await page.reload()
    await expect(page.get_by_test_id("message")).to_have_count(4)
    await expect(page.get_by_test_id("new-divider")).to_have_count(0)


async def test_two_tabs_and_another_device_come_to_show_the_same(
    model_stack: Stack, model: Model, visitors: Any
) -> None:
    ada = await visitors(model_stack)
    page = await ada.register()
    await send(page, "Begin")
    await expect(answers(page)).to_have_count(1)
    chat = page.url.removeprefix(ada.home)
    tab = await ada.tab(chat)
    _, elsewhere = await sign_in(visitors, model_stack, ada, chat)
    everywhere = (page, tab, elsewhere)
    for sender in everywhere:
        await expect(answers(sender)).to_have_count(1)
    for number, sender in enumerate(everywhere):
        await send(sender, f"Question {number}")
    for viewer in everywhere:
        await expect(answers(viewer)).to_have_count(4)
        await expect(viewer.get_by_test_id("message")).to_have_count(8)
    shown = [await viewer.get_by_test_id("message").all_inner_texts() for viewer in everywhere]
    assert shown[0] == shown[1] == shown[2]


async def test_an_answer_whose_writer_dies_ends_and_can_be_gone_on_with(
    model_stack: Stack, model: Model, visitors: Any, shoot: Any
) -> None:
    page = await (await visitors(model_stack)).register()
    hold(model, "One,", " two", after=1)
    await asking(page, "Count")
    await expect(last(page)).to_contain_text("One,")
    await page.wait_for_timeout(2500)  # until what there is has been saved
    model_stack.stop("backend", signal.SIGKILL)
    await expect(last(page)).to_contain_text("Waiting for the server")
    model_stack.start("backend")
    await expect(last(page)).to_have_attribute("data-status", "failed", timeout=30_000)
    await expect(last(page)).to_contain_text("One,")
    await shoot(page, "22-interrupted")
    model.words, model.at_once = [" two."], 0
    model.go.set()
    await page.get_by_test_id("continue").click()
    await expect(answers(page)).to_contain_text("One, two.")


@pytest.mark.timeout(300)
async def test_a_word_of_an_answer_costs_the_browser_little_more_than_the_word(
    model_stack: Stack, e2e_database: str, model: Model, visitors: Any, record_property: Any
) -> None:
    """10,000 tokens in a session of 200 messages."""
    ada = await visitors(model_stack)
    received: list[int] = []
    ada.context.on(
        "page",
        lambda page: page.on(
            "websocket",
            lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))),
        ),
    )
    page = await ada.register()
    session_id = write_history(e2e_database, ada, 200)
    await page.goto(f"{ada.home}/chat/{session_id}")
    await expect(page.get_by_text("message 200.")).to_be_in_viewport()
    tokens = 10_000
    model.words, model.pause = [f"token{number % 10} " for number in range(tokens)], 0.002
    received.clear()
    await send(page, "Write much")
    await expect(answers(page).last).to_contain_text("token9", timeout=240_000)
    per_token = sum(received) / tokens
    record_property("bytes_per_token", round(per_token, 1))
    assert per_token < 100
