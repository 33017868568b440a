"""What pages may ask of the list of sessions, and what they are told."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette

from tests.webapp.conftest import sign_in
from webapp.login_cookie import NAME
from webapp.routes import ROUTES
from webapp.services.api import Api
from webapp.services.logins import Logins

APP = Starlette(routes=ROUTES)
ID = str(UUID(int=1))


async def ask(login_id: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    transport = httpx.ASGITransport(APP)
    async with httpx.AsyncClient(transport=transport, base_url="http://x", cookies={NAME: login_id}) as http:
        if body is None:
            answer = await http.get(path)
        else:
            answer = await http.post(
                path, content=body if isinstance(body, bytes) else json.dumps(body).encode()
            )
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    "query", ["shelf=attic", "limit=0", "limit=501", "limit=many", "pinned=perhaps", "shelf=trash&user_id=1"]
)
async def test_a_page_that_cannot_be_asked_for_is_refused(api: Api, logins: Logins, query: str) -> None:
    assert (await ask(await sign_in(logins, api), f"/sessions?{query}"))[0] == 422


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[]",
        {"ids": [], "changes": {"is_active": False}},
        {"ids": ["1"], "changes": {"is_active": False}},
        {"ids": [ID] * 501, "changes": {"is_active": False}},
        {"ids": [ID], "changes": {"title": " "}},
        {"ids": [ID], "changes": {"title": "x" * 201}},
        {"ids": [ID, str(UUID(int=2))], "changes": {"title": "one for both"}},
        {"ids": [ID], "changes": {"category": "x" * 51}},
        {"ids": [ID], "changes": {"user_id": ID}},
        {"ids": [ID], "changes": {"total_messages": 0}},
        b" " * 100_000,
    ],
)
async def test_what_is_no_change_goes_nowhere(api: Api, logins: Logins, body: Any) -> None:
    status, said = await ask(await sign_in(logins, api), "/sessions/changes", body)
    assert status == 422
    assert said["detail"]


@pytest.mark.parametrize("body", [{"ids": []}, {"ids": ["x"]}, {"ids": [ID], "all": True}, b"{"])
async def test_what_names_no_sessions_deletes_none(api: Api, logins: Logins, body: Any) -> None:
    assert (await ask(await sign_in(logins, api), "/sessions/delete-forever", body))[0] == 422


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/sessions", None),
        ("/sessions/changes", {"ids": [ID], "changes": {"is_pinned": True}}),
        ("/sessions/delete-forever", {"ids": [ID]}),
        ("/sessions/empty-trash", {}),
    ],
)
async def test_nobody_reaches_the_list_without_a_sign_in(logins: Logins, path: str, body: Any) -> None:
    status, said = await ask("invented", path, body)
    assert (status, said["retry_after"]) == (401, 30)
