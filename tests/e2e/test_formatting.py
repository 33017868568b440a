"""What an answer looks like: Markdown, code, formulas, tables, images; and what hostile ones can do: nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import until
from tests.e2e.payloads import PAYLOADS

if TYPE_CHECKING:
    from tests.e2e.conftest import Visitor
    from tests.e2e.stack import Stack

RICH = """\
# A heading

Some **bold** text, `code`, a [link](https://example.org/page) and prices: from $5 to $6, that is $11 in all.

| Name | Meaning |
|:--|--:|
| alpha | the first, $3 |
| omega | the last |

```python
def greet(name: str) -> str:
    return f"Hello {name}"
```

```unheard-of
plain
```

Inline \\(a^2 + b^2 = c^2\\), and $e^{i\\pi} + 1 = 0$, and in its own line:

\\[
\\sum_{k=1}^n k = \\frac{n(n+1)}{2}
\\]

- [x] done
- [ ] to do

> A quote.

![A local picture](/favicon.svg)
"""


def write_answers(database_url: str, visitor: Visitor, *answers: str) -> str:
    """A session in which these were answered; its id."""
    with psycopg.connect(database_url) as database:
        (session_id,) = database.execute(
            "INSERT INTO chat_sessions (user_id, title)"
            " SELECT id, 'Formats' FROM users WHERE username = %s RETURNING session_id::text",
            [visitor.name],
        ).fetchone() or ("",)
        database.execute(
            "INSERT INTO chat_messages (session_id, user_id, role, content)"
            " SELECT session_id, user_id, 'assistant', answer.value"
            " FROM chat_sessions, jsonb_array_elements_text(%s) WITH ORDINALITY AS answer (value, n)"
            " WHERE session_id = %s ORDER BY n",
            [json.dumps([answer.replace("\x00", "") for answer in answers]), session_id],
        )
    return session_id


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_an_answer_is_formatted(
    stack: Stack, e2e_database: str, visitors: Any, shoot: Any, dark: bool
) -> None:
    ada = await visitors(stack, color_scheme="dark" if dark else "light")
    await ada.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await ada.register()
    session_id = write_answers(e2e_database, ada, RICH)
    await page.goto(f"{ada.home}/chat/{session_id}")
    answer = page.get_by_test_id("message")
    await expect(answer.get_by_text("from $5 to $6, that is $11 in all")).to_be_visible()
    await expect(answer.locator(".katex")).to_have_count(3)
    await expect(answer.locator(".katex-display")).to_have_count(1)
    await expect(answer.locator(".katex-error")).to_have_count(0)
    await expect(answer.get_by_role("cell", name="the first, $3")).to_be_visible()
    await expect(answer.locator(".code-language")).to_have_text(["python", "unheard-of"])
    await expect(answer.locator(".hljs-keyword").first).to_have_text("def")
    await expect(answer.get_by_role("checkbox")).to_have_count(2)
    await expect(answer.get_by_role("link", name="link")).to_have_attribute(
        "rel", "noopener noreferrer nofollow"
    )
    await expect(answer.locator("img")).to_have_count(0)
    await shoot(page, f"30-formats-{'dark' if dark else 'light'}")
    await answer.get_by_test_id("copy-code").first.click()
    await expect(answer.get_by_text("Copied")).to_be_visible()
    assert (await page.evaluate("navigator.clipboard.readText()")).startswith("def greet(name: str)")
    await answer.get_by_test_id("show-image").click()
    await expect(answer.get_by_role("img", name="A local picture")).to_be_visible()


async def look_for_harm(page: Page) -> None:
    assert await page.evaluate("window.pwned") is None
    found = page.locator(
        "main :is(script, iframe, object, embed, style, meta, base, link, form:not(#message-form), video, audio,"
        " template, noscript, dialog, [srcdoc], [style*=url], [style*=fixed])"
    )
    assert await found.count() == 0
    addresses = await page.locator("main [href], main [src]").evaluate_all(
        "all => all.map((e) => e.getAttribute('href') ?? e.getAttribute('src'))"
    )
    assert not [a for a in addresses if not a.startswith(("http:", "https:", "/", "#"))], addresses
    handlers = await page.evaluate(
        "[...document.querySelectorAll('main *')].filter("
        "(e) => [...e.attributes].some((a) => a.name.startsWith('on'))).length"
    )
    assert handlers == 0
    await expect(page.get_by_test_id("message-input")).to_be_visible()


async def test_hostile_answers_stay_text(stack: Stack, e2e_database: str, visitors: Any, shoot: Any) -> None:
    """Whatever is asked of another server, or fails in the page, the visitors' fixture tells."""
    assert len(PAYLOADS) >= 60
    ada = await visitors(stack)
    page = await ada.register()
    # Each by itself, and all in one: what one leaves open another might close.
    session_id = write_answers(e2e_database, ada, *PAYLOADS, "\n\n".join(PAYLOADS))
    await page.goto(f"{ada.home}/chat/{session_id}")
    await expect(page.get_by_test_id("message").last).to_contain_text("<script>")
    await until(page, "document.querySelectorAll('.katex, .katex-error').length > 0")
    await look_for_harm(page)
    await shoot(page, "31-hostile")
    seen: set[str] = set()
    while not seen >= {"first"}:
        await look_for_harm(page)
        at_top = await page.locator(".scroller").evaluate(
            "(element) => { element.scrollBy(0, -600); return element.scrollTop <= 0 }"
        )
        await page.evaluate("new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")
        if at_top:
            seen.add("first")
    await expect(page.get_by_text(PAYLOADS[0], exact=True).first).to_be_visible()
    # No formula, no style reaches out of its message.
    widths = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] == widths[1]


async def test_hostile_titles_and_names_stay_text(stack: Stack, e2e_database: str, visitors: Any) -> None:
    ada = await visitors(stack)
    page = await ada.register()
    titles = [" ".join(payload.split())[:200] for payload in PAYLOADS]
    with psycopg.connect(e2e_database) as database:
        database.execute(
            "INSERT INTO chat_sessions (user_id, title, category) SELECT id, title, left(title, 40)"
            " FROM users, jsonb_array_elements_text(%s) AS title WHERE username = %s",
            [json.dumps(titles), ada.name],
        )
        database.execute("UPDATE users SET display_name = %s WHERE username = %s", [titles[6][:64], ada.name])
    await page.reload()
    await expect(page.get_by_test_id("session-item").first).to_be_visible()
    await page.get_by_test_id("session-item").first.get_by_role("link").click()
    await expect(page.get_by_test_id("session-title")).not_to_be_empty()
    await look_for_harm(page)
    assert await page.locator("#sidebar").locator("script, iframe, img, [onerror], [onload]").count() == 0
