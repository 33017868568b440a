"""What other sites' pages may ask for, and where a request for a page goes."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from webapp import login_cookie
from webapp.front_door import FrontDoor
from webapp.guard import Guard, content_security_policy


async def echo(request: Request) -> Response:
    return PlainTextResponse(request.url.path)


async def page(_request: Request) -> Response:
    return HTMLResponse("<p>")


async def own(_request: Request) -> Response:
    return JSONResponse({"messages": ["private"]})


async def login(request: Request) -> Response:
    return PlainTextResponse(login_cookie.read(request.headers.get("cookie", "")))


APP = Starlette(
    routes=[
        Route("/login", login),
        Route("/page", page),
        Route("/own", own),
        Route("/{path:path}", echo, methods=["GET", "POST", "HEAD", "DELETE"]),
    ]
)


def client(app: object, base_url: str = "http://chat.example:3000") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "origin", "allowed"),
    [
        ("chat.example", "https://chat.example", True),
        ("chat.example", "http://chat.example", True),
        ("chat.example:443", "https://chat.example", True),
        ("chat.example:3000", "http://chat.example:3000", True),
        ("[::1]:3000", "http://[::1]:3000", True),
        ("chat.example:3000", "http://chat.example", False),
        ("chat.example", "https://chat.example.evil", False),
        ("chat.example", "https://evil.example", False),
        ("chat.example", "null", False),
        ("chat.example", "", False),
        ("chat.example", "https://chat.example:x", False),
        ("", "", False),
    ],
)
async def test_a_post_must_come_from_a_page_of_this_server(host: str, origin: str, allowed: bool) -> None:
    async with client(Guard(APP, "policy")) as http:
        answer = await http.post("/x", headers={"Host": host, "Origin": origin})
        assert (answer.status_code == 200) is allowed
        assert (await http.get("/x", headers={"Host": host, "Origin": origin})).status_code == 200


@pytest.mark.parametrize(
    ("scheme", "origin", "allowed"),
    [
        ("ws", "http://chat.example:3000", True),
        ("ws", "http://evil.example", False),
        ("ws", "", False),  # no browser leaves it out
        ("wss", "https://chat.example:3000", True),
        ("wss", "http://chat.example:3000", False),
    ],
)
async def test_a_websocket_must_come_from_a_page_of_this_server(
    scheme: str, origin: str, allowed: bool
) -> None:
    """The cookie travels with every site's WebSocket: nothing but the origin tells them apart."""
    reached: list[str] = []
    sent: list[Message] = []

    async def inner(scope: Scope, _receive: Receive, _send: Send) -> None:
        reached.append(scope["path"])

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [
        (b"host", b"chat.example:3000"),
        (b"origin", origin.encode()),
        (b"cookie", b"chat_login=stolen"),
    ]
    scope = {"type": "websocket", "scheme": scheme, "path": "/_event", "headers": headers}
    await Guard(inner, "policy")(scope, receive, send)
    assert reached == (["/_event"] if allowed else [])
    assert sent == ([] if allowed else [{"type": "websocket.close", "code": 1008}])


