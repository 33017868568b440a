"""Behind the proxy of the compose deployment: TLS, and what only TLS makes possible."""

from __future__ import annotations

import json
import os
import re
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
import websockets
from playwright.async_api import expect

from tests.e2e.caddy import BINARY, Caddy
from tests.e2e.test_story import answers, send

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

pytestmark = pytest.mark.skipif(
    BINARY is None and not os.environ.get("CI"), reason="no Caddy found (Debian: apt install caddy)"
)
#: Signed by nobody whom the tests know.
UNKNOWN = ssl._create_unverified_context()  # noqa: S323


@pytest.fixture(scope="module")
def caddy(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caddy]:
    with Caddy(stack, tmp_path_factory.mktemp("caddy")) as running:
        yield running


@pytest.fixture
def proxied(caddy: Caddy) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=caddy.url, verify=UNKNOWN) as client:
        yield client


async def test_a_user_signs_in_and_chats_over_tls(stack: Stack, caddy: Caddy, visitors: Any) -> None:
    ada = await visitors(stack, home=caddy.url, ignore_https_errors=True)
    page = await ada.register()
    await send(page, "What can you do?")  # which needs the WebSockets
    await expect(answers(page)).to_have_count(1)
    (cookie,) = await ada.context.cookies()
    assert (cookie["name"], cookie["secure"], cookie["httpOnly"]) == ("__Host-chat_login", True, True)
    assert (cookie["path"], cookie["domain"], cookie["sameSite"]) == ("/", "localhost", "Lax")
    await page.reload()
    await ada.here(page)
    await page.get_by_role("button", name="Sign out").click()
    await expect(page).to_have_url(re.compile("/sign-in"))
    assert await ada.context.cookies() == []


def test_whoever_comes_without_tls_is_led_to_it(caddy: Caddy, proxied: httpx.Client) -> None:
    plain = httpx.get(f"http://localhost:{caddy.http_port}/chat")
    assert plain.status_code in {301, 308}
    assert plain.headers["location"].startswith("https://localhost")
    for path in ("/sign-in", "/api/chat/search?q="):
        assert proxied.get(path).headers["strict-transport-security"] == "max-age=31536000"


def test_the_api_is_there_and_knows_who_asks(stack: Stack, proxied: httpx.Client) -> None:
    account = {"username": f"ada-{uuid4().hex[:8]}", "password": "correct horse battery"}
    claimed = {"X-Forwarded-For": "198.51.100.9"}  # nobody believes a stranger
    tokens = proxied.post("/auth/register", json=account, headers=claimed).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    (device,) = proxied.get("/auth/devices", headers=bearer).json()["items"]
    assert device["address"] in {"127.0.0.1", "::1"}
    made = proxied.post("/api/chat/sessions", json={}, headers=bearer)
    assert made.status_code == 201


@pytest.fixture
def session(proxied: httpx.Client) -> tuple[str, dict[str, str]]:
    """Its id, and the headers of its owner."""
    account = {"username": f"ada-{uuid4().hex[:8]}", "password": "correct horse battery"}
    token = proxied.post("/auth/register", json=account).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    return proxied.post("/api/chat/sessions", json={}, headers=bearer).json()["session_id"], bearer


async def test_a_program_s_websocket_goes_through(caddy: Caddy, session: tuple[str, dict[str, str]]) -> None:
    session_id, bearer = session
    url = f"wss://localhost:{caddy.https_port}/ws/chat/{session_id}"
    async with websockets.connect(url, additional_headers=bearer, ssl=UNKNOWN) as socket:
        assert json.loads(await socket.recv())["type"] == "ready"


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/metrics/", "/readyz", "/v1/metadata", "/v1/graphql", "/v2/query", "/console", "/healthz"],
)
def test_what_is_for_operators_is_not_there(stack: Stack, proxied: httpx.Client, path: str) -> None:
    answer = proxied.get(path)
    assert answer.status_code == 404 or "Not found" in answer.text
    assert "chat_" not in answer.text
    posted = proxied.post(path, json={"query": "{ __typename }"}, headers={"Origin": str(proxied.base_url)})
    assert posted.status_code in {404, 405}


def test_the_gateway_shows_no_numbers(caddy: Caddy) -> None:
    for path in ("/metrics", "/metrics/"):
        assert httpx.get(f"http://127.0.0.1:{caddy.gateway_port}{path}").status_code == 404
    assert httpx.get(f"http://127.0.0.1:{caddy.gateway_port}/healthz").status_code == 200


def test_a_form_on_a_page_without_tls_changes_nothing(caddy: Caddy, proxied: httpx.Client) -> None:
    """Of the same name: whoever is on the way may have written it."""
    headers = {"Origin": f"http://localhost:{caddy.https_port}"}
    assert proxied.post("/login/end", headers=headers).status_code == 403
    assert proxied.post("/login/end", headers={"Origin": caddy.url}).status_code == 204
