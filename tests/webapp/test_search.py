"""What the palette asks for: only for who is signed in, and refused in words where it cannot be answered."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from webapp.login_cookie import NAME
from webapp.routes import ROUTES
from webapp.services.logins import Logins
from webapp.words import CATALOGUES

APP = Starlette(routes=ROUTES)
ROUTES_OF_SEARCH = [
    ("GET", "/search?q=word"),
    ("GET", "/search?q="),
    ("GET", "/search/categories"),
    ("POST", f"/search/{UUID(int=1)}/open"),
]


def asked(method: str, address: str, cookie: str = "") -> tuple[int, str]:
    """Status and, of a refusal, what a German reads."""
    with TestClient(APP, cookies={NAME: cookie}) as browser:
        answer = browser.request(method, address, headers={"accept-language": "de"})
    return answer.status_code, answer.json()["detail"]


@pytest.mark.parametrize(("method", "address"), ROUTES_OF_SEARCH)
async def test_whoever_is_not_signed_in_is_told_so(logins: Logins, method: str, address: str) -> None:
    status, detail = await asyncio.to_thread(asked, method, address)
    assert (status, detail) == (401, CATALOGUES["de"]["errors.signed-out"])


@pytest.mark.parametrize(
    "query",
    ["", "q=" + "x" * 301, "q=a&role=tool", "q=a&since=yesterday", "q=a&category=" + "x" * 51, "q=a&more=1"],
)
async def test_what_is_no_question_is_refused(logins: Logins, query: str) -> None:
    assert (await asyncio.to_thread(asked, "GET", f"/search?{query}"))[0] == 422
