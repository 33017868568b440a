"""The backend's /auth as the web UI sees it, and a browser's sign-in on top of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx2
import pytest

from backend.services.hasura_client import HasuraClient
from webapp import services
from webapp.services.api import Api, Visitor
from webapp.services.login_file import LoginFile
from webapp.services.logins import Logins
from webapp.services.reachability import Reachability

if TYPE_CHECKING:
    from webapp.services.login_store import LoginStore

ASKED = ("/api/chat", "/auth/me", "/auth/password", "/auth/devices", "/auth/settings")
NOWHERE = "http://127.0.0.1:9/v1/graphql"


class Backend:
    """Speaks the backend's /auth: refresh tokens rotate, and one that is used twice ends the sign-in.

    `streams` answers what is asked of /api/chat, and of accounts; `asked` are those requests.
    """

    def __init__(self) -> None:
        self.valid = "refresh-0"
        self.refreshes = 0
        self.revoked: list[str] = []
        self.answers = True
        #: Whether the token before the valid one is taken once more, as in the seconds after it was used.
        self.lenient = False
        self.expires_in = 900
        self.streams: Callable[[], httpx2.Response] = lambda: httpx2.Response(404, json={"detail": "none"})
        self.asked: list[httpx2.Request] = []

    def tokens(self) -> dict[str, Any]:
        return {
            "access_token": f"access-{self.refreshes}",
            "refresh_token": self.valid,
            "token_type": "bearer",
            "expires_in": self.expires_in,
            "device_id": str(UUID(int=7)),
            "user": {"id": "u", "username": "ada", "display_name": "Ada"},
        }

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(0.01)
        if not self.answers:
            raise httpx2.ConnectError("nobody there")
        if request.url.path.startswith(ASKED):
            self.asked.append(request)
            return self.streams()
        token = json.loads(request.content).get("refresh_token")
        if request.url.path == "/auth/logout":
            self.revoked.append(token)
            return httpx2.Response(204)
        if request.url.path == "/auth/refresh":
            before = f"refresh-{self.refreshes - 1}"
            if token != self.valid and not (self.lenient and token == before):
                return httpx2.Response(401, json={"title": "Unauthenticated", "detail": "used twice"})
            self.refreshes += 1
            self.valid = f"refresh-{self.refreshes}"
        return httpx2.Response(200, json=self.tokens())


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def api(backend: Backend) -> Api:
    return Api("http://backend", transport=httpx2.MockTransport(backend))


@pytest.fixture
def store(tmp_path: Path) -> LoginStore:
    return LoginFile(tmp_path / "webapp" / "logins.sqlite3")


@pytest.fixture
def logins(api: Api, store: LoginStore) -> Iterator[Logins]:
    """Of the services that are open while the test runs."""
    logins = Logins(store, api)
    opened = services.Services(HasuraClient(NOWHERE), api, logins, Reachability(NOWHERE, NOWHERE))
    services._open.append(opened)
    yield logins
    services._open.remove(opened)


async def sign_in(logins: Logins, api: Api) -> str:
    ticket = await logins.begin(await api.login("ada", "password", Visitor("127.0.0.1")))
    login_id = await logins.collect(ticket)
    assert login_id
    assert await logins.collect(ticket) is None, "a ticket works once"
    return login_id
