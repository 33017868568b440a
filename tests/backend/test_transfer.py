"""Chats that leave and arrive over REST: whole, once, whatever is in them."""

import asyncio
import io
import json
import zipfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from backend.main import create_app
from tests.backend.conftest import Person, assert_problem, serving, settings_for
from tests.backend.sse import events_of

FILES = Path(__file__).parent / "transfers"
JSON = {"Accept": "application/json"}


async def bring(api: httpx.AsyncClient, who: Person, content: bytes) -> dict[str, Any]:
    """The summary of an import."""
    answer = await api.post("/api/chat/import", content=content, headers=who.headers | JSON, timeout=60)
    assert answer.status_code == 200, answer.text
    summary: dict[str, Any] = answer.json()
    return summary


async def take(
    api: httpx.AsyncClient, who: Person, path: str = "/api/chat/export?format=json"
) -> httpx.Response:
    answer = await api.get(path, headers=who.headers, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"].startswith("attachment; ")
    return answer


async def sessions_of(api: httpx.AsyncClient, who: Person) -> dict[str, dict[str, Any]]:
    """Everything that our JSON has of somebody, by title."""
    document = (await take(api, who)).json()
    assert (document["format"], document["version"]) == ("chat-sessions", 1)
    return {each["title"]: each for each in document["sessions"]}


def words(session: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["role"], each["content"]) for each in session["messages"]]


def a_chat(*texts: str, title: str = "A chat", **more: Any) -> dict[str, Any]:
    """In our own format: questions and answers in turn."""
    ids = [str(uuid4()) for _ in texts]
    return {
        "session_id": str(uuid4()),
        "title": title,
        "category": "general",
        "messages": [
            {
                "message_id": own,
                "parent": parent,
                "role": "assistant" if number % 2 else "user",
                "content": text,
                "status": "complete",
                "timestamp": f"2024-01-01T00:00:{number % 60:02}Z",
            }
            for number, (own, parent, text) in enumerate(zip(ids, [None, *ids], texts, strict=False))
        ],
        **more,
    }


def our_file(*chats: Any, **head: Any) -> bytes:
    return json.dumps({"format": "chat-sessions", "version": 1, **head, "sessions": chats}).encode()


async def test_chatgpt_s_export_arrives_as_it_was_read_there(api: httpx.AsyncClient, ada: Person) -> None:
    summary = await bring(api, ada, (FILES / "chatgpt.json").read_bytes())
    assert (summary["new"], summary["known"], summary["skipped"]) == (2, 0, 0)
    assert summary["read"] == summary["size"]
    found = await sessions_of(api, ada)
    lisbon, ping = found["Trip to Lisbon"], found["Imported chat"]
    assert (lisbon["category"], lisbon["created_at"], lisbon["updated_at"]) == (
        "ChatGPT",
        "2023-11-09T21:20:00.250000Z",
        "2023-11-09T22:20:00.500000Z",
    )
    assert ping["is_archived"]
    by_text = {each["content"]: each for each in lisbon["messages"]}
    tour = by_text["Day 1: **Alfama**."]
    assert (tour["timestamp"], tour["metadata"]) == (
        "2023-11-09T21:21:50Z",
        {"model": "gpt-4o", "imported": {"from": "ChatGPT"}},
    )
    assert by_text["*[image]*\n\nAnd this tower?"]["parent"] == tour["message_id"], (
        "tools are left out between"
    )
    assert "search(" not in json.dumps(lisbon)
    page = await api.get(f"/api/chat/sessions/{lisbon['session_id']}/messages", headers=ada.headers)
    read = [(each["content"], len(each["versions"] or [1])) for each in page.json()["items"]]
    assert read == [
        ("Three days in Lisbon: what should I see?", 1),
        ("Day 1: **Alfama**.", 2),
        ("*[image]*\n\nAnd this tower?", 2),
        ("Torre de Belém.", 1),
    ]


