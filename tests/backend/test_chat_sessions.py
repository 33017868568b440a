"""The REST table of the contract, over the real stack."""

from __future__ import annotations

from uuid import uuid4

import httpx

from tests.backend.conftest import Person, assert_problem

SESSIONS = "/api/chat/sessions"


async def test_create_load_rename_and_list(api: httpx.AsyncClient, ada: Person) -> None:
    made = await api.post(
        f"{SESSIONS}/create", json={"title": " Trip ", "category": "travel"}, headers=ada.headers
    )
    assert made.status_code == 201
    session = made.json()
    assert (session["title"], session["category"], session["user_id"]) == ("Trip", "travel", str(ada.id))
    path = f"{SESSIONS}/{session['session_id']}"
    assert (await api.get(path, headers=ada.headers)).json() == session
    renamed = await api.put(path, json={"title": "Lisbon"}, headers=ada.headers)
    assert (renamed.json()["title"], renamed.json()["category"]) == ("Lisbon", "travel")
    listed = (await api.get(f"{SESSIONS}/user/{ada.id}", headers=ada.headers)).json()
    assert listed == {"items": [renamed.json()], "next_cursor": None}


async def test_the_collection_takes_a_creation_too_and_a_retry_makes_no_second(
    api: httpx.AsyncClient, ada: Person
) -> None:
    body = {"session_id": str(uuid4()), "title": "Once"}
    answers = [
        await api.post(path, json=body, headers=ada.headers) for path in (SESSIONS, f"{SESSIONS}/create")
    ]
    assert answers[0].json() == answers[1].json()
    assert len((await api.get(f"{SESSIONS}/user/{ada.id}", headers=ada.headers)).json()["items"]) == 1


async def test_messages_are_added_paged_and_cleared_under_both_paths(
    api: httpx.AsyncClient, ada: Person
) -> None:
    session = (await api.post(SESSIONS, json={}, headers=ada.headers)).json()["session_id"]
    path = f"{SESSIONS}/{session}/messages"
    for number in range(5):
        answer = await api.post(path, json={"content": str(number)}, headers=ada.headers)
        assert answer.status_code == 201
    for alias in (path, f"/api/chat/history/{session}"):
        newest = (await api.get(alias, params={"limit": 2}, headers=ada.headers)).json()
        assert [m["content"] for m in newest["items"]] == ["3", "4"]
        older = await api.get(
            alias, params={"limit": 9, "cursor": newest["next_cursor"]}, headers=ada.headers
        )
        assert [m["content"] for m in older.json()["items"]] == ["0", "1", "2"]
        assert older.json()["next_cursor"] is None
    assert (await api.delete(path, headers=ada.headers)).json() == {"deleted": 5}
    assert (await api.get(f"{SESSIONS}/{session}", headers=ada.headers)).json()["total_messages"] == 0


async def test_a_message_id_with_another_text_is_a_conflict(api: httpx.AsyncClient, ada: Person) -> None:
    session = (await api.post(SESSIONS, json={}, headers=ada.headers)).json()["session_id"]
    path, chosen = f"{SESSIONS}/{session}/messages", str(uuid4())
    for content, status in (("one", 201), ("one", 201), ("two", 409)):
        answer = await api.post(path, json={"content": content, "message_id": chosen}, headers=ada.headers)
        assert answer.status_code == status
    assert "another message" in assert_problem(answer, 409, "conflict")["detail"]


async def test_a_deleted_session_is_404_until_it_is_restored(api: httpx.AsyncClient, ada: Person) -> None:
    session = (await api.post(SESSIONS, json={"title": "Gone"}, headers=ada.headers)).json()["session_id"]
    path = f"{SESSIONS}/{session}"
    assert (await api.delete(path, headers=ada.headers)).json()["is_active"] is False
    body = {"session_id": session, "content": "hello"}
    for answer in (
        await api.get(path, headers=ada.headers),
        await api.delete(path, headers=ada.headers),
        await api.put(path, json={"title": "No"}, headers=ada.headers),
        await api.put(path, json={"is_active": False}, headers=ada.headers),
        await api.get(f"{path}/messages", headers=ada.headers),
        await api.post(f"{path}/messages", json=body, headers=ada.headers),
        await api.delete(f"{path}/messages", headers=ada.headers),
        await api.get(f"/api/chat/history/{session}", headers=ada.headers),
        await api.post("/api/chat", json=body, headers=ada.headers),
        await api.post(SESSIONS, json={"session_id": session}, headers=ada.headers),
    ):
        assert_problem(answer, 404, "not-found")
    mine = f"{SESSIONS}/user/{ada.id}"
    assert (await api.get(mine, headers=ada.headers)).json()["items"] == []
    deleted = (await api.get(mine, params={"active": "false"}, headers=ada.headers)).json()["items"]
    assert [item["title"] for item in deleted] == ["Gone"]
    restored = await api.put(path, json={"is_active": True, "title": "Back"}, headers=ada.headers)
    assert (restored.status_code, restored.json()["title"]) == (200, "Back")
    assert (await api.get(path, headers=ada.headers)).status_code == 200


