"""What the settings page asks for, and how a browser hears that it was signed out from elsewhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from typing import Any
from uuid import UUID

import httpx
import httpx2
import pytest
from starlette.applications import Starlette

from backend.services.hasura_client import Unauthorized, Unavailable
from tests.webapp.conftest import Backend, sign_in
from webapp.login_cookie import NAME
from webapp.routes import ROUTES
from webapp.services import services
from webapp.services.api import Api
from webapp.services.logins import Logins, SignedOut
from webapp.state import watched_login
from webapp.state.watched_login import until_signed_out

APP = Starlette(routes=ROUTES)
DEVICE = str(UUID(int=9))
SESSION = str(UUID(int=3))
ALL = [
    ("GET", "/account", None),
    ("PATCH", "/account", {"display_name": "Ada"}),
    ("DELETE", "/account", {"password": "a password"}),
    ("POST", "/account/password", {"old": "a password", "new": "another password"}),
    ("DELETE", "/account/devices", None),
    ("DELETE", f"/account/devices/{DEVICE}", None),
    ("PUT", "/account/retention", {"days": 30}),
    ("GET", f"/sessions/{SESSION}/settings", None),
    ("PUT", f"/sessions/{SESSION}/settings", {"system_prompt": "Be brief.", "temperature": 0.5}),
]


def problem(status: int, slug: str, **headers: str) -> httpx2.Response:
    body = {"type": f"urn:chat-sessions:problem:{slug}", "title": slug, "detail": f"{slug} in English"}
    return httpx2.Response(status, json=body, headers=headers)


async def ask(
    login_id: str, method: str, path: str, body: object = None, *, content: bytes = b"", **headers: str
) -> httpx.Response:
    transport = httpx.ASGITransport(APP, client=("192.0.2.7", 4711))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://chat", cookies={NAME: login_id}
    ) as browser:
        sent: dict[str, Any] = {"content": content} if content else {"json": body} if body is not None else {}
        return await browser.request(method, path, headers=headers, **sent)


@pytest.mark.parametrize(("method", "path", "body"), ALL)
async def test_a_browser_that_is_not_signed_in_learns_nothing(
    backend: Backend, logins: Logins, method: str, path: str, body: object
) -> None:
    for cookie in ("", "invented"):
        answer = await ask(cookie, method, path, body)
        assert answer.status_code == 401
        assert set(answer.json()) == {"detail", "retry_after"}
    assert not backend.asked


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/account", {"display_name": ""}),
        ("PATCH", "/account", {"display_name": "x" * 101}),
        ("PATCH", "/account", {"display_name": "Ada", "role": "admin"}),
        ("PATCH", "/account", {"display_name": 7}),
        ("PATCH", "/account", []),
        ("PATCH", "/account", None),
        ("POST", "/account/password", {"old": "x", "new": "short"}),
        ("POST", "/account/password", {"old": "x" * 129, "new": "long enough"}),
        ("DELETE", "/account", {}),
        ("DELETE", "/account", {"password": None}),
        ("PUT", "/account/retention", {"days": 1}),
        ("PUT", "/account/retention", {"days": "30"}),
        ("PUT", "/account/retention", {}),
        ("PUT", f"/sessions/{SESSION}/settings", {"system_prompt": None}),
        ("PUT", f"/sessions/{SESSION}/settings", {"system_prompt": "x" * 8001, "temperature": 1}),
        ("PUT", f"/sessions/{SESSION}/settings", {"system_prompt": None, "temperature": 2.1}),
        ("PUT", f"/sessions/{SESSION}/settings", {"system_prompt": None, "temperature": -0.1}),
        ("PUT", f"/sessions/{SESSION}/settings", {"system_prompt": None, "temperature": "NaN"}),
        (
            "PUT",
            f"/sessions/{SESSION}/settings",
            {"system_prompt": None, "temperature": 1, "user_id": "x"},
        ),
    ],
)
async def test_a_form_that_does_not_fit_goes_no_further(
    backend: Backend, api: Api, logins: Logins, method: str, path: str, body: object
) -> None:
    answer = await ask(await sign_in(logins, api), method, path, body)
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert not backend.asked


@pytest.mark.parametrize(
    "content", [b"{", b"\xff", b'{"display_name": "' + b"x" * 20_000 + b'"}', b"[" * 9999]
)
async def test_what_is_no_json_or_too_long_goes_no_further(
    backend: Backend, api: Api, logins: Logins, content: bytes
) -> None:
    answer = await ask(await sign_in(logins, api), "PATCH", "/account", content=content)
    assert answer.status_code == 422
    assert not backend.asked


@pytest.mark.parametrize("path", ["/account/devices/x", "/account/devices/../me", "/sessions/x/settings"])
async def test_an_address_that_is_none_is_not_found(api: Api, logins: Logins, path: str) -> None:
    assert (await ask(await sign_in(logins, api), "DELETE", path)).status_code in {404, 405}


async def test_the_page_gets_the_account_and_its_devices(backend: Backend, api: Api, logins: Logins) -> None:
    device = {
        "id": DEVICE,
        "browser": "Firefox",
        "system": "Linux",
        "address": "192.0.2.1",
        "signed_in_at": "2026-01-01T00:00:00Z",
        "last_used_at": "2026-01-02T00:00:00Z",
        "current": True,
    }
    answers: dict[str, Any] = {
        "/auth/devices": {"items": [device]},
        "/auth/settings": {"retention_days": 90},
        "/auth/me": {"display_name": "Countess"},
    }
    backend.streams = lambda: httpx2.Response(200, json=answers[backend.asked[-1].url.path])
    login_id = await sign_in(logins, api)
    expected = {"username": "ada", "display_name": "Ada", "devices": [device], "retention_days": 90}
    found = await ask(login_id, "GET", "/account")
    assert found.json() == expected
    assert "access-0" not in found.text
    assert "refresh-0" not in found.text
    renamed = await ask(login_id, "PATCH", "/account", {"display_name": "Countess"})
    assert renamed.json() == {"display_name": "Countess"}
    assert (await ask(login_id, "GET", "/account")).json() == expected | {"display_name": "Countess"}


async def test_a_password_is_checked_with_the_browser_s_own_address_and_name(
    backend: Backend, api: Api, logins: Logins
) -> None:
    backend.streams = lambda: problem(403, "wrong-password")
    login_id = await sign_in(logins, api)
    for method, path, body in (ALL[2], ALL[3]):
        headers = {"User-Agent": "Of the tests", "Accept-Language": "de"}
        refused = await ask(login_id, method, path, body, **headers)
        assert (refused.status_code, refused.json()["detail"]) == (
            403,
            "Das Passwort ist falsch. Versuch es noch einmal.",
        )
        assert backend.asked[-1].headers["x-forwarded-for"] == "192.0.2.7"
        assert backend.asked[-1].headers["user-agent"] == "Of the tests"
    assert len(backend.asked) == 2, "each try is one: a refused password is no refused token"
    assert backend.refreshes == 0
    backend.streams = lambda: problem(429, "too-many-requests", **{"retry-after": "60"})
    late = await ask(login_id, *ALL[3])
    assert (late.status_code, late.json()["retry_after"]) == (429, 60)


async def test_a_user_agent_brings_no_header_along(backend: Backend, api: Api, logins: Logins) -> None:
    backend.streams = lambda: problem(403, "wrong-password")
    login_id = await sign_in(logins, api)
    headers = {"User-Agent": "Mozilla/5.0 grüße " + "x" * 1000}
    await ask(login_id, *ALL[3], **{name: value.encode() for name, value in headers.items()})  # type: ignore[arg-type]
    sent = backend.asked[-1].headers["user-agent"]
    assert sent.startswith("Mozilla/5.0 gr")
    assert sent.isascii()
    assert len(sent) <= 512


async def test_deleting_the_account_leaves_no_sign_in_behind(
    backend: Backend, api: Api, logins: Logins
) -> None:
    backend.streams = lambda: httpx2.Response(204)
    login_id = await sign_in(logins, api)
    login = await logins.get(login_id)
    answer = await ask(login_id, *ALL[2])
    assert answer.status_code == 204
    assert f'{NAME}=""' in answer.headers["set-cookie"]
    assert json.loads(backend.asked[-1].content) == {"password": "a password"}
    assert login.ended.is_set()
    with pytest.raises(SignedOut):
        await logins.get(login_id)


async def test_a_device_that_is_gone_already_is_signed_out(
    backend: Backend, api: Api, logins: Logins
) -> None:
    backend.streams = lambda: problem(404, "not-found")
    assert (await ask(await sign_in(logins, api), *ALL[5])).status_code == 204


class Ends:
    """A live query of one sign-in, as the tests want it."""

    def __init__(self) -> None:
        self.signed_in = asyncio.Queue[bool | Exception]()
        self.watchers = 0
        self.opened = 0

    async def watch_sign_in(self, _token: str, sign_in_id: UUID) -> AsyncGenerator[bool, None]:
        assert sign_in_id == UUID(int=7)
        self.watchers += 1
        self.opened += 1
        try:
            while True:
                state = await self.signed_in.get()
                if isinstance(state, Exception):
                    raise state
                yield state
        finally:
            self.watchers -= 1


@pytest.fixture
def ends(logins: Logins, monkeypatch: pytest.MonkeyPatch) -> Ends:
    ends = Ends()
    monkeypatch.setattr(services().graphql, "watch_sign_in", ends.watch_sign_in)
    monkeypatch.setattr(watched_login, "ASK_AGAIN", 0.0)
    return ends


async def reached(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  it is what the code under test does, and tells nobody
            await asyncio.sleep(0.01)


class TestSignedOutFromElsewhere:
    async def test_all_tabs_hear_of_it_over_one_live_query(
        self, api: Api, logins: Logins, ends: Ends
    ) -> None:
        login_id = await sign_in(logins, api)
        login = await logins.get(login_id)
        tabs = [asyncio.create_task(until_signed_out(login_id)) for _ in range(3)]
        ends.signed_in.put_nowait(True)
        await reached(lambda: login.watchers == 3 and ends.opened == 1 and ends.signed_in.empty())
        assert not any(tab.done() for tab in tabs)
        ends.signed_in.put_nowait(False)
        async with asyncio.timeout(10):
            await asyncio.gather(*tabs)
        with pytest.raises(SignedOut):
            await logins.get(login_id)
        await reached(lambda: ends.watchers == 0)
        assert ends.opened == 1

    async def test_it_goes_on_over_outages_and_ended_tokens(
        self, backend: Backend, api: Api, logins: Logins, ends: Ends
    ) -> None:
        login_id = await sign_in(logins, api)
        for state in (True, Unavailable("away"), Unauthorized("expired"), True, False):
            ends.signed_in.put_nowait(state)
        async with asyncio.timeout(10):
            await until_signed_out(login_id)
        assert backend.refreshes == 1

    async def test_nobody_watches_when_no_tab_is_left(self, api: Api, logins: Logins, ends: Ends) -> None:
        login_id = await sign_in(logins, api)
        login = await logins.get(login_id)
        tabs = [asyncio.create_task(until_signed_out(login_id)) for _ in range(2)]
        await reached(lambda: login.watchers == 2 and ends.watchers == 1)
        for left, tab in zip((1, 0), tabs, strict=True):
            tab.cancel()
            await asyncio.gather(tab, return_exceptions=True)
            await reached(lambda left=left: (login.watchers, ends.watchers) == (left, left))
        ends.signed_in.put_nowait(False)
        async with asyncio.timeout(10):
            await until_signed_out(login_id)

    async def test_signing_out_here_ends_it_too(self, api: Api, logins: Logins, ends: Ends) -> None:
        login_id = await sign_in(logins, api)
        tab = asyncio.create_task(until_signed_out(login_id))
        await reached(lambda: ends.watchers == 1)
        await logins.end(login_id)
        async with asyncio.timeout(10):
            await tab
        await reached(lambda: ends.watchers == 0)
