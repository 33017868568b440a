"""Every page, in both themes, on a desk and on a phone: nothing keeps anybody out, nothing is wider than the screen.

The screenshots of this module (``.build/e2e/page-*.png``) are for looking at.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import Page, expect

from tests.e2e.axe import barriers, install
from tests.e2e.conftest import DESKTOP, PHONE, ROOT
from tests.e2e.model import Model
from tests.e2e.test_composer import field
from tests.e2e.test_story import answers

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

RICH = """## A heading

Some **bold** words, `code`, a [link](https://example.org), and a list:

1. one
2. two

> quoted

| name | value |
|---|---|
| first | 1 |

```python
def double(x: int) -> int:
    return 2 * x  # a comment
```
"""


@pytest.fixture(scope="session")
def axe() -> str:
    return install(ROOT / ".build" / "axe")


async def act(page: Page, name: str) -> None:
    await page.evaluate(
        "name => window.dispatchEvent(new CustomEvent('chat-action', {detail: {name}}))", name
    )


async def tell(page: Page, text: str) -> None:
    """On a phone, too, whose Enter is a new line."""
    await field(page).fill(text)
    await page.get_by_test_id("send").click()


async def views(stack: Stack, model: Model, ada: Any, *, phone: bool) -> AsyncIterator[tuple[str, Page]]:
    """Every page that there is, and what opens above it."""
    page = await ada.tab("/sign-in?reason=expired")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_test_id("form-error")).to_be_visible()
    yield "sign-in", page
    await page.close()
    page = await ada.tab("/no/such/page")
    await expect(page.get_by_role("heading")).to_be_visible()
    yield "not-found", page
    await page.close()
    page = await ada.tab("/register")
    await expect(page.get_by_role("heading")).to_be_visible()
    yield "register", page
    await page.close()
    page = await ada.register()
    yield "welcome", page
    await field(page).press("/")
    await expect(page.get_by_test_id("command-menu")).to_be_visible()
    yield "commands", page
    await field(page).fill("")

    model.words = [RICH]
    await tell(page, "Everything that **Markdown** has?")
    await expect(answers(page)).to_have_count(1)
    yield "chat", page
    model.status = 500
    await tell(page, "And out of order?")
    await expect(page.locator("[data-status=failed]").first).to_be_visible()
    model.obey()
    model.go.clear()
    model.words, model.at_once = ["Half of ", "an answer"], 1
    await tell(page, "And slowly?")
    await expect(page.locator("[data-status=streaming]")).to_be_visible()
    yield "answering", page
    model.go.set()
    await expect(answers(page)).to_have_count(2)

    for name in ("search", "help", "clear", "move", "export", "session-settings"):
        await act(page, name)
        await expect(page.locator("dialog:modal, [role=dialog], [role=alertdialog]").first).to_be_visible()
        yield name, page
        await page.keyboard.press("Escape")
        await expect(page.locator("dialog:modal, [role=dialog], [role=alertdialog]")).to_have_count(0)
    if phone:
        await act(page, "toggle-sidebar")
        await expect(page.get_by_test_id("session-item").first).to_be_visible()
        yield "sidebar", page
    for path, name in (("/chat/00000000-0000-4000-8000-000000000000", "missing"), ("/settings", "settings")):
        await page.goto(ada.home + path)
        await expect(page.get_by_role("heading").first).to_be_visible()
        if name == "settings":
            await expect(page.locator("input").first).to_be_visible()
        yield name, page


@pytest.mark.timeout(300)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("device", ["desk", "phone"])
async def test_no_page_has_a_serious_barrier(
    model_stack: Stack, model: Model, visitors: Any, shoot: Any, axe: str, theme: str, device: str
) -> None:
    screen = (
        {"viewport": PHONE, "has_touch": True, "is_mobile": True}
        if device == "phone"
        else {"viewport": DESKTOP}
    )
    ada = await visitors(model_stack, color_scheme=theme, reduced_motion="reduce", **screen)
    found: dict[str, list[str]] = {}
    async for name, page in views(model_stack, model, ada, phone=device == "phone"):
        await expect(page.locator("html")).to_have_class(re.compile(theme))
        await shoot(page, f"page-{name}-{device}-{theme}")
        lines = await barriers(page, axe)
        width = await page.evaluate("document.documentElement.scrollWidth")
        if width > screen["viewport"]["width"]:
            lines.append(f"{width} pixels wide")
        if lines:
            found[name] = lines
    assert not found, "\n".join(f"{name}: {line}" for name, lines in found.items() for line in lines)


async def test_the_finder_of_barriers_finds_one(stack: Stack, visitors: Any, axe: str) -> None:
    page = await (await visitors(stack)).tab("/sign-in")
    await expect(page.get_by_role("heading")).to_be_visible()
    await page.evaluate("document.querySelector('h1').style.color = '#ddd'")
    assert any(line.startswith("color-contrast") for line in await barriers(page, axe))
