"""With Redis: what a tab shows is kept there, and the tab comes through the end of either."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING, Any

from playwright.async_api import expect

from tests.e2e.conftest import PASSWORD, fill_account
from tests.e2e.stack import Stack
from tests.e2e.test_story import answers, item, send

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RedisServer


async def test_a_tab_outlives_the_web_ui_and_redis(
    redis_server: RedisServer, e2e_database: str, built_webapp: None, tmp_path: Path, visitors: Any
) -> None:
    with Stack(e2e_database, tmp_path, redis_url=redis_server.url) as stack:
        ada = await visitors(stack)
        page = await ada.register()
        await send(page, "With Redis")
        await expect(page).to_have_url(re.compile("/chat/.+"))
        await expect(answers(page)).to_have_count(1)

        stack.stop("webapp", signal.SIGKILL)
        stack.start("webapp")
        await send(page, "After the web UI")
        await expect(answers(page)).to_have_count(2)

        device = await visitors(stack, name=ada.name)
        elsewhere = await device.tab("/sign-in")
        await fill_account(elsewhere, ada.name, PASSWORD)
        await elsewhere.get_by_role("button", name="Sign in").click()
        await item(elsewhere, "With Redis").get_by_role("link").click()
        await expect(answers(elsewhere)).to_have_count(2)

        redis_server.kill()
        await page.wait_for_timeout(1500)
        redis_server.start()
        await send(elsewhere, "After Redis")
        for tab in (elsewhere, page):
            await expect(answers(tab)).to_have_count(3)
            await expect(tab.get_by_test_id("message")).to_have_count(6)
        await send(page, "And again")
        for tab in (elsewhere, page):
            await expect(answers(tab)).to_have_count(4)
            await expect(item(tab, "With Redis")).to_contain_text("8 messages")
