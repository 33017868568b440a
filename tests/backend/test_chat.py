"""A turn: the question and its answer are saved, streamed, and survive whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from backend.main import create_app
from backend.services import reply as reply_module
from backend.services.hasura_client import ChatMessage, HasuraClient
from backend.services.replies import answer_id
from tests.backend import model_server as model_scripts
from tests.backend.conftest import Person, assert_problem, running, serving, settings_for
from tests.backend.model_server import ANSWER, ModelServer, model_server
from tests.conftest import free_port

WHOLE = "".join(ANSWER)
JSON = {"Accept": "application/json"}

Event = tuple[str, dict[str, Any]]


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with model_server() as server:
        yield server


@pytest.fixture
def app(backend_database: str, graphql_url: str, model: ModelServer) -> FastAPI:
    return with_model(backend_database, graphql_url, model.base_url)


def with_model(database_url: str, graphql_url: str, base_url: str, **changes: Any) -> FastAPI:
    limits = {"llm_first_token_timeout": 2.0, "llm_token_timeout": 1.0, "llm_connect_timeout": 1.0}
    return create_app(
        settings_for(database_url, graphql_url, llm_base_url=base_url, llm_model="tiny", **(limits | changes))
    )


@pytest.fixture
async def chat(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The API with a model, behind a real server."""
    async with serving(app) as client:
        yield client


@pytest.fixture
async def session(hasura: HasuraClient, ada: Person) -> UUID:
    return (await hasura.create_chat_session(ada.access_token)).session_id


