"""Search through REST: one page after the other, filters, and what is no question."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.backend.conftest import Person, assert_problem

SEARCH = "/api/chat/search"


async def write(api: httpx.AsyncClient, person: Person, title: str, *texts: str) -> str:
    """The session's id."""
    body = {"title": title, "category": "travel"}
    made = (await api.post("/api/chat/sessions", json=body, headers=person.headers)).json()
    session_id = str(made["session_id"])
    for text in texts:
        path = f"/api/chat/sessions/{session_id}/messages"
        assert (await api.post(path, json={"content": text}, headers=person.headers)).status_code == 201
    return session_id


async def find(api: httpx.AsyncClient, person: Person, q: str, **filters: Any) -> dict[str, Any]:
    answer = await api.get(SEARCH, params={"q": q} | filters, headers=person.headers)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def test_titles_and_messages_are_found_and_what_was_sought_is_marked(
    api: httpx.AsyncClient, ada: Person
) -> None:
    session_id = await write(api, ada, "Trip to Lisbon", "Is Lisbon worth a week?")
    title, message = (await find(api, ada, "lisb"))["items"]
    assert (title["message_id"], title["snippet"]) == (None, "Trip to \x02Lisbon\x03")
    assert (message["session_id"], message["role"]) == (session_id, "user")
    assert message["snippet"] == "Is \x02Lisbon\x03 worth a week?"


async def test_pages_end(api: httpx.AsyncClient, ada: Person) -> None:
    await write(api, ada, "Numbers", *(f"word {n}" for n in range(5)))
    found, cursor, pages = [], None, 0
    while pages == 0 or cursor is not None:
        page = await find(api, ada, "word", limit=2, **({"cursor": cursor} if cursor else {}))
        found += [hit["snippet"] for hit in page["items"]]
        cursor, pages = page["next_cursor"], pages + 1
    assert (pages, found) == (3, [f"\x02word\x03 {n}" for n in (4, 3, 2, 1, 0)])


async def test_filters_and_sessions_that_are_gone(api: httpx.AsyncClient, ada: Person) -> None:
    session_id = await write(api, ada, "Words", "a word")
    other = await write(api, ada, "Nothing", "another word")
    path = f"/api/chat/sessions/{session_id}"
    assert len((await find(api, ada, "word", role="user"))["items"]) == 2
    assert len((await find(api, ada, "word", role="assistant"))["items"]) == 0
    assert len((await find(api, ada, "word", category="work"))["items"]) == 0
    assert len((await find(api, ada, "word", since="2100-01-01T00:00:00Z"))["items"]) == 0
    assert len((await find(api, ada, "word", until="2100-01-01T00:00:00+02:00"))["items"]) == 3
    assert len((await find(api, ada, "word", since="1187-02-17T17:34:13-23:11"))["items"]) == 3
    assert [h["session_id"] for h in (await find(api, ada, "word", session_id=other))["items"]] == [other]
    await api.put(path, json={"is_archived": True}, headers=ada.headers)
    assert [h["is_archived"] for h in (await find(api, ada, "word", session_id=session_id))["items"]] == [
        True
    ]
    await api.delete(path, headers=ada.headers)
    assert (await find(api, ada, "word", session_id=session_id))["items"] == []


async def test_nobody_finds_what_is_another_s(api: httpx.AsyncClient, ada: Person, bob: Person) -> None:
    session_id = await write(api, ada, "Secret plan", "the secret")
    assert (await find(api, bob, "secret"))["items"] == []
    assert (await find(api, bob, "secret", session_id=session_id))["items"] == []
    assert_problem(await api.get(SEARCH, params={"q": "secret"}), 401, "unauthenticated")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"q": "a\x00b"},
        {"q": "x" * 301},
        {"q": "a", "limit": 0},
        {"q": "a", "limit": 101},
        {"q": "a", "role": "boss"},
        {"q": "a", "since": "yesterday"},
        {"q": "a", "since": "2026-11-21T00:00:00"},
        {"q": "a", "since": "0001-01-01T00:00:00+14:00"},
        {"q": "a", "session_id": "1"},
        {"q": "a", "cursor": "?"},
        {"q": "a", "cursor": "OTk5OTk5"},
    ],
)
async def test_what_is_no_question_is_refused(
    api: httpx.AsyncClient, ada: Person, wrong: dict[str, Any]
) -> None:
    assert (await api.get(SEARCH, params=wrong, headers=ada.headers)).status_code == 422
