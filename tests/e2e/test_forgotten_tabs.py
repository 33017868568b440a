"""A tab in which nothing happens for a while: the web UI has forgotten its state, and nobody notices."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import PASSWORD, fill_account
from tests.e2e.stack import Stack
from tests.e2e.test_story import answers, item, send

if TYPE_CHECKING:
    from tests.e2e.model import Model

#: Seconds, instead of ten minutes.
FORGOTTEN_AFTER = 2


@pytest.fixture(scope="module")
def forgetful(
    e2e_database: str,
    built_webapp: None,
    chromium: str,
    model: Model,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    environment = {"REFLEX_REDIS_TOKEN_EXPIRATION": str(FORGOTTEN_AFTER)}
    folder = tmp_path_factory.mktemp("forgetful")
    with Stack(e2e_database, folder, model_url=model.url, environment=environment) as running:
        yield running


async def test_a_forgotten_tab_hears_and_does_what_any_other_does(forgetful: Stack, visitors: Any) -> None:
    ada = await visitors(forgetful)
    page = await ada.register()
    await send(page, "Before")
    await expect(answers(page)).to_have_count(1)
    device = await visitors(forgetful, name=ada.name)
    elsewhere = await device.tab("/sign-in?next=" + page.url.removeprefix(ada.home))
    await asyncio.sleep(2 * FORGOTTEN_AFTER)
    await fill_account(elsewhere, ada.name, PASSWORD)
    await elsewhere.get_by_role("button", name="Sign in").click()
    await expect(elsewhere).to_have_url(page.url)
    await expect(answers(elsewhere)).to_have_count(1)

    await asyncio.sleep(2 * FORGOTTEN_AFTER)
    await send(elsewhere, "Meanwhile")
    await expect(answers(page)).to_have_count(2)
    await asyncio.sleep(2 * FORGOTTEN_AFTER)
    await elsewhere.get_by_test_id("new-chat").click()
    await elsewhere.keyboard.type("Another one")
    await elsewhere.keyboard.press("Enter")
    await expect(elsewhere).not_to_have_url(page.url)
    await send(elsewhere, "Hello")
    await item(page, "Another one").get_by_role("link").click()
    await expect(answers(page)).to_have_count(1)
    await asyncio.sleep(2 * FORGOTTEN_AFTER)
    await send(page, "And from here")
    await expect(answers(elsewhere)).to_have_count(2)

    await asyncio.sleep(2 * FORGOTTEN_AFTER)
    await elsewhere.get_by_role("button", name="Sign out").click()
    await expect(elsewhere).to_have_url(re.compile("/sign-in"))
    await ada.here(page)
