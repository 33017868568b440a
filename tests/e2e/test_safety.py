"""What hostile text, hostile pages and other users can do: nothing."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
import websockets
from playwright.async_api import Page, WebSocketRoute, expect

from tests.e2e.conftest import PASSWORD, fill_account
from tests.e2e.test_story import answers, item, send

if TYPE_CHECKING:
    from tests.e2e.model import Model
    from tests.e2e.stack import Stack

PAYLOADS = [
    "<script>window.pwned = 1</script>",
    "<img src=x onerror='window.pwned = 1'>",
    "<iframe srcdoc='<script>parent.pwned = 1</script>'></iframe>",
    "<style>* { display: none }</style>",
    "<meta http-equiv=refresh content='0; url=https://example.org/'>",
    "[press](javascript:window.pwned=1)",
    "![seen](https://example.org/pixel.png)",
    "<a href='https://example.org' autofocus onfocus='window.pwned = 1'>x</a>",
    "```html\n<script>window.pwned = 1</script>\n```",
]
HANDLER = "reflex___state____state.webapp___state___chat_history____chat_history."


async def test_hostile_text_stays_text_in_titles_questions_and_answers(
    model_stack: Stack, model: Model, visitors: Any, shoot: Any
) -> None:
    page = await (await visitors(model_stack)).register()
    model.words = ["\n\n".join(PAYLOADS)]
    await page.get_by_test_id("new-chat").click()
    await page.get_by_test_id("title-input").fill(PAYLOADS[1])
    await page.get_by_test_id("title-input").press("Enter")
    await expect(item(page, PAYLOADS[1])).to_be_visible()
    await expect(page.get_by_test_id("session-title")).to_have_text(PAYLOADS[1])
    await send(page, "\n".join(PAYLOADS))
    await expect(answers(page)).to_have_count(1)
    await page.reload()
    await expect(answers(page)).to_contain_text("<script>")
    await shoot(page, "10-hostile")
    assert await page.evaluate("window.pwned") is None
    bubbles = page.get_by_test_id("messages")
    assert await bubbles.locator("script, iframe, style, meta, img, [onerror], [onfocus]").count() == 0
    for link in await bubbles.locator("a").all():
        assert not (await link.get_attribute("href") or "").startswith("javascript:")


async def test_a_foreign_chat_and_none_at_all_look_the_same(stack: Stack, visitors: Any) -> None:
    ada, bob = await visitors(stack), await visitors(stack, name="bob-of-the-tests")
    page = await ada.register()
    await send(page, "My secret")
    await expect(answers(page)).to_have_count(1)
    seen = []
    await bob.register()
    for path in [
        page.url.removeprefix(ada.home),
        "/chat/00000000-0000-4000-8000-000000000000",
        "/chat/no-uuid",
    ]:
        tab = await bob.tab(path)
        await expect(tab.get_by_test_id("not-found")).to_be_visible()
        await expect(tab.get_by_text("No chats yet")).to_be_visible()
        seen.append(await tab.locator("main").inner_text())
        assert "My secret" not in await tab.content()
    assert len(set(seen)) == 1


async def test_handlers_called_by_hand_reach_nothing_of_others(
    stack: Stack, e2e_database: str, visitors: Any
) -> None:
    """Whoever speaks the page's protocol can call each handler with any arguments."""
    ada = await visitors(stack)
    page = await ada.register()
    await send(page, "My secret")
    await expect(answers(page)).to_have_count(1)
    session_id = page.url.rpartition("/")[2]
    with psycopg.connect(e2e_database) as database:
        (answer_id,) = database.execute(
            "SELECT message_id::text FROM chat_messages WHERE session_id = %s AND role = 'assistant'",
            [session_id],
        ).fetchone() or ("",)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("load_session", {"session_id": session_id}),
        ("follow_messages", {"session_id": session_id}),
        ("clear_messages", {"session_id": session_id}),
        ("stop_answer", {"message_id": answer_id}),
        ("continue_answer", {"message_id": answer_id}),
        ("regenerate_answer", {"message_id": answer_id}),
        ("choose_version", {"message_id": answer_id}),
        ("mark_read", {"session_id": session_id, "row_id": 1, "device_id": answer_id}),
        ("create_session", {"form": {"title": "by hand"}}),
        ("create_session", {"form": {"title": {"no": "text"}}}),
        ("stop_answer", {"message_id": "no uuid"}),
        ("mark_read", {"session_id": session_id, "row_id": "no number", "device_id": "no uuid"}),
        ("sign_out", {"may_leave": "perhaps"}),
        ("load_all_sessions", {}),
        ("follow_categories", {}),
    ]
    asked: list[tuple[str, dict[str, Any]]] = [
        ("changes", {"ids": [session_id], "changes": {"title": "mine"}}),
        ("changes", {"ids": [session_id], "changes": {"is_active": False}}),
        ("changes", {"ids": [session_id], "changes": {"is_active": True, "category": "mine"}}),
        ("changes", {"ids": [session_id], "changes": {"user_id": answer_id}}),
        ("delete-forever", {"ids": [session_id]}),
        ("empty-trash", {}),
    ]
    bob = await visitors(stack)
    for visitor, start in ((await visitors(stack), "/sign-in"), (bob, "/register")):
        received = await call_by_hand(visitor, start, calls)
        for path, body in asked:
            answer = await visitor.context.request.post(
                f"{visitor.home}/sessions/{path}", data=body, headers={"Origin": visitor.home}
            )
            received += await answer.text()
        received += await (await visitor.context.request.get(f"{visitor.home}/sessions")).text()
        assert "My secret" not in received
    with psycopg.connect(e2e_database) as database:
        after = database.execute(
            "SELECT title, category, is_active, total_messages FROM chat_sessions WHERE session_id = %s",
            [session_id],
        ).fetchone()
        own = database.execute(
            "SELECT title FROM chat_sessions JOIN users ON users.id = user_id WHERE username = %s", [bob.name]
        ).fetchall()
    assert after == ("My secret", "general", True, 2)
    assert ("by hand",) in own  # so the calls did arrive
    await expect(page.get_by_test_id("message")).to_have_count(2)