async def test_open_webui_s_export_arrives_with_prompt_pin_and_ratings(
    api: httpx.AsyncClient, ada: Person
) -> None:
    assert (await bring(api, ada, (FILES / "open_webui.json").read_bytes()))["new"] == 1
    bread = (await sessions_of(api, ada))["Sourdough"]
    assert (bread["system_prompt"], bread["temperature"], bread["is_pinned"]) == (
        "You are a baker.",
        0.4,
        True,
    )
    by_text = {each["content"]: each for each in bread["messages"]}
    question = by_text["Why does my starter smell of acetone?"]
    first, second = by_text["It is hungry: feed it."], by_text["Acetone comes from hungry yeast."]
    assert (first["rating"], second["rating"]) == ("up", "down")
    assert first["parent"] == second["parent"] == question["message_id"]
    assert by_text["How often?"]["parent"] == first["message_id"]
    assert bread["current"] == by_text["Every 12 hours."]["message_id"]


@pytest.mark.parametrize("name", ["chatgpt.json", "open_webui.json"])
async def test_importing_twice_changes_nothing(api: httpx.AsyncClient, ada: Person, name: str) -> None:
    content = (FILES / name).read_bytes()
    first = await bring(api, ada, content)
    before = await sessions_of(api, ada)
    second = await bring(api, ada, content)
    assert (second["new"], second["known"], second["messages"]) == (0, first["new"], 0)
    assert await sessions_of(api, ada) == before


async def test_what_its_owner_changed_or_deleted_since_stays_so(api: httpx.AsyncClient, ada: Person) -> None:
    content = (FILES / "chatgpt.json").read_bytes()
    await bring(api, ada, content)
    path = f"/api/chat/sessions/{(await sessions_of(api, ada))['Trip to Lisbon']['session_id']}"
    await api.put(path, json={"title": "Lisboa"}, headers=ada.headers)
    await api.delete(path + "/messages", headers=ada.headers)
    assert (await bring(api, ada, content))["known"] == 2
    found = await sessions_of(api, ada)
    assert "Trip to Lisbon" not in found
    assert found["Lisboa"]["messages"] == []


async def test_two_people_with_the_same_file_have_a_chat_each(
    api: httpx.AsyncClient, ada: Person, bob: Person
) -> None:
    content = (FILES / "open_webui.json").read_bytes()
    assert (await bring(api, ada, content))["new"] == (await bring(api, bob, content))["new"] == 1
    ada_s, bob_s = (await sessions_of(api, ada))["Sourdough"], (await sessions_of(api, bob))["Sourdough"]
    assert ada_s["session_id"] != bob_s["session_id"]
    assert words(ada_s) == words(bob_s)


async def test_a_zip_is_searched_for_conversations(api: httpx.AsyncClient, ada: Person) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("chat.html", "<html>")
        archive.writestr("user.json", "{}")
        archive.write(FILES / "chatgpt.json", "export/conversations.json")
    assert (await bring(api, ada, packed.getvalue()))["new"] == 2


async def test_our_json_goes_round(api: httpx.AsyncClient, ada: Person, bob: Person) -> None:
    """Out of one account, into another, and out again: the same but for the ids."""
    for name in ("chatgpt.json", "open_webui.json"):
        await bring(api, ada, (FILES / name).read_bytes())
    trash = await bring(api, ada, our_file(a_chat("Q", "A", title="Gone", is_active=False)))
    assert trash["new"] == 1
    out = await take(api, ada)
    assert (await bring(api, bob, out.content))["new"] == 4
    assert comparable(await take(api, bob)) == comparable(out)
    assert (await bring(api, ada, out.content))["known"] == 4, "where it came from, it is there"


def comparable(file: httpx.Response) -> Any:
    """Ids by their order, and without where an import says that it came from."""
    document = file.json()
    del document["exported_at"]
    for session in document["sessions"]:
        del session["session_id"]
        number = {each["message_id"]: n for n, each in enumerate(session["messages"])} | {None: None}
        session["current"] = number[session["current"]]
        for message in session["messages"]:
            message |= {"message_id": number[message["message_id"]], "parent": number[message["parent"]]}
            message["metadata"].pop("imported", None)
    return document


async def test_one_session_leaves_as_markdown(api: httpx.AsyncClient, ada: Person) -> None:
    await bring(api, ada, our_file(a_chat("Why?", "*Because* 🙂", title='Ünï/"co"de')))
    session = (await sessions_of(api, ada))['Ünï/"co"de']
    answer = await take(api, ada, f"/api/chat/sessions/{session['session_id']}/export?format=markdown")
    assert "filename*=UTF-8''" in answer.headers["content-disposition"]
    text = answer.content.decode()
    assert text.startswith('# Ünï/"co"de\n')
    assert "## You · 2024-01-01 00:00 UTC\n\nWhy?\n" in text
    assert "## Assistant · 2024-01-01 00:00 UTC\n\n*Because* 🙂\n" in text