async def ask(
    api: httpx.AsyncClient, who: Person, session: UUID, content: str, message_id: UUID | None = None
) -> list[Event]:
    """The events of one turn, read to the end."""
    body = {"session_id": str(session), "content": content}
    if message_id is not None:
        body["message_id"] = str(message_id)
    async with api.stream("POST", "/api/chat", json=body, headers=who.headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        return [event async for event in read_events(answer)]


async def post_turn(
    api: httpx.AsyncClient, who: Person, path: str, body: dict[str, str] | None = None
) -> list[Event]:
    """The events of a turn that begins by `path`, read to the end."""
    async with api.stream("POST", path, json=body or {}, headers=who.headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        return [event async for event in read_events(answer)]


async def read_events(answer: httpx.Response) -> AsyncIterator[Event]:
    name = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def text_of(events: list[Event]) -> str:
    return "".join(data["text"] for name, data in events if name == "delta")


async def stored(hasura: HasuraClient, who: Person, question: UUID) -> ChatMessage:
    message = await hasura.get_chat_message(who.access_token, answer_id(question))
    assert message is not None
    return message


async def test_a_turn_is_turn_deltas_done_and_two_rows(
    chat: httpx.AsyncClient, hasura: HasuraClient, ada: Person, session: UUID
) -> None:
    question = uuid4()
    events = await ask(chat, ada, session, "What is a cursor?", question)
    name, begun = events[0]
    assert name == "turn"
    assert begun["user_message_id"] == str(question)
    assert begun["assistant_message_id"] == str(answer_id(question))
    assert begun["offset"] == 0
    assert {name for name, _ in events[1:-1]} == {"delta"}
    assert text_of(events) == WHOLE
    name, done = events[-1]
    assert name == "done"
    assert (done["content"], done["role"], done["status"]) == (WHOLE, "assistant", "complete")
    assert done["reply_to"] == str(question)
    assert done["metadata"]["run"] == begun["run"]
    rows = (await hasura.get_chat_messages(ada.access_token, session)).items
    assert [(m.role, m.content) for m in rows] == [("user", "What is a cursor?"), ("assistant", WHOLE)]
    assert rows[1].model_dump(mode="json") == done
    assert (await hasura.get_chat_session(ada.access_token, session)).total_messages == 2


async def test_the_same_turn_in_one_json_body(chat: httpx.AsyncClient, ada: Person, session: UUID) -> None:
    body = {"session_id": str(session), "content": "What is a cursor?"}
    answer = await chat.post("/api/chat", json=body, headers=ada.headers | JSON)
    assert answer.status_code == 200
    turn = answer.json()
    assert turn["reply"]["content"] == WHOLE
    assert turn["reply"]["message_id"] == turn["assistant_message_id"]
    assert turn["reply"]["reply_to"] == turn["user_message_id"]


async def test_the_model_gets_the_prompt_the_history_and_nothing_that_failed(
    chat: httpx.AsyncClient, ada: Person, session: UUID, model: ModelServer
) -> None:
    await ask(chat, ada, session, "first")
    await ask(chat, ada, session, "#500")
    await ask(chat, ada, session, "third")
    sent = model.requests[-1]
    assert (sent["model"], sent["stream"]) == ("tiny", True)
    assert [(m["role"], m["content"]) for m in sent["messages"][1:]] == [
        ("user", "first"),
        ("assistant", WHOLE),
        ("user", "#500"),
        ("user", "third"),
    ]
    assert sent["messages"][0]["role"] == "system"


async def test_an_old_history_is_left_out_when_it_does_not_fit(
    backend_database: str,
    graphql_url: str,
    model: ModelServer,
    hasura: HasuraClient,
    ada: Person,
    session: UUID,
) -> None:
    app = with_model(backend_database, graphql_url, model.base_url, llm_history_tokens=30)
    async with running(app) as api:
        for text in ("x" * 400, "short"):
            await hasura.add_chat_message(ada.access_token, session, text)
        await ask(api, ada, session, "and now a long question " * 20)
    assert [m["content"][:5] for m in model.requests[-1]["messages"][1:]] == ["short", "and n"]


FAILURES = [
    ("#hang", "timeout", 504, ""),
    ("#stall", "timeout", 504, "Half an "),
    ("#cut", "cut", 502, "Half an "),
    ("#ends-early", "cut", 502, "Half "),
    ("#malformed", "malformed", 502, "Half "),
    ("#shapeless", "malformed", 502, "Half "),
    ("#error-event", "provider_error", 502, "Half "),
    ("#empty", "empty", 502, ""),
    ("#blank", "empty", 502, " \n"),
    ("#401", "refused", 502, ""),
    ("#404", "refused", 502, ""),
    ("#400", "too_long", 502, ""),
    ("#429", "rate_limited", 503, ""),
    ("#500", "provider_error", 502, ""),
]


@pytest.mark.parametrize(("question", "kind", "status", "kept"), FAILURES)
async def test_a_failure_is_saved_told_and_can_be_tried_again(
    chat: httpx.AsyncClient,
    hasura: HasuraClient,
    ada: Person,
    session: UUID,
    model: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    question: str,
    kind: str,
    status: int,
    kept: str,
) -> None:
    chosen = uuid4()
    events = await ask(chat, ada, session, question, chosen)
    name, problem = events[-1]
    assert name == "error"
    assert problem["type"] == "urn:chat-sessions:problem:assistant-failed"
    assert (problem["kind"], problem["status"]) == (kind, status)
    assert problem["assistant_message_id"] == str(answer_id(chosen))
    assert problem["trace_id"]
    assert "secret" not in json.dumps(events)
    failed = await stored(hasura, ada, chosen)
    assert (failed.status, failed.content, failed.metadata["error"]["kind"]) == ("failed", kept, kind)
    assert failed.metadata["error"]["message"] in problem["detail"]

    # Again, when the model works: what there is of it is never thrown away.
    monkeypatch.setitem(model_scripts.STREAMS, question, list(ANSWER))
    monkeypatch.delitem(model_scripts.STATUSES, question, raising=False)
    again = await ask(chat, ada, session, question, chosen)
    if kept.strip():
        assert (again[-1][0], again[-1][1]["kind"], text_of(again)) == ("error", kind, kept)
        again = await post_turn(chat, ada, f"/api/chat/{chosen}/continue")
    assert (again[-1][0], text_of(again)) == ("done", (kept.strip(" \n") and kept + WHOLE) or WHOLE)
    mended = await stored(hasura, ada, chosen)
    assert (mended.id, mended.status, mended.content) == (failed.id, "complete", text_of(again))
    assert "error" not in mended.metadata
    assert (await hasura.get_chat_session(ada.access_token, session)).total_messages == 2


async def test_as_json_a_failure_is_the_status_of_the_answer(
    chat: httpx.AsyncClient, ada: Person, session: UUID
) -> None:
    body = {"session_id": str(session), "content": "#429"}
    answer = await chat.post("/api/chat", json=body, headers=ada.headers | JSON)
    problem = assert_problem(answer, 503, "assistant-failed")
    assert problem["kind"] == "rate_limited"
    assert answer.headers["retry-after"] == "7"


async def test_a_model_that_is_not_there_fails_the_same_way(
    backend_database: str, graphql_url: str, hasura: HasuraClient, ada: Person, session: UUID
) -> None:
    app = with_model(
        backend_database, graphql_url, f"http://127.0.0.1:{free_port()}/v1", llm_first_token_timeout=10
    )
    async with running(app) as api:
        events = await ask(api, ada, session, "anybody?", chosen := uuid4())
    assert events[-1][1]["kind"] == "unreachable"
    assert (await stored(hasura, ada, chosen)).status == "failed"


async def test_the_whole_answer_has_a_deadline_and_a_length(
    backend_database: str,
    graphql_url: str,
    model: ModelServer,
    hasura: HasuraClient,
    ada: Person,
    session: UUID,
) -> None:
    app = with_model(
        backend_database, graphql_url, model.base_url, llm_total_timeout=0.4, llm_answer_chars=1000
    )
    async with running(app) as api:
        assert (await ask(api, ada, session, "#slow"))[-1][1]["kind"] == "timeout"
        done = (await ask(api, ada, session, "#endless"))[-1][1]
    assert len(done["content"]) == 1000
    assert done["metadata"]["truncated"] is True


async def test_what_postgresql_cannot_hold_is_left_out(
    chat: httpx.AsyncClient, ada: Person, session: UUID
) -> None:
    events = await ask(chat, ada, session, "#characters")
    assert events[-1][0] == "done"
    assert events[-1][1]["content"] == text_of(events) == "ab\ufffdé🧑"


async def test_an_answered_question_is_not_asked_again(
    chat: httpx.AsyncClient, ada: Person, session: UUID, model: ModelServer
) -> None:
    chosen = uuid4()
    first = await ask(chat, ada, session, "once", chosen)
    again = await ask(chat, ada, session, "once", chosen)
    assert again[-1] == first[-1]
    assert text_of(again) == WHOLE
    assert model.questions() == ["once"]


async def test_the_caller_hangs_up_and_the_answer_is_saved(
    chat: httpx.AsyncClient, hasura: HasuraClient, ada: Person, session: UUID
) -> None:
    body = {"session_id": str(session), "content": "#slow", "message_id": str(chosen := uuid4())}
    async with chat.stream("POST", "/api/chat", json=body, headers=ada.headers) as answer:
        async for name, _ in read_events(answer):
            if name == "delta":
                break
    assert (await stored(hasura, ada, chosen)).status == "streaming"
    await _until_ended(hasura, ada, chosen)
    saved = await stored(hasura, ada, chosen)
    assert (saved.status, saved.content) == ("complete", WHOLE)


async def test_who_comes_later_hears_the_whole_answer_and_the_model_is_asked_once(
    chat: httpx.AsyncClient, ada: Person, session: UUID, model: ModelServer
) -> None:
    chosen = uuid4()
    first = asyncio.create_task(ask(chat, ada, session, "#slow", chosen))
    await asyncio.sleep(0.3)
    everyone = await asyncio.gather(first, *(ask(chat, ada, session, "#slow", chosen) for _ in range(5)))
    assert {text_of(events) for events in everyone} == {WHOLE}
    assert len({json.dumps(events[-1]) for events in everyone}) == 1
    assert model.questions() == ["#slow"]


async def test_another_process_follows_the_answer_that_this_one_writes(
    app: FastAPI,
    backend_database: str,
    graphql_url: str,
    model: ModelServer,
    ada: Person,
    session: UUID,
) -> None:
    other = with_model(backend_database, graphql_url, model.base_url)
    chosen = uuid4()
    async with running(app) as here, running(other) as there:
        first = asyncio.create_task(ask(here, ada, session, "#slow", chosen))
        await asyncio.sleep(0.3)
        followed = await ask(there, ada, session, "#slow", chosen)
        assert followed[-1] == (await first)[-1]
    assert text_of(followed) == WHOLE
    assert len([name for name, _ in followed if name == "delta"]) > 1
    assert model.questions() == ["#slow"]


async def test_a_follower_hears_of_a_failure_what_the_writer_heard(
    app: FastAPI,
    backend_database: str,
    graphql_url: str,
    model: ModelServer,
    ada: Person,
    session: UUID,
) -> None:
    other = with_model(backend_database, graphql_url, model.base_url)
    chosen = uuid4()
    async with running(app) as here, running(other) as there:
        first = asyncio.create_task(ask(here, ada, session, "#stall", chosen))
        await asyncio.sleep(0.3)
        followed = await ask(there, ada, session, "#stall", chosen)
        heard = (await first)[-1]
    assert {**heard[1], "trace_id": ""} == {**followed[-1][1], "trace_id": ""}
    assert heard[1]["kind"] == "timeout"


async def test_a_whole_answer_is_saved_whole_even_if_the_end_comes_while_it_is_saved(
    app: FastAPI, hasura: HasuraClient, ada: Person, session: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    saving, update = asyncio.Event(), HasuraClient.end_answer

    async def slow(client: HasuraClient, *given: Any, **named: Any) -> Any:
        if named["status"] == "complete" and not saving.is_set():
            saving.set()
            await asyncio.sleep(3600)
        return await update(client, *given, **named)

    monkeypatch.setattr(HasuraClient, "end_answer", slow)
    chosen = uuid4()
    async with running(app) as api:
        turn = asyncio.create_task(ask(api, ada, session, "What is a cursor?", chosen))
        await saving.wait()
        await app.state.services.replies.drain(0.0)
        assert (await turn)[-1][0] == "done"
    assert (await stored(hasura, ada, chosen)).status == "complete"


async def test_another_tab_sees_the_answer_grow(
    chat: httpx.AsyncClient, hasura: HasuraClient, ada: Person, session: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply_module, "CHECKPOINT_EVERY", 0.1)
    seen: set[str] = set()

    async def watch() -> None:
        async with aclosing(hasura.watch_messages(ada.access_token, session)) as states:
            async for messages in states:
                for message in messages:
                    if message.role == "assistant":
                        seen.add(message.content)
                        if message.status == "complete":
                            return

    async with asyncio.timeout(10):
        watching = asyncio.create_task(watch())
        await asyncio.sleep(0.1)
        await ask(chat, ada, session, "#slow")
        await watching
    assert len(seen - {"", WHOLE}) >= 1
    assert all(WHOLE.startswith(text) for text in seen)


async def test_a_question_that_was_never_answered_is_answered_when_it_is_sent_again(
    chat: httpx.AsyncClient, hasura: HasuraClient, ada: Person, session: UUID
) -> None:
    chosen = uuid4()
    await hasura.add_chat_message(ada.access_token, session, "crashed in between", message_id=chosen)
    assert (await ask(chat, ada, session, "crashed in between", chosen))[-1][0] == "done"


async def test_clearing_ends_an_answer_and_says_so(
    chat: httpx.AsyncClient,
    hasura: HasuraClient,
    ada: Person,
    session: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reply_module, "CHECKPOINT_EVERY", 0.05)
    monkeypatch.setitem(model_scripts.STREAMS, "#slow", ["Half ", 3600.0])
    turn = asyncio.create_task(ask(chat, ada, session, "#slow", chosen := uuid4()))
    async with asyncio.timeout(10):
        while not (begun := await hasura.get_chat_message(ada.access_token, answer_id(chosen))):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert begun.status == "streaming"
    await hasura.clear_chat_messages(ada.access_token, session)
    name, problem = (await turn)[-1]
    assert (name, problem["status"]) == ("error", 409)
    assert (await hasura.get_chat_messages(ada.access_token, session)).items == []


@pytest.mark.parametrize(
    ("seconds", "status", "kept"), [(5.0, "complete", WHOLE), (0.0, "failed", ANSWER[0])]
)
async def test_at_the_end_of_the_process_an_answer_is_finished_or_saved_as_failed(
    app: FastAPI, hasura: HasuraClient, ada: Person, session: UUID, seconds: float, status: str, kept: str
) -> None:
    chosen = uuid4()
    async with running(app) as api:
        turn = asyncio.create_task(ask(api, ada, session, "#slow", chosen))
        replies = app.state.services.replies
        while not (reply := replies._running.get(answer_id(chosen))) or not reply.growth.text:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await replies.drain(seconds)
        assert (await turn)[-1][0] == ("done" if status == "complete" else "error")
        body = {"session_id": str(session), "content": "too late"}
        assert_problem(await api.post("/api/chat", json=body, headers=ada.headers), 503, "unavailable")
    answer = await stored(hasura, ada, chosen)
    assert (answer.status, answer.content) == (status, kept)
    assert answer.metadata.get("error", {}).get("kind") == (None if status == "complete" else "interrupted")
    assert len((await hasura.get_chat_messages(ada.access_token, session)).items) == 2


async def test_one_user_cannot_take_every_slot(
    backend_database: str,
    graphql_url: str,
    model: ModelServer,
    hasura: HasuraClient,
    ada: Person,
    session: UUID,
) -> None:
    app = with_model(backend_database, graphql_url, model.base_url, replies_per_user=2)
    async with running(app) as api:
        running_turns = [asyncio.create_task(ask(api, ada, session, "#slow")) for _ in range(2)]
        await asyncio.sleep(0.3)
        body = {"session_id": str(session), "content": "one more"}
        refused = await api.post("/api/chat", json=body, headers=ada.headers)
        assert_problem(refused, 429, "too-many-requests")
        assert int(refused.headers["retry-after"]) > 0
        await asyncio.gather(*running_turns)
        assert (await ask(api, ada, session, "one more"))[-1][0] == "done"
    contents = [m.content for m in (await hasura.get_chat_messages(ada.access_token, session)).items]
    assert contents.count("one more") == 1, "the refused question was not stored"


async def test_a_message_id_with_another_text_or_session_is_a_conflict(
    chat: httpx.AsyncClient, hasura: HasuraClient, ada: Person, session: UUID
) -> None:
    chosen = uuid4()
    await ask(chat, ada, session, "one", chosen)
    other = (await hasura.create_chat_session(ada.access_token)).session_id
    for where, content in ((session, "two"), (other, "one")):
        body = {"session_id": str(where), "content": content, "message_id": str(chosen)}
        assert_problem(await chat.post("/api/chat", json=body, headers=ada.headers), 409, "conflict")


async def _until_ended(hasura: HasuraClient, who: Person, question: UUID) -> None:
    async with asyncio.timeout(10):
        while (await stored(hasura, who, question)).status == "streaming":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
