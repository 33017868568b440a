"""What pages ask for beside Reflex: the words of an answer, and the outbox's deliveries."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import httpx
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tests.webapp.conftest import Backend, sign_in
from webapp.login_cookie import NAME
from webapp.routes import ROUTES
from webapp.routes.live_answer import OVER, REFUSED, TRY_AGAIN
from webapp.services.api import Api
from webapp.services.logins import Logins
from webapp.state.message_rows import LONGEST_MESSAGE

APP = Starlette(routes=ROUTES)
ANSWER = f"/answers/{UUID(int=7)}/live"
DELIVERY = {
    "owner": "u",
    "session_id": str(UUID(int=1)),
    "message_id": str(UUID(int=2)),
    "content": "Hello",
    "title": "",
}


def events(*pairs: tuple[str, dict[str, Any]]) -> httpx2.Response:
    text = "".join(f"id: x\nevent: {name}\ndata: {json.dumps(data)}\n\n" for name, data in pairs)
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, text=text)


def turn(run: str, offset: int) -> tuple[str, dict[str, Any]]:
    return "turn", {"run": run, "offset": offset}


def heard(login_id: str, address: str = ANSWER) -> tuple[list[str], int]:
    """All frames of a line, and how it ended."""
    frames: list[str] = []
    with TestClient(APP, cookies={NAME: login_id}) as browser, browser.websocket_connect(address) as line:
        while True:
            try:
                frames.append(line.receive_text())
            except WebSocketDisconnect as end:
                return frames, end.code


async def listen(login_id: str, address: str = ANSWER) -> tuple[list[str], int]:
    return await asyncio.to_thread(heard, login_id, address)


async def test_words_that_come_together_travel_together(backend: Backend, api: Api, logins: Logins) -> None:
    words = [("delta", {"text": text}) for text in ("grü", "ße", " 🥊")]
    backend.streams = lambda: events(turn("r1", 0), *words, ("done", {"content": "x"}))
    assert await listen(await sign_in(logins, api)) == (["@r1:0", "+grüße 🥊", "."], OVER)
    assert backend.asked[-1].url.path == f"/api/chat/{UUID(int=7)}/stream"
    assert "last-event-id" not in backend.asked[-1].headers


async def test_a_page_that_comes_back_goes_on_where_it_was(
    backend: Backend, api: Api, logins: Logins
) -> None:
    backend.streams = lambda: events(turn("r1", 5), ("delta", {"text": "!"}), turn("r2", 3))
    frames, _ = await listen(await sign_in(logins, api), f"{ANSWER}?after=r1:5")
    assert frames == ["@r1:5", "+!", "@r2:3", "."]
    assert backend.asked[-1].headers["last-event-id"] == "r1:5"


async def test_a_page_that_is_gone_while_words_come_is_no_failure(
    backend: Backend, api: Api, logins: Logins
) -> None:
    backend.streams = lambda: events(turn("r1", 0), ("delta", {"text": "!"}))
    frames = iter([{"type": "websocket.connect"}])

    async def receive() -> dict[str, Any]:
        return next(frames, None) or await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        if message["type"] == "websocket.send":
            raise OSError("nobody there")  # what ASGI's `send` raises then

    cookie = f"{NAME}={await sign_in(logins, api)}".encode()
    scope = {"type": "websocket", "path": ANSWER, "query_string": b"", "headers": [(b"cookie", cookie)]}
    async with asyncio.timeout(10):
        await APP(scope, receive, send)


async def test_an_ended_token_is_renewed_on_the_way(backend: Backend, api: Api, logins: Logins) -> None:
    answers = iter([httpx2.Response(401), events(turn("r1", 0))])
    backend.streams = lambda: next(answers)
    assert await listen(await sign_in(logins, api)) == (["@r1:0", "."], OVER)
    assert backend.refreshes == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx2.Response(404, json={"detail": "none"}), REFUSED),
        (httpx2.Response(422), REFUSED),
        (httpx2.Response(500), TRY_AGAIN),
        (httpx2.Response(503), TRY_AGAIN),
        (httpx2.Response(429), TRY_AGAIN),
    ],
)
async def test_a_refused_line_says_whether_to_try_again(
    backend: Backend, api: Api, logins: Logins, answer: httpx2.Response, code: int
) -> None:
    backend.streams = lambda: answer
    assert await listen(await sign_in(logins, api)) == ([], code)


async def test_whoever_is_not_signed_in_hears_nothing(backend: Backend, logins: Logins) -> None:
    assert await listen("invented") == ([], REFUSED)
    assert backend.asked == []


async def deliver(login_id: str, body: Any, path: str = "/outbox") -> tuple[int, dict[str, Any]]:
    transport = httpx.ASGITransport(APP)
    async with httpx.AsyncClient(transport=transport, base_url="http://x", cookies={NAME: login_id}) as http:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = await http.post(path, content=content)
    return answer.status_code, answer.json() if answer.content else {}


async def test_a_message_is_delivered_once_the_backend_has_the_turn(
    backend: Backend, api: Api, logins: Logins
) -> None:
    backend.streams = lambda: events(turn("r1", 0))
    assert await deliver(await sign_in(logins, api), DELIVERY) == (204, {})
    assert json.loads(backend.asked[-1].content) == {
        "session_id": DELIVERY["session_id"],
        "message_id": DELIVERY["message_id"],
        "content": "Hello",
    }


async def test_an_edited_question_says_which_one_it_replaces(
    backend: Backend, api: Api, logins: Logins
) -> None:
    backend.streams = lambda: events(turn("r1", 0))
    edit = {**DELIVERY, "edit_of": str(UUID(int=9))}
    assert await deliver(await sign_in(logins, api), edit) == (204, {})
    assert json.loads(backend.asked[-1].content)["edit_of"] == edit["edit_of"]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "around=x", "more=1", "limit=ten"])
async def test_a_page_of_history_is_asked_for_in_one_way(logins: Logins, api: Api, query: str) -> None:
    transport = httpx.ASGITransport(APP)
    cookies = {NAME: await sign_in(logins, api)}
    async with httpx.AsyncClient(transport=transport, base_url="http://x", cookies=cookies) as http:
        answer = await http.get(f"/history/{UUID(int=1)}?{query}")
    assert (answer.status_code, "retry_after" in answer.json()) == (422, False)


async def test_no_history_for_whoever_is_not_signed_in(logins: Logins) -> None:
    transport = httpx.ASGITransport(APP)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
        assert (await http.get(f"/history/{UUID(int=1)}")).status_code == 401
        assert (await http.get("/history/no-uuid")).status_code == 404


@pytest.mark.parametrize(
    ("answer", "status", "retry_after"),
    [
        (httpx2.Response(429, json={"detail": "Slowly."}, headers={"Retry-After": "7"}), 429, 7),
        (httpx2.Response(429, json={"detail": "Slowly."}), 429, 5),
        (httpx2.Response(503, json={"detail": "Away."}), 503, 0),
        (httpx2.Response(500, json={"detail": "Odd."}), 500, 5),
        (httpx2.Response(404, json={"detail": "None."}), 404, None),
        (httpx2.Response(409, json={"detail": "Another text."}), 409, None),
    ],
)
async def test_a_refusal_says_whether_and_when_to_try_again(
    backend: Backend,
    api: Api,
    logins: Logins,
    answer: httpx2.Response,
    status: int,
    retry_after: float | None,
) -> None:
    backend.streams = lambda: answer
    said, body = await deliver(await sign_in(logins, api), DELIVERY)
    assert (said, body.get("retry_after")) == (status, retry_after)
    assert body["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[]",
        {},
        {**DELIVERY, "content": ""},
        {**DELIVERY, "content": "x" * (LONGEST_MESSAGE + 1)},
        {**DELIVERY, "session_id": "1"},
        {**DELIVERY, "title": "another"},
        {**DELIVERY, "more": 1},
        {**DELIVERY, "edit_of": "the last one"},
        b" " * 2_000_000,
    ],
)
@pytest.mark.parametrize("path", ["/outbox", "/outbox/discard"])
async def test_what_is_no_message_goes_nowhere(
    backend: Backend, api: Api, logins: Logins, body: Any, path: str
) -> None:
    if path == "/outbox/discard" and isinstance(body, dict):
        body = {"session_id": 1}
    status, said = await deliver(await sign_in(logins, api), body, path)
    assert status == 422
    assert "retry_after" not in said
    assert backend.asked == []


async def test_nobody_sends_in_the_name_of_another(backend: Backend, api: Api, logins: Logins) -> None:
    status, body = await deliver(await sign_in(logins, api), {**DELIVERY, "owner": "somebody else"})
    assert (status, body["retry_after"]) == (403, 30)
    assert (await deliver("invented", DELIVERY))[0] == 401
    assert backend.asked == []