@pytest.mark.parametrize(("wanted", "ending"), [("markdown", ".md"), ("pdf", ".pdf")])
async def test_every_session_leaves_as_a_zip_with_harmless_names(
    api: httpx.AsyncClient, ada: Person, wanted: str, ending: str
) -> None:
    names = ["../../etc/passwd", "CON", "a\nb", "Same", "Same", "مرحبا بالعالم"]
    await bring(api, ada, our_file(*(a_chat("Q", "A", title=name) for name in names)))
    await bring(api, ada, our_file(a_chat("Q", title="In the trash", is_active=False)))
    answer = await take(api, ada, f"/api/chat/export?format={wanted}")
    assert answer.headers["x-sessions"] == "6"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        entries = archive.namelist()
    assert len(set(entries)) == 6
    assert all(name.endswith(ending) and "/" not in name and "\n" not in name for name in entries)


async def test_progress_is_told_and_then_the_end(api: httpx.AsyncClient, ada: Person) -> None:
    content = our_file(*(a_chat("Q", "A") for _ in range(30)))
    async with api.stream("POST", "/api/chat/import", content=content, headers=ada.headers) as answer:
        events = [event async for event in events_of(answer)]
    assert {event.name for event in events[:-1]} == {"progress"}
    assert events[-1].name == "done"
    assert events[-1].data["new"] == 30
    assert events[-1].data["messages"] == 60


async def test_what_cannot_be_read_is_named_and_the_rest_arrives(api: httpx.AsyncClient, ada: Person) -> None:
    good = a_chat("Q", "A" * 100_001, title="Good")
    summary = await bring(api, ada, our_file(good, a_chat(title="Empty"), {"messages": 3}, 7, None))
    assert (summary["new"], summary["skipped"]) == (1, 4)
    assert summary["reasons"][0] == {
        "title": "Empty",
        "reason": "It has no messages.",
        "code": "empty",
    }
    assert summary["left_out"] == {"shortened": 1}


ENDLESS = b'{"sessions":' + b"[" * 100_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\xff\xfe\x00",
        b"[1, 2",
        b'{"a": 1}',
        b'"text"',
        b"[" * 100_000,
        ENDLESS,
        b'[{"mapping": {"a": ' + b'{"a":' * 5000,
        b"PK\x03\x04 is no zip",
        b'{"sessions": [{"n": ' + b"9" * 10_000 + b"}]}",
        b'{"sessions": [], "sessions": 1',
    ],
)
async def test_a_file_that_is_none_is_refused_with_a_sentence(
    api: httpx.AsyncClient, ada: Person, content: bytes
) -> None:
    answer = await api.post("/api/chat/import", content=content, headers=ada.headers | JSON)
    problem = assert_problem(answer, 422, "invalid")
    assert problem["detail"].startswith("This ")
    assert await sessions_of(api, ada) == {}


HOSTILE: list[dict[str, Any]] = [
    {"title": "x\u0000y" * 500, "category": "\ud800", "system_prompt": ["no"], "temperature": 1e300},
    {"created_at": "9999-12-31T23:59:59Z", "updated_at": 1e300, "is_active": "maybe", "is_pinned": 7},
    {"created_at": "-infinity", "current": {"a": 1}, "title": {"a": 1}},
]


@pytest.mark.parametrize("more", HOSTILE)
async def test_hostile_values_are_tamed(api: httpx.AsyncClient, ada: Person, more: dict[str, Any]) -> None:
    chat = a_chat("Q\u0000\udfff", "A", "Q2") | more
    first, second, third = chat["messages"]
    first |= {"parent": third["message_id"], "timestamp": "never", "metadata": [1]}
    second |= {"rating": "sideways", "status": "streaming", "metadata": {"error": "x", "big": "y" * 90_000}}
    third |= {"role": "system", "metadata": {"\u0000": {"\ud800": 1e300}}}
    summary = await bring(api, ada, our_file(chat))
    assert (summary["new"], summary["skipped"]) == (1, 0), summary
    (session,) = (await sessions_of(api, ada)).values()
    assert words(session) == [("user", "Q\ufffd\ufffd"), ("assistant", "A")]
    assert session["updated_at"] < "9999"
    assert all(each["timestamp"] < "9999" for each in session["messages"])
    listed = await api.get(f"/api/chat/sessions/user/{ada.id}", headers=ada.headers)
    assert len(listed.json()["items"]) == 1