async def call_by_hand(visitor: Any, start: str, calls: list[tuple[str, dict[str, Any]]]) -> str:
    """Everything that the server said after these calls; the visitor registers first if `start` says so."""
    routes: list[WebSocketRoute] = []
    received: list[str] = []

    def pass_on(page_side: WebSocketRoute) -> None:
        server_side = page_side.connect_to_server()
        routes.append(server_side)

        def note(message: str | bytes) -> None:
            received.append(str(message))
            page_side.send(message)

        server_side.on_message(note)

    await visitor.context.route_web_socket(re.compile("_event"), pass_on)
    page: Page = await (visitor.register() if start == "/register" else visitor.tab(start))
    await expect(page.locator("main")).to_be_visible()
    await page.wait_for_timeout(500)
    path = "/chat" if start == "/register" else start
    for name, payload in calls:
        event = {"name": HANDLER + name, "payload": payload, "router_data": {"pathname": path, "query": {}}}
        routes[-1].send("42/_event," + json.dumps(["event", event]))
    await page.wait_for_timeout(2500)
    return "".join(received)


async def test_no_token_reaches_the_browser(stack: Stack, visitors: Any) -> None:
    ada = await visitors(stack)
    frames: list[str] = []
    ada.context.on(
        "page",
        lambda page: page.on(
            "websocket",
            lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))),
        ),
    )
    page = await ada.register()
    await send(page, "Hello")
    await expect(answers(page)).to_have_count(1)
    await page.reload()
    await expect(answers(page)).to_have_count(1)
    (cookie,) = await ada.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    everything = "".join(frames) + await page.content()
    everything += await page.evaluate(
        "JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}])"
    )
    assert "Hello" in everything
    assert cookie["value"] not in everything
    assert "eyJ" not in everything  # how every JWT begins


async def test_a_page_of_another_site_can_neither_listen_nor_sign_out(stack: Stack, visitors: Any) -> None:
    ada = await visitors(stack)
    await ada.register()
    (cookie,) = await ada.context.cookies()
    headers = {"Cookie": f"{cookie['name']}={cookie['value']}"}
    home = ada.home.replace("http", "ws")
    urls = [
        f"{home}/_event/?EIO=4&transport=websocket&token=x",
        f"{home}/answers/00000000-0000-4000-8000-000000000000/live",
    ]
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        for url in urls:
            with pytest.raises(websockets.InvalidStatus, match="403"):
                await websockets.connect(url, additional_headers=headers, origin=origin)  # type: ignore[arg-type]
        async with httpx.AsyncClient(base_url=ada.home, headers=headers | {"Origin": origin}) as evil:
            assert (await evil.post("/login/end")).status_code == 403
            assert (await evil.post("/login/begin", json={"ticket": "x"})).status_code == 403
            assert (await evil.post("/outbox", json={})).status_code == 403
            assert (await evil.post("/sessions/changes", json={})).status_code == 403
            assert (await evil.post("/outbox/discard", json={})).status_code == 403
    async with httpx.AsyncClient(base_url=ada.home, headers={"Origin": ada.home}) as own:
        answer = await own.post("/login/begin", json={"ticket": "invented"})
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    tab = await ada.tab()
    await ada.here(tab)


@pytest.mark.parametrize("path", ["/sign-in", "/register"])
async def test_whoever_is_faster_than_the_page_s_scripts_sends_no_password_in_an_address(
    stack: Stack, visitors: Any, path: str
) -> None:
    ada = await visitors(stack, java_script_enabled=False)
    page = await ada.tab(path)
    await fill_account(page, ada.name, PASSWORD)
    await page.get_by_label("Password").press("Enter")
    await expect(page.locator("button[type=submit]")).to_be_disabled()
    await asyncio.sleep(0.5)
    assert page.url == ada.home + path
    await expect(page.get_by_label("Password")).to_have_value(PASSWORD)


async def test_pages_carry_protective_headers(stack: Stack, visitors: Any) -> None:
    async with httpx.AsyncClient(base_url=stack.url("webapp")) as client:
        page = await client.get("/sign-in")
        headers = page.headers
        assert headers["cache-control"] == "no-cache"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        scripts = policy.partition("script-src")[2].partition(";")[0]
        assert "unsafe" not in scripts
        assert "*" not in scripts
        asset = re.search(r'"(/assets/[^"]+\.js)"', page.text)
        assert asset
        assert "immutable" in (await client.get(asset[1])).headers["cache-control"]
        assert (await client.get("/chat")).headers["location"] == "/sign-in"
        assert (await client.get("/chat/x")).headers["location"] == "/sign-in?next=/chat/x"
