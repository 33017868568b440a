"""Two users, every route: nothing of one reaches the other, and "foreign" looks exactly like "unknown"."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from backend.main import create_app
from tests.backend.conftest import Person, assert_problem, settings_for

SESSION = "/api/chat/sessions/{session}"

#: Each route that names something of a user, and a body that would work for its owner.
ROUTES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", SESSION, None),
    ("PUT", SESSION, {"title": "Taken over"}),
    ("PUT", SESSION, {"is_active": True}),
    ("PUT", SESSION, {}),
    ("DELETE", SESSION, None),
    ("DELETE", SESSION + "?forever=true", None),
    ("GET", SESSION + "/messages", None),
    ("POST", SESSION + "/messages", {"content": "Hello from Bob"}),
    ("DELETE", SESSION + "/messages", None),
    ("GET", "/api/chat/history/{session}", None),
    ("POST", "/api/chat", {"session_id": "{session}", "content": "how many messages?"}),
    ("GET", "/api/chat/sessions/user/{user}", None),
    ("GET", "/api/chat/{message}/stream", None),
    ("POST", "/api/chat/{message}/stop", None),
    ("POST", "/api/chat/{message}/continue", None),
    ("POST", "/api/chat/{message}/regenerate", {}),
    ("POST", "/api/chat/messages/{message}/choose", None),
    ("PUT", "/api/chat/messages/{message}/rating", {"rating": "down"}),
    ("DELETE", "/api/chat/messages/{message}", None),
    ("GET", SESSION + "/export", None),
]
#: Routes that name nothing of anybody, or only what the caller holds (a refresh token), or leave out the rest.
NAMELESS = {
    ("POST", "/api/chat/sessions/bulk"),
    ("POST", "/auth/register"),
    ("POST", "/auth/login"),
    ("POST", "/auth/refresh"),
    ("POST", "/auth/logout"),
    ("GET", "/auth/me"),
    ("PATCH", "/auth/me"),
    ("DELETE", "/auth/me"),
    ("POST", "/auth/password"),
    ("GET", "/auth/devices"),
    ("POST", "/auth/devices/revoke-others"),
    ("DELETE", "/auth/devices/{device}"),  # test_account.py looks at other people's
    ("GET", "/auth/settings"),
    ("PUT", "/auth/settings"),
    ("GET", "/api/chat/search"),
    ("GET", "/api/chat/export"),
    ("POST", "/api/chat/import"),
    ("POST", "/api/chat/sessions"),
    ("POST", "/api/chat/sessions/create"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
}


def test_every_route_is_here() -> None:
    app = create_app(settings_for("postgresql://", "http://127.0.0.1:1/"))
    served = {
        (method, path.replace("_id}", "}"))
        for path, operations in app.openapi()["paths"].items()
        for method in (name.upper() for name in operations)
    }
    assert served <= NAMELESS | {(method, path.partition("?")[0]) for method, path, _ in ROUTES}


async def _ask(
    api: httpx.AsyncClient,
    who: Person,
    method: str,
    path: str,
    body: dict[str, Any] | None,
    **names: object,
) -> httpx.Response:
    def fill(text: str) -> str:
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    sent = None if body is None else json.loads(fill(json.dumps(body)))
    return await api.request(method, fill(path), json=sent, headers=who.headers)


@pytest.mark.parametrize(("method", "path", "body"), ROUTES, ids=[f"{m} {p} {b or ''}" for m, p, b in ROUTES])
@pytest.mark.parametrize("deleted", [False, True], ids=["active", "deleted"])
async def test_what_is_anothers_looks_like_what_does_not_exist(
    api: httpx.AsyncClient,
    ada: Person,
    bob: Person,
    method: str,
    path: str,
    body: dict[str, Any] | None,
    deleted: bool,
) -> None:
    made = (await api.post("/api/chat/sessions", json={"title": "Ada's"}, headers=ada.headers)).json()
    session = UUID(made["session_id"])
    own = f"/api/chat/sessions/{session}"
    question = {"session_id": str(session), "content": "Ada's secret", "message_id": str(uuid4())}
    json_please = {"Accept": "application/json"}
    assert (await api.post("/api/chat", json=question, headers=ada.headers | json_please)).is_success
    if deleted:
        await api.delete(own, headers=ada.headers)
    before = await _state(api, ada, deleted)

    names = {
        "session": session,
        "user": ada.id,
        "message": question["message_id"],
    }
    foreign = await _ask(api, bob, method, path, body, **names)
    unknown = await _ask(api, bob, method, path, body, **{name: uuid4() for name in names})

    ours, theirs = assert_problem(foreign, 404, "not-found"), assert_problem(unknown, 404, "not-found")
    assert {**ours, "trace_id": ""} == {**theirs, "trace_id": ""}
    assert set(foreign.headers) == set(unknown.headers)
    assert "secret" not in foreign.text
    assert await _state(api, ada, deleted) == before


async def test_lists_hold_nothing_of_anybody_else(api: httpx.AsyncClient, ada: Person, bob: Person) -> None:
    await api.post("/api/chat/sessions", json={"title": "Ada's"}, headers=ada.headers)
    mine = await api.get(f"/api/chat/sessions/user/{bob.id}", headers=bob.headers)
    assert mine.json()["items"] == []


async def test_an_id_of_anothers_message_answers_nothing_of_it(
    api: httpx.AsyncClient, ada: Person, bob: Person
) -> None:
    session = (await api.post("/api/chat/sessions", json={}, headers=ada.headers)).json()["session_id"]
    taken = str(uuid4())
    await api.post(
        f"/api/chat/sessions/{session}/messages",
        json={"content": "secret", "message_id": taken},
        headers=ada.headers,
    )
    own = (await api.post("/api/chat/sessions", json={}, headers=bob.headers)).json()["session_id"]
    own_path = f"/api/chat/sessions/{own}/messages"
    for content in ("secret", "another"):
        answer = await api.post(own_path, json={"content": content, "message_id": taken}, headers=bob.headers)
        assert_problem(answer, 409, "conflict")
        assert "secret" not in answer.text
    assert (await api.get(own_path, headers=bob.headers)).json()["items"] == []


async def test_a_body_cannot_name_another_owner_role_or_count(
    api: httpx.AsyncClient, ada: Person, bob: Person
) -> None:
    body = {
        "title": "Mine",
        "user_id": str(ada.id),
        "total_messages": 99,
        "role": "assistant",
        "is_active": False,
    }
    made = (await api.post("/api/chat/sessions", json=body, headers=bob.headers)).json()
    assert (made["user_id"], made["total_messages"], made["is_active"]) == (str(bob.id), 0, True)
    message = {"content": "hi", "role": "assistant", "user_id": str(ada.id), "status": "failed"}
    sent = await api.post(
        f"/api/chat/sessions/{made['session_id']}/messages", json=message, headers=bob.headers
    )
    assert (sent.json()["role"], sent.json()["user_id"], sent.json()["status"]) == (
        "user",
        str(bob.id),
        "complete",
    )


async def _state(api: httpx.AsyncClient, who: Person, deleted: bool) -> object:
    listed = await api.get(
        f"/api/chat/sessions/user/{who.id}", params={"active": str(not deleted).lower()}, headers=who.headers
    )
    return listed.json()