async def test_a_zip_that_unpacks_without_end_is_refused(
    api: httpx.AsyncClient, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.services.transfer.upload.LARGEST_UNPACKED", 2**20)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", b"[" + b" " * 2**21 + b"]")
    answer = await api.post("/api/chat/import", content=packed.getvalue(), headers=ada.headers | JSON)
    assert "unpacks" in assert_problem(answer, 422, "invalid")["detail"]


async def test_a_conversation_that_is_too_large_is_left_out(
    api: httpx.AsyncClient, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.services.transfer.json_items.LARGEST_CONVERSATION", 10_000)
    content = our_file(a_chat("Q", "A" * 20_000, title="Large"), a_chat("Q", title="Small"))
    summary = await bring(api, ada, content)
    assert (summary["new"], summary["skipped"]) == (1, 1)
    assert list(await sessions_of(api, ada)) == ["Small"]


async def test_a_file_over_the_limit_is_refused(
    api: httpx.AsyncClient, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.services.transfer.upload.LARGEST_FILE", 1000)
    answer = await api.post("/api/chat/import", content=b"[" + b" " * 2000, headers=ada.headers | JSON)
    assert_problem(answer, 413, "too-large")
    declared = {"Content-Length": str(201 * 2**20)} | ada.headers
    answer = await api.post("/api/chat/import", content=b"", headers=declared)
    assert_problem(answer, 413, "too-large")


async def test_a_long_chat_arrives_in_parts_and_in_order(api: httpx.AsyncClient, ada: Person) -> None:
    texts = [f"message {number}" for number in range(1203)]
    assert (await bring(api, ada, our_file(a_chat(*texts))))["messages"] == 1203
    (session,) = (await sessions_of(api, ada)).values()
    assert [text for _, text in words(session)] == texts
    answer = await take(api, ada, f"/api/chat/sessions/{session['session_id']}/export?format=pdf")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert [name[-10:] for name in archive.namelist()] == ["part 1.pdf", "part 2.pdf"]


async def test_what_is_not_yours_is_404(api: httpx.AsyncClient, ada: Person, bob: Person) -> None:
    await bring(api, ada, our_file(a_chat("Q")))
    session_id = next(iter((await sessions_of(api, ada)).values()))["session_id"]
    for who, path in [(bob, session_id), (ada, uuid4())]:
        answer = await api.get(f"/api/chat/sessions/{path}/export", headers=who.headers)
        assert_problem(answer, 404, "not-found")
    assert await sessions_of(api, bob) == {}
    assert_problem(await api.post("/api/chat/import", content=b"[]"), 401, "unauthenticated")
    assert_problem(await api.get("/api/chat/export?format=exe", headers=ada.headers), 422, "invalid")


async def test_an_import_that_was_cut_off_goes_on(
    backend_database: str, graphql_url: str, ada: Person
) -> None:
    content = our_file(*(a_chat("Q", "A", title=str(number)) for number in range(120)))
    async with serving(create_app(settings_for(backend_database, graphql_url))) as api:
        async with api.stream("POST", "/api/chat/import", content=content, headers=ada.headers) as answer:
            async for event in events_of(answer):
                assert event.name == "progress"
                break  # and hang up
        for _ in range(50):  # until the server has noticed
            answer = await api.post("/api/chat/import", content=content, headers=ada.headers | JSON)
            if answer.status_code != 429:
                break
            await asyncio.sleep(0.1)
        summary = answer.json()
        assert summary["known"] >= 1
        assert summary["new"] + summary["known"] == 120
        found = await sessions_of(api, ada)
    assert found.keys() == {str(number) for number in range(120)}
    assert all(len(each["messages"]) == 2 for each in found.values())