async def test_a_session_is_told_what_its_model_is_told(api: httpx.AsyncClient, ada: Person) -> None:
    made = await api.post(
        SESSIONS, json={"system_prompt": " Be brief. ", "temperature": 0}, headers=ada.headers
    )
    session = made.json()
    assert (session["system_prompt"], session["temperature"], session["auto_title"]) == ("Be brief.", 0, True)
    path = f"{SESSIONS}/{session['session_id']}"
    kept = (await api.put(path, json={"temperature": 1.5}, headers=ada.headers)).json()
    assert (kept["system_prompt"], kept["temperature"]) == ("Be brief.", 1.5)
    gone = await api.put(path, json={"system_prompt": None, "temperature": None}, headers=ada.headers)
    assert (gone.json()["system_prompt"], gone.json()["temperature"]) == (None, None)
    for wrong in (
        {"temperature": 2.1},
        {"temperature": -1},
        {"system_prompt": " "},
        {"system_prompt": "x" * 8001},
        {"auto_title": True},
    ):
        assert_problem(await api.put(path, json=wrong, headers=ada.headers), 422, "invalid")


async def test_a_title_is_somebodys_unless_said_otherwise(api: httpx.AsyncClient, ada: Person) -> None:
    path = f"{SESSIONS}/{(await api.post(SESSIONS, json={}, headers=ada.headers)).json()['session_id']}"
    for body, auto_title in (
        ({"title": "A first line", "auto_title": True}, True),
        ({"category": "work"}, True),
        ({"title": "Mine"}, False),
    ):
        assert (await api.put(path, json=body, headers=ada.headers)).json()["auto_title"] is auto_title


async def test_shelves_are_lists(api: httpx.AsyncClient, ada: Person) -> None:
    for title, changes in {
        "here": {},
        "pinned": {"is_pinned": True},
        "away": {"is_archived": True},
        "gone": {"is_archived": True, "is_active": False},
    }.items():
        made = (await api.post(SESSIONS, json={"title": title}, headers=ada.headers)).json()
        await api.put(f"{SESSIONS}/{made['session_id']}", json=changes, headers=ada.headers)
    for query, titles in {
        "": ["pinned", "here"],
        "shelf=active&pinned=true": ["pinned"],
        "pinned=false": ["here"],
        "shelf=archived": ["away"],
        "shelf=trash": ["gone"],
        "active=false": ["gone"],
    }.items():
        listed = await api.get(f"{SESSIONS}/user/{ada.id}?{query}", headers=ada.headers)
        assert [item["title"] for item in listed.json()["items"]] == titles, query
    wrong = await api.get(f"{SESSIONS}/user/{ada.id}?shelf=attic", headers=ada.headers)
    assert_problem(wrong, 422, "invalid")


async def test_only_what_is_in_the_trash_is_deleted_forever(api: httpx.AsyncClient, ada: Person) -> None:
    path = f"{SESSIONS}/{(await api.post(SESSIONS, json={}, headers=ada.headers)).json()['session_id']}"
    forever = {"forever": "true"}
    assert_problem(await api.delete(path, params=forever, headers=ada.headers), 404, "not-found")
    await api.delete(path, headers=ada.headers)
    answer = await api.delete(path, params=forever, headers=ada.headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert_problem(await api.put(path, json={"is_active": True}, headers=ada.headers), 404, "not-found")


async def test_many_are_changed_and_deleted_at_once_and_strangers_ones_left_out(
    api: httpx.AsyncClient, ada: Person, bob: Person
) -> None:
    async def made(who: Person) -> str:
        return (await api.post(SESSIONS, json={}, headers=who.headers)).json()["session_id"]

    async def many(**body: object) -> httpx.Response:
        return await api.post(f"{SESSIONS}/bulk", json=body, headers=ada.headers)

    mine, foreign = [await made(ada), await made(ada)], await made(bob)
    named = [*mine, foreign, str(uuid4())]
    moved = (await many(session_ids=named, changes={"category": "work", "is_pinned": True})).json()
    assert {s["session_id"] for s in moved["changed"]} == set(mine)
    assert {(s["category"], s["is_pinned"]) for s in moved["changed"]} == {("work", True)}
    assert (await many(session_ids=named, delete_forever=True)).json() == {"changed": [], "deleted": 0}
    gone = (await many(session_ids=named, changes={"is_active": False})).json()
    assert {s["shelf"] for s in gone["changed"]} == {"trash"}
    assert (await many(session_ids=named, delete_forever=True)).json() == {"changed": [], "deleted": 2}
    theirs = (await api.get(f"{SESSIONS}/{foreign}", headers=bob.headers)).json()
    assert (theirs["category"], theirs["is_active"]) == ("general", True)
    for wrong in (
        {"session_ids": mine},
        {"session_ids": mine, "changes": {"is_active": False}, "delete_forever": True},
        {"session_ids": [str(uuid4())] * 501, "changes": {"is_active": False}},
    ):
        assert_problem(await many(**wrong), 422, "invalid")