async def test_over_tls_the_origin_is_tls_and_encryption_is_asked_for() -> None:
    async with client(Guard(APP, "policy"), "https://chat.example") as https:
        for origin, status in (("https://chat.example", 200), ("http://chat.example", 403)):
            answer = await https.post("/x", headers={"Origin": origin})
            assert answer.status_code == status
        page = await https.get("/page")
    assert page.headers["strict-transport-security"] == "max-age=31536000"
    async with client(Guard(APP, "policy")) as http:
        assert "strict-transport-security" not in (await http.get("/page")).headers


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("__Host-chat_login=mine", "mine"),
        ("chat_login=planted", ""),  # set by a page of a neighbouring name, or by somebody on the way
        ("chat_login=planted; __Host-chat_login=mine", "mine"),
        ("__Host-chat_login=mine; chat_login=planted; a=1", "mine"),
        ("a=1", ""),
    ],
)
async def test_over_tls_a_login_that_somebody_else_may_have_set_is_not_read(sent: str, read: str) -> None:
    async with client(Guard(APP, "policy"), "https://chat.example") as https:
        answer = await https.get("/login", headers={"Cookie": sent})
    assert answer.text == read


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/x", {"Content-Length": str(2 * 2**20)}, 200),
        ("/x", {"Content-Length": str(2 * 2**20 + 1)}, 413),
        ("/x", {"Transfer-Encoding": "chunked"}, 413),
        ("/x", {"Content-Length": "many"}, 413),
        ("/import", {"Content-Length": str(200 * 2**20)}, 200),
        ("/import", {"Content-Length": str(200 * 2**20 + 1)}, 413),
    ],
)
async def test_a_body_that_is_too_long_or_does_not_say_is_not_read(
    path: str, headers: dict[str, str], status: int
) -> None:
    request = httpx.Request("POST", f"http://chat.example:3000{path}", headers=headers)
    request.headers["Origin"] = "http://chat.example:3000"
    async with client(Guard(APP, "policy")) as http:
        assert (await http.send(request)).status_code == status


async def test_only_pages_carry_the_policy_and_only_hashed_files_are_kept() -> None:
    async with client(Guard(APP, "policy")) as http:
        html, text, own, asset = [await http.get(path) for path in ("/page", "/x", "/own", "/assets/a-1.js")]
    assert html.headers["content-security-policy"] == "policy"
    assert "content-security-policy" not in text.headers
    for answer in (html, text, own, asset):
        assert answer.headers["x-frame-options"] == "DENY"
        assert (
            answer.headers["referrer-policy"]
            == answer.headers["cross-origin-resource-policy"]
            == "same-origin"
        )
    assert html.headers["cache-control"] == text.headers["cache-control"] == "no-cache"
    assert own.headers["cache-control"] == "no-store"
    assert "immutable" in asset.headers["cache-control"]


def test_the_policy_allows_the_inline_scripts_of_the_built_pages_and_no_other(tmp_path: Path) -> None:
    built = tmp_path / "index.html"
    built.write_text(
        '<script>run()</script><script type="module" async>x</script><script src="/a.js"></script>'
    )
    policy = content_security_policy([built])
    assert policy.count("'sha256-") == 2
    assert "script-src 'self' 'sha256-" in policy


@pytest.mark.parametrize(
    ("path", "cookie", "location"),
    [
        ("/", "", "/chat"),
        ("/chat", "", "/sign-in"),
        ("/chat/", "", "/sign-in"),
        ("/chat/5c1e", "", "/sign-in?next=/chat/5c1e"),
        ("/chat/x?y=1", "", "/sign-in?next=/chat/x"),
        ("/settings", "", "/sign-in?next=/settings"),
    ],
)
async def test_the_front_door_sends_strangers_to_sign_in(path: str, cookie: str, location: str) -> None:
    async with client(FrontDoor(APP)) as http:
        answer = await http.get(path, headers={"Cookie": cookie})
    assert (answer.status_code, answer.headers["location"]) == (303, location)


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("/chat", "/chat/"),
        ("/chat/5c1e", "/chat/5c1e"),
        ("/settings", "/settings/"),
        ("/sign-in", "/sign-in/"),
        ("/x", "/x"),
    ],
)
async def test_whoever_has_a_cookie_gets_the_page_without_a_detour(path: str, served: str) -> None:
    async with client(FrontDoor(APP)) as http:
        answer = await http.get(path, headers={"Cookie": f"{login_cookie.NAME}=x"})
    assert answer.text == served


@pytest.mark.parametrize(
    ("header", "login_id"),
    [
        ("chat_login=abc", "abc"),
        ("a=1; chat_login=abc; b=2", "abc"),
        ("", ""),
        ("chat_login=", ""),
        ("other=abc", ""),
        (";;;=", ""),
    ],
)
def test_the_cookie_is_read_from_its_header(header: str, login_id: str) -> None:
    assert login_cookie.read(header) == login_id
