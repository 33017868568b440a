"""Versions over REST and WebSocket: edit, regenerate, choose, rate and delete; pages in both directions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from backend.services.hasura_client import HasuraClient, NotFound
from tests.backend.conftest import Person, assert_problem, serving
from tests.backend.model_server import ModelServer, model_server
from tests.backend.sse import Reader
from tests.backend.test_chat import with_model


@pytest.fixture
async def session(hasura: HasuraClient, ada: Person) -> UUID:
    return (await hasura.create_chat_session(ada.access_token)).session_id


@pytest.fixture
def reader(ada: Person) -> Reader:
    return Reader(ada)


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with model_server() as server:
        yield server


@pytest.fixture
async def chat(
    backend_database: str, graphql_url: str, model: ModelServer
) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(with_model(backend_database, graphql_url, model.base_url)) as client:
        yield client


async def read(chat: httpx.AsyncClient, ada: Person, session: UUID, **params: Any) -> dict[str, Any]:
    answer = await chat.get(f"/api/chat/history/{session}", params=params, headers=ada.headers)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def ids(page: dict[str, Any]) -> list[str]:
    return [message["message_id"] for message in page["items"]]


async def test_an_edited_question_is_answered_beside_the_old_one_which_keeps_what_came_after_it(
    chat: httpx.AsyncClient, ada: Person, reader: Reader, session: UUID, model: ModelServer
) -> None:
    first, edited = str(uuid4()), str(uuid4())
    await reader.ask(chat, session_id=session, content="first", message_id=first)
    await reader.ask(chat, session_id=session, content="second")
    before = await read(chat, ada, session)
    for _ in range(2):
        await Reader(ada).ask(
            chat, session_id=session, content="another first", message_id=edited, edit_of=first
        )
    assert [m["content"] for m in model.requests[-1]["messages"][1:]] == ["another first"]
    assert len(model.requests) == 3, "sent again, it is not asked again"
    now = await read(chat, ada, session)
    assert (ids(now)[0], len(now["items"])) == (edited, 2)
    assert now["items"][0]["versions"] == [first, edited]
    assert now["revision"] > before["revision"]

    chosen = await chat.post(f"/api/chat/messages/{first}/choose", headers=ada.headers)
    assert (chosen.status_code, chosen.json()["message_id"]) == (200, first)
    assert ids(await read(chat, ada, session)) == ids(before)


async def test_an_answer_is_rated_and_one_message_deleted(
    chat: httpx.AsyncClient, ada: Person, bob: Person, reader: Reader, session: UUID
) -> None:
    await reader.ask(chat, session_id=session, content="why?")
    question, answer = ids(await read(chat, ada, session))
    rate = f"/api/chat/messages/{answer}/rating"
    for rating in ("up", None):
        rated = await chat.put(rate, json={"rating": rating}, headers=ada.headers)
        assert (rated.status_code, rated.json()["rating"]) == (200, rating)
    assert_problem(await chat.put(rate, json={"rating": "fine"}, headers=ada.headers), 422, "invalid")
    for path in (f"{answer}/choose", f"{uuid4()}/choose"):
        assert_problem(await chat.post(f"/api/chat/messages/{path}", headers=bob.headers), 404, "not-found")
    assert_problem(await chat.put(rate, json={"rating": "up"}, headers=bob.headers), 404, "not-found")
    assert_problem(await chat.delete(f"/api/chat/messages/{question}", headers=bob.headers), 404, "not-found")
    gone = await chat.delete(f"/api/chat/messages/{question}", headers=ada.headers)
    assert gone.status_code == 204
    assert ids(await read(chat, ada, session)) == []


async def test_pages_lead_both_ways_and_around_a_message(
    chat: httpx.AsyncClient, hasura: HasuraClient, ada: Person, session: UUID
) -> None:
    written = [
        str((await hasura.add_chat_message(ada.access_token, session, f"m{n}")).message_id) for n in range(7)
    ]
    newest = await read(chat, ada, session, limit=3)
    assert (ids(newest), newest["previous_cursor"]) == (written[4:], None)
    older = await read(chat, ada, session, limit=3, cursor=newest["next_cursor"])
    assert ids(older) == written[1:4]
    again = await read(chat, ada, session, limit=3, after=older["previous_cursor"])
    assert (ids(again), again["previous_cursor"]) == (written[4:], None)
    oldest = await read(chat, ada, session, limit=3, cursor=older["next_cursor"])
    assert (ids(oldest), oldest["next_cursor"]) == (written[:1], None)

    around = await read(chat, ada, session, limit=4, around=written[3])
    assert ids(around) == written[2:6]
    assert ids(await read(chat, ada, session, cursor=around["next_cursor"])) == written[:2]
    assert ids(await read(chat, ada, session, after=around["previous_cursor"])) == written[6:]
    edited = await hasura.add_chat_message(ada.access_token, session, "m3'", edit_of=UUID(written[3]))
    assert ids(await read(chat, ada, session)) == [*written[:3], str(edited.message_id)]
    with pytest.raises(NotFound):
        await hasura.get_messages_around(ada.access_token, session, UUID(written[5]))
    wrong = {"cursor": around["next_cursor"], "around": written[0]}
    answer = await chat.get(f"/api/chat/history/{session}", params=wrong, headers=ada.headers)
    assert_problem(answer, 422, "invalid")


async def test_a_live_page_says_when_older_ones_have_changed(
    hasura: HasuraClient, ada: Person, session: UUID
) -> None:
    first = await hasura.add_chat_message(ada.access_token, session, "one")
    pages = hasura.watch_page(ada.access_token, session, limit=1)
    page = await anext(pages)
    assert page is not None
    assert ([m.content for m in page.items], page.next_cursor) == (["one"], None)
    await hasura.add_chat_message(ada.access_token, session, "two")
    more = await anext(pages)
    assert more is not None
    assert ([m.content for m in more.items], more.revision) == (["two"], page.revision)
    assert more.next_cursor is not None
    await hasura.delete_chat_message(ada.access_token, first.message_id)
    less = await anext(pages)
    assert less is not None
    assert (less.revision, less.next_cursor) == (page.revision + 1, None)
    await pages.aclose()
