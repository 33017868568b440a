"""Chats leave through the browser and come along through it."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import PHONE
from tests.e2e.test_settings import ask
from tests.e2e.test_story import answers, send

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

FILES = Path(__file__).parents[1] / "backend" / "transfers"


async def data(visitor: Any) -> Page:
    """The part of the settings page about data."""
    page: Page = await visitor.tab("/settings#data")
    await expect(page.get_by_test_id("export-form")).to_be_visible()
    return page


async def saved(page: Page, press: Any) -> tuple[str, bytes]:
    """Name and content of the file that the browser saves."""
    async with page.expect_download() as coming:
        await press()
    download = await coming.value
    return download.suggested_filename, await asyncio.to_thread((await download.path()).read_bytes)


async def test_chats_come_along_once_and_leave_again(stack: Stack, visitors: Any, shoot: Any) -> None:
    ada = await visitors(stack, accept_downloads=True)
    chats = await ada.register()
    page = await data(ada)
    for expected in ("2 chats imported", "Nothing new"):
        await page.get_by_test_id("import-file").set_input_files(FILES / "chatgpt.json")
        await expect(page.get_by_test_id("import-summary")).to_contain_text(expected)
    await expect(page.get_by_test_id("import-summary")).to_contain_text("2 chats were here already")
    await shoot(page, "transfer-desktop")
    await expect(chats.get_by_text("Trip to Lisbon").first).to_be_visible()  # live, in the other tab

    await page.get_by_test_id("import-file").set_input_files(
        {"name": "notes.json", "mimeType": "application/json", "buffer": b'{"notes": []}'}
    )
    await expect(page.get_by_role("alert")).to_have_text("There are no chats in this file.")

    await page.get_by_label("JSON").first.check()
    name, content = await saved(page, page.get_by_role("button", name="Export", exact=True).click)
    assert re.fullmatch(r"chat-sessions-\d{4}-\d\d-\d\d\.json", name)
    assert {each["title"] for each in json.loads(content)["sessions"]} == {"Trip to Lisbon", "Imported chat"}


async def test_a_file_may_be_dropped(stack: Stack, visitors: Any) -> None:
    ada = await visitors(stack)
    await ada.register()
    page = await data(ada)
    transfer = await page.evaluate_handle(
        """(text) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([text], "export.json", {type: "application/json"}));
            return transfer;
        }""",
        (FILES / "open_webui.json").read_text(),
    )
    await page.locator(".transfer-drop").dispatch_event("drop", {"dataTransfer": transfer})
    await expect(page.get_by_test_id("import-summary")).to_contain_text("1 chat imported")


@pytest.mark.parametrize(
    ("kind", "ending", "beginning"),
    [("Markdown", "md", b"# "), ("PDF", "pdf", b"%PDF-"), ("JSON", "json", b"{")],
)
async def test_one_chat_leaves_from_where_it_is_read(
    stack: Stack, visitors: Any, shoot: Any, kind: str, ending: str, beginning: bytes
) -> None:
    ada = await visitors(stack, accept_downloads=True)
    page = await ada.register()
    await send(page, "Tell me about exports")
    await expect(answers(page)).to_have_count(1)
    await ask(page, "export")
    dialog = page.get_by_role("dialog", name="Export chats")
    await expect(dialog.get_by_label("This chat")).to_be_checked()
    await dialog.get_by_label(kind).check()
    await shoot(page, f"export-dialog-{ending}")
    name, content = await saved(page, dialog.get_by_role("button", name="Export", exact=True).click)
    assert name.endswith(f".{ending}")
    assert content.startswith(beginning)
    if ending != "pdf":
        assert b"Tell me about exports" in content
    await expect(dialog).to_have_count(0)


async def test_a_file_that_is_too_large_is_refused_before_it_is_sent(
    stack: Stack, visitors: Any, tmp_path: Path
) -> None:
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(201 * 2**20)
    ada = await visitors(stack)
    await ada.register()
    page = await data(ada)
    await page.get_by_test_id("import-file").set_input_files(large)
    await expect(page.get_by_role("alert")).to_have_text(
        "This file is too large: up to 200 MB can be imported."
    )


async def test_the_dialog_and_the_page_in_the_dark(stack: Stack, visitors: Any, shoot: Any) -> None:
    ada = await visitors(stack, color_scheme="dark")
    page = await ada.register()
    await ask(page, "export")
    dialog = page.get_by_role("dialog", name="Export chats")
    await expect(dialog.get_by_text("This chat")).to_have_count(0)  # there is none yet
    await shoot(page, "export-dialog-dark")
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    page = await data(ada)
    await page.get_by_test_id("import-file").set_input_files(FILES / "open_webui.json")
    await expect(page.get_by_test_id("import-summary")).to_contain_text("1 chat imported")
    await shoot(page, "transfer-desktop-dark")


async def test_the_page_on_a_phone_in_german_in_the_dark(stack: Stack, visitors: Any, shoot: Any) -> None:
    ada = await visitors(stack, viewport=PHONE, locale="de-DE", color_scheme="dark")
    page = await ada.tab("/register")
    await page.get_by_label("Benutzername").fill(ada.name)
    await page.get_by_label("Passwort").first.fill("correct horse battery")
    await page.get_by_role("button", name="Konto anlegen").click()
    await expect(page).to_have_url(re.compile("/chat$"))
    await ada.here(page)
    await ask(page, "export")
    await expect(page.get_by_role("dialog", name="Chats exportieren")).to_be_visible()
    await shoot(page, "export-dialog-phone-de-dark")
    page = await data(ada)
    await page.get_by_test_id("import-file").set_input_files(FILES / "chatgpt.json")
    await expect(page.get_by_test_id("import-summary")).to_contain_text("2 Chats importiert")
    await page.locator("#data").scroll_into_view_if_needed()
    await shoot(page, "transfer-phone-de-dark")
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
