"""What can be done with an answer: read on from anywhere, stopped, continued, written again; and who ends the dead."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from backend.routes import turn_answers
from backend.services import follower, reply
from backend.services.hasura_client import ChatMessage, HasuraClient
from backend.services.replies import answer_id
from backend.services.tokens import Tokens
from tests.backend import model_server as scripts
from tests.backend.conftest import Person, assert_problem, running, serving
from tests.backend.model_server import ANSWER, ModelServer, model_server
from tests.backend.sse import Reader, longer_than
from tests.backend.test_chat import with_model
from tests.conftest import RedisServer

WHOLE = "".join(ANSWER)
JSON = {"Accept": "application/json"}


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with model_server() as server:
        yield server


@pytest.fixture
def app(backend_database: str, graphql_url: str, model: ModelServer) -> FastAPI:
    return with_model(backend_database, graphql_url, model.base_url)


@pytest.fixture
async def chat(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(app) as client:
        yield client


@pytest.fixture
async def session(hasura: HasuraClient, ada: Person) -> UUID:
    return (await hasura.create_chat_session(ada.access_token)).session_id


@pytest.fixture
def reader(ada: Person) -> Reader:
    return Reader(ada)


async def row(hasura: HasuraClient, who: Person, message_id: object) -> ChatMessage:
    message = await hasura.get_chat_message(who.access_token, UUID(str(message_id)))
    assert message is not None
    return message


class TestResuming:
    async def test_a_reader_goes_on_exactly_where_it_stopped(
        self, chat: httpx.AsyncClient, reader: Reader, session: UUID
    ) -> None:
        question = uuid4()
        await reader.read(chat, longer_than(0), session_id=session, content="#slow", message_id=question)
        first = reader.text
        await reader.resume(chat, question, longer_than(len(first)))
        await reader.resume(chat, answer_id(question))
        assert (reader.text, reader.last.name, reader.cuts) == (WHOLE, "done", [])
        await reader.resume(chat, question)
        assert [event.name for event in reader.events[-2:]] == ["turn", "done"]
        assert reader.text == WHOLE

    async def test_an_event_that_nobody_sent_reads_from_the_first_word(
        self, chat: httpx.AsyncClient, ada: Person, reader: Reader, session: UUID
    ) -> None:
        question = uuid4()
        await reader.ask(chat, session_id=session, content="why?", message_id=question)
        for odd in ("", "nonsense", "nonsense:7", ":3", f"{reader.turn['run']}:-1", "x" * 200):
            late = Reader(ada, last_id=odd)
            await late.resume(chat, question)
            assert late.text == WHOLE
        beyond = Reader(ada, text=WHOLE, last_id=f"{reader.turn['run']}:1000000")
        await beyond.resume(chat, question)
        assert beyond.text == WHOLE
        by_query = await chat.get(
            f"/api/chat/{question}/stream", params={"last_event_id": reader.last_id}, headers=ada.headers
        )
        assert "event: delta" not in by_query.text

    async def test_what_is_not_there_is_404(
        self, chat: httpx.AsyncClient, ada: Person, bob: Person, hasura: HasuraClient, session: UUID
    ) -> None:
        reader, question = Reader(ada), uuid4()
        await reader.ask(chat, session_id=session, content="why?", message_id=question)
        unanswered = await hasura.add_chat_message(ada.access_token, session, "nobody asked the assistant")
        cases = [(bob, question), (bob, answer_id(question)), (ada, uuid4()), (ada, unanswered.message_id)]
        for who, message_id in cases:
            for method, path in (("GET", "stream"), ("POST", "stop"), ("POST", "continue")):
                answer = await chat.request(method, f"/api/chat/{message_id}/{path}", headers=who.headers)
                assert_problem(answer, 404, "not-found")
        for who, message_id in cases[:-1]:
            answer = await chat.post(f"/api/chat/{message_id}/regenerate", headers=who.headers)
            assert_problem(answer, 404, "not-found")
        await hasura.delete_chat_session(ada.access_token, session)
        for path in ("stop", "continue", "regenerate"):
            assert_problem(
                await chat.post(f"/api/chat/{question}/{path}", headers=ada.headers), 404, "not-found"
            )
        gone = await chat.get(f"/api/chat/{question}/stream", headers=ada.headers)
        assert_problem(gone, 404, "not-found")
        body = {"session_id": str(session), "content": "into nothing"}
        assert_problem(await chat.post("/api/chat", json=body, headers=ada.headers), 404, "not-found")

    async def test_bytes_grow_with_the_answer_not_with_its_square(
        self, chat: httpx.AsyncClient, ada: Person, session: UUID
    ) -> None:
        body = {"session_id": str(session), "content": "#endless"}
        answer = await chat.post("/api/chat", json=body, headers=ada.headers)
        text = json.loads(answer.text.rpartition("data: ")[2])["content"]
        assert len(answer.content) < 4 * len(text) + 2000

    async def test_a_reader_that_takes_nothing_is_dropped_and_can_resume(
        self, app: FastAPI, ada: Person, session: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(turn_answers, "SEND_TIMEOUT", 0.2)
        question = uuid4()
        body = {"session_id": str(session), "content": "#slow", "message_id": str(question)}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": "/api/chat",
            "query_string": b"",
            "headers": [
                (b"content-type", b"application/json"),
                (b"authorization", f"Bearer {ada.access_token}".encode()),
            ],
        }
        request = iter([{"type": "http.request", "body": json.dumps(body).encode()}])
        taken = []

        async def receive() -> dict[str, Any]:
            return next(request, None) or await asyncio.Event().wait()

        async def send(message: dict[str, Any]) -> None:
            taken.append(message)
            if len(taken) > 2:
                await asyncio.Event().wait()  # its buffers are full, and nobody reads

        async with running(app) as chat:
            async with asyncio.timeout(10):
                await app(scope, receive, send)
            assert [message["type"] for message in taken] == ["http.response.start"] + [
                "http.response.body"
            ] * 2
            assert all(message["more_body"] for message in taken[1:]), (
                "no end that the reader could take for one"
            )
            reader = Reader(ada)
            await reader.resume(chat, question)
            assert reader.text == WHOLE


class TestStopping:
    async def test_a_stop_keeps_the_text_and_is_the_end_for_every_reader(
        self, chat: httpx.AsyncClient, hasura: HasuraClient, ada: Person, reader: Reader, session: UUID
    ) -> None:
        question = uuid4()
        reading = asyncio.create_task(
            reader.ask(chat, session_id=session, content="#stall", message_id=question)
        )
        async with asyncio.timeout(10):
            while reader.text != "Half an ":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        answer = await chat.post(f"/api/chat/{question}/stop", headers=ada.headers)
        assert answer.status_code == 200
        stopped = answer.json()
        assert (stopped["status"], stopped["content"]) == ("stopped", "Half an ")
        await reading
        assert (reader.last.name, reader.last.data) == ("done", stopped)
        assert (await row(hasura, ada, answer_id(question))).model_dump(mode="json") == stopped
        again = await chat.post(f"/api/chat/{stopped['message_id']}/stop", headers=ada.headers)
        assert again.json() == stopped

    async def test_an_answer_that_waits_for_a_place_is_stopped_too(
        self, backend_database: str, graphql_url: str, model: ModelServer, ada: Person, session: UUID
    ) -> None:
        app = with_model(backend_database, graphql_url, model.base_url, replies_at_once=1)
        async with running(app) as chat:
            first, second = uuid4(), uuid4()
            tasks = []
            for question, content in ((first, "#slow"), (second, "never asked")):
                asking = Reader(ada).ask(chat, session_id=session, content=content, message_id=question)
                tasks.append(asyncio.create_task(asking))
                await asyncio.sleep(0.2)
            stopped = await chat.post(f"/api/chat/{second}/stop", headers=ada.headers)
            assert (stopped.json()["status"], stopped.json()["content"]) == ("stopped", "")
            await asyncio.gather(*tasks)
        assert model.questions() == ["#slow"]

    async def test_an_answer_whose_writer_is_silent_is_ended_in_the_database(
        self,
        chat: httpx.AsyncClient,
        hasura: HasuraClient,
        tokens: Tokens,
        ada: Person,
        session: UUID,
        reader: Reader,
    ) -> None:
        question = await hasura.add_chat_message(ada.access_token, session, "why?")
        begun = await begin(hasura, tokens, ada, question)
        await hasura.renew_answer(tokens.assistant(ada.id), begun.message_id, run="lost", content="Half ")
        reading = asyncio.create_task(reader.resume(chat, question.message_id))
        stopped = (await chat.post(f"/api/chat/{question.message_id}/stop", headers=ada.headers)).json()
        assert (stopped["status"], stopped["content"]) == ("stopped", "Half ")
        await reading
        assert (reader.last.name, reader.text) == ("done", "Half ")
        late = await hasura.renew_answer(tokens.assistant(ada.id), begun.message_id, run="lost", content="x")
        assert not late, "the old writer is fenced off"


class TestContinuing:
    async def test_a_stopped_answer_goes_on_behind_its_text_in_the_same_row(
        self,
        chat: httpx.AsyncClient,
        hasura: HasuraClient,
        ada: Person,
        reader: Reader,
        session: UUID,
        model: ModelServer,
    ) -> None:
        question = uuid4()
        await reader.read(chat, longer_than(4), session_id=session, content="#stall", message_id=question)
        before = (await chat.post(f"/api/chat/{question}/stop", headers=ada.headers)).json()
        late = Reader(ada, text="Half", last_id=f"{reader.turn['run']}:4")
        await reader.post(chat, f"/api/chat/{question}/continue")
        assert (reader.last.name, reader.text) == ("done", before["content"] + WHOLE)
        after = await row(hasura, ada, answer_id(question))
        assert (after.id, after.status, after.content) == (before["id"], "complete", reader.text)
        assert after.metadata["run"] != before["metadata"]["run"]
        assert [m["content"] for m in model.requests[-1]["messages"][1:-1]] == ["#stall", before["content"]]
        await late.resume(chat, question)
        assert (late.text, late.cuts) == (reader.text, []), "the kept text is not sent again"

    async def test_only_what_broke_off_is_continued(
        self, chat: httpx.AsyncClient, ada: Person, reader: Reader, session: UUID
    ) -> None:
        question = uuid4()
        await reader.ask(chat, session_id=session, content="why?", message_id=question)
        answer = await chat.post(f"/api/chat/{question}/continue", headers=ada.headers)
        problem = assert_problem(answer, 409, "conflict")
        assert problem["stored"]["content"] == WHOLE

    async def test_an_answer_that_was_cut_for_its_length_says_so_and_goes_on(
        self,
        backend_database: str,
        graphql_url: str,
        model: ModelServer,
        reader: Reader,
        session: UUID,
    ) -> None:
        app = with_model(backend_database, graphql_url, model.base_url, llm_answer_chars=1000)
        async with running(app) as chat:
            question = uuid4()
            await reader.ask(chat, session_id=session, content="#endless", message_id=question)
            assert len(reader.text) == 1000
            assert reader.last.data["metadata"]["truncated"] is True
            model.always = "#endless"
            await reader.post(chat, f"/api/chat/{question}/continue")
            assert len(reader.text) == 2000
            model.always = None
            await reader.post(chat, f"/api/chat/{question}/continue")
            assert reader.text.endswith(WHOLE)
            assert "truncated" not in reader.last.data["metadata"]

    async def test_of_many_who_continue_at_once_one_does_and_all_hear_it(
        self, chat: httpx.AsyncClient, ada: Person, session: UUID, model: ModelServer
    ) -> None:
        question = uuid4()
        await Reader(ada).read(
            chat, longer_than(4), session_id=session, content="#stall", message_id=question
        )
        await chat.post(f"/api/chat/{question}/stop", headers=ada.headers)
        model.always = "#slow"
        readers = [Reader(ada) for _ in range(6)]
        await asyncio.gather(*(r.post(chat, f"/api/chat/{question}/continue") for r in readers))
        assert {r.text for r in readers} == {"Half an " + WHOLE}
        assert len(model.requests) == 2


class TestVersions:
    async def test_another_version_is_a_row_of_its_own_and_the_current_one(
        self,
        chat: httpx.AsyncClient,
        hasura: HasuraClient,
        ada: Person,
        reader: Reader,
        session: UUID,
        model: ModelServer,
    ) -> None:
        question, second = uuid4(), uuid4()
        await reader.ask(chat, session_id=session, content="why?", message_id=question)
        await reader.ask(chat, session_id=session, content="and then?")
        other = Reader(ada)
        await other.post(chat, f"/api/chat/{answer_id(question)}/regenerate", {"message_id": str(second)})
        assert other.turn["assistant_message_id"] == str(second)
        assert [m["content"] for m in model.requests[-1]["messages"][1:]] == ["why?"]
        again = Reader(ada)
        await again.post(chat, f"/api/chat/{question}/regenerate", {"message_id": str(second)})
        assert again.last == other.last, "the same version, not a third"
        rows = (await hasura.get_chat_messages(ada.access_token, session)).items
        assert [m.message_id for m in rows] == [question, second], "what came after the first is kept aside"
        assert rows[1].versions == [answer_id(question), second]

        resumed = Reader(ada)
        await resumed.resume(chat, question)
        assert resumed.turn["assistant_message_id"] == str(second)
        await hasura.choose_version(ada.access_token, answer_id(question))
        chosen = Reader(ada)
        await chosen.resume(chat, question)
        assert chosen.turn["assistant_message_id"] == str(answer_id(question))

    async def test_the_model_hears_the_conversation_that_is_open(
        self,
        chat: httpx.AsyncClient,
        reader: Reader,
        session: UUID,
        model: ModelServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        first = uuid4()
        await reader.ask(chat, session_id=session, content="first", message_id=first)
        await reader.ask(chat, session_id=session, content="second")
        monkeypatch.setitem(scripts.STREAMS, "first", ["A better one."])
        await reader.post(chat, f"/api/chat/{first}/regenerate")
        await reader.ask(chat, session_id=session, content="third")
        said = [m["content"] for m in model.requests[-1]["messages"][1:]]
        assert said == ["first", "A better one.", "third"]

    async def test_while_one_is_written_no_other_begins(
        self, chat: httpx.AsyncClient, ada: Person, reader: Reader, session: UUID
    ) -> None:
        question = uuid4()
        await reader.read(chat, longer_than(0), session_id=session, content="#slow", message_id=question)
        answer = await chat.post(f"/api/chat/{question}/regenerate", headers=ada.headers)
        assert assert_problem(answer, 409, "conflict")["stored"]["status"] == "streaming"
        await reader.resume(chat, question)

    async def test_a_version_cannot_take_the_id_of_something_else(
        self, chat: httpx.AsyncClient, ada: Person, reader: Reader, session: UUID
    ) -> None:
        question, other = uuid4(), uuid4()
        for message_id in (question, other):
            await reader.ask(chat, session_id=session, content="why?", message_id=message_id)
        for taken in (question, other, answer_id(other)):
            body = {"message_id": str(taken)}
            answer = await chat.post(f"/api/chat/{question}/regenerate", json=body, headers=ada.headers)
            assert_problem(answer, 409, "conflict")


class TestMetadata:
    async def test_an_ended_answer_says_what_it_took(
        self, chat: httpx.AsyncClient, reader: Reader, session: UUID
    ) -> None:
        await reader.ask(chat, session_id=session, content="#usage")
        metadata = reader.last.data["metadata"]
        assert metadata["model"] == "tiny"
        assert (metadata["prompt_tokens"], metadata["completion_tokens"]) == (11, 7)
        assert 0 <= metadata["time_to_first_token_ms"] <= metadata["duration_ms"]
        assert "tokens_estimated" not in metadata

    async def test_what_the_provider_does_not_tell_is_estimated_and_says_so(
        self, chat: httpx.AsyncClient, reader: Reader, session: UUID
    ) -> None:
        await reader.ask(chat, session_id=session, content="why?")
        metadata = reader.last.data["metadata"]
        assert metadata["tokens_estimated"] is True
        assert metadata["prompt_tokens"] > 0
        assert metadata["completion_tokens"] > 0

    async def test_a_provider_that_refuses_to_tell_is_asked_without(
        self, chat: httpx.AsyncClient, reader: Reader, session: UUID, model: ModelServer
    ) -> None:
        model.strict = True
        for _ in range(2):
            await reader.ask(chat, session_id=session, content="why?")
            assert reader.last.name == "done"
        assert ["stream_options" in request for request in model.requests] == [True, False, False]

    async def test_the_model_s_own_limit_of_length_is_told(
        self, chat: httpx.AsyncClient, reader: Reader, session: UUID
    ) -> None:
        await reader.ask(chat, session_id=session, content="#length")
        assert reader.last.data["metadata"]["truncated"] is True


class TestProviderFaults:
    """Those that are not in test_chat."""

    async def test_one_that_drips_bytes_is_ended_and_what_came_is_kept(
        self, chat: httpx.AsyncClient, reader: Reader, session: UUID
    ) -> None:
        await reader.ask(chat, session_id=session, content="#drip")
        assert (reader.last.name, reader.last.data["kind"], reader.text) == ("error", "timeout", "Half ")

    async def test_when_to_try_again_is_told_in_words_and_kept(
        self, chat: httpx.AsyncClient, hasura: HasuraClient, ada: Person, reader: Reader, session: UUID
    ) -> None:
        question = uuid4()
        await reader.ask(chat, session_id=session, content="#429", message_id=question)
        problem = reader.last.data
        assert (problem["kind"], problem["retry_after"]) == ("rate_limited", 7)
        assert "Try again in 7 seconds." in problem["detail"]
        failed = await row(hasura, ada, answer_id(question))
        assert failed.metadata["error"]["retry_after"] == 7
        late = await chat.get(f"/api/chat/{question}/stream", headers=ada.headers | JSON)
        assert assert_problem(late, 503, "assistant-failed")["retry_after"] == 7
        assert late.headers["retry-after"] == "7"

    async def test_a_date_to_try_again_at_is_understood(
        self, chat: httpx.AsyncClient, reader: Reader, session: UUID, model: ModelServer
    ) -> None:
        model.retry_after = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
        await reader.ask(chat, session_id=session, content="#429")
        assert 60 < reader.last.data["retry_after"] <= 91

    async def test_a_passing_fault_before_the_first_word_is_not_told(
        self, chat: httpx.AsyncClient, reader: Reader, session: UUID, model: ModelServer
    ) -> None:
        model.failures = 1
        await reader.ask(chat, session_id=session, content="why?")
        assert (reader.last.name, len(model.requests)) == ("done", 2)


class TestTheDead:
    async def test_an_answer_whose_lease_ran_out_ends_as_failed_with_its_text(
        self,
        app: FastAPI,
        backend_database: str,
        hasura: HasuraClient,
        tokens: Tokens,
        ada: Person,
        session: UUID,
    ) -> None:
        question = await hasura.add_chat_message(ada.access_token, session, "why?")
        dead, alive = [await begin(hasura, tokens, ada, question) for _ in range(2)]
        await hasura.renew_answer(tokens.assistant(ada.id), dead.message_id, run="lost", content="Half an ")
        expire(backend_database, dead)
        async with running(app) as chat:
            await app.state.services.sweeper.sweep()
            found = await row(hasura, ada, dead.message_id)
            assert (found.status, found.content) == ("failed", "Half an ")
            assert found.metadata["error"]["kind"] == "interrupted"
            assert found.metadata["run"] == "lost"
            assert (await row(hasura, ada, alive.message_id)).status == "streaming"
            told = await chat.get(f"/api/chat/{dead.message_id}/stream", headers=ada.headers)
            assert "Half an " in told.text
            assert "event: error" in told.text

    async def test_a_writer_that_renews_in_the_last_moment_keeps_its_answer(
        self, backend_database: str, hasura: HasuraClient, tokens: Tokens, ada: Person, session: UUID
    ) -> None:
        question = await hasura.add_chat_message(ada.access_token, session, "why?")
        begun = await begin(hasura, tokens, ada, question)
        seen = expire(backend_database, begun)
        token = tokens.assistant(ada.id)
        assert await hasura.renew_answer(token, begun.message_id, run="lost")
        given_up = await hasura.fail_abandoned_answer(
            token, begun.message_id, lease_until=seen, error={"kind": "interrupted"}
        )
        assert given_up is None
        assert (await row(hasura, ada, begun.message_id)).status == "streaming"

    async def test_an_answer_is_followed_though_the_bus_says_nothing(
        self,
        chat: httpx.AsyncClient,
        hasura: HasuraClient,
        tokens: Tokens,
        ada: Person,
        session: UUID,
        reader: Reader,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(follower, "LOOK_AFTER", 0.05)
        question = await hasura.add_chat_message(ada.access_token, session, "why?")
        begun = await begin(hasura, tokens, ada, question)
        token = tokens.assistant(ada.id)
        reading = asyncio.create_task(reader.resume(chat, question.message_id))
        for text in ("One", "One, two", "One, two, three"):
            await hasura.renew_answer(token, begun.message_id, run="lost", content=text)
            await asyncio.sleep(0.2)
        await hasura.end_answer(
            token,
            begun.message_id,
            run="lost",
            content="One, two, three.",
            status="complete",
            metadata={"run": "lost"},
        )
        await reading
        assert (reader.text, reader.last.name, reader.cuts) == ("One, two, three.", "done", [])


class TestWithoutTheBus:
    async def test_when_redis_dies_answers_are_followed_and_stopped_all_the_same(
        self,
        backend_database: str,
        graphql_url: str,
        model: ModelServer,
        redis_server: RedisServer,
        hasura: HasuraClient,
        ada: Person,
        session: UUID,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        words = [f"{n} " for n in range(100)]
        monkeypatch.setitem(scripts.STREAMS, "#long", [step for word in words for step in (word, 0.05)])
        apps = [
            with_model(backend_database, graphql_url, model.base_url, redis_url=redis_server.url)
            for _ in range(2)
        ]
        async with serving(apps[0]) as here, serving(apps[1]) as there:
            followed, stopped = uuid4(), uuid4()
            reader = Reader(ada)
            await reader.read(here, longer_than(0), session_id=session, content="#long", message_id=followed)
            following = asyncio.create_task(reader.resume(there, followed))
            await Reader(ada).read(
                here, longer_than(0), session_id=session, content="#long", message_id=stopped
            )
            async with asyncio.timeout(20):
                while len(reader.text) < 20:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            redis_server.kill()
            answer = (await there.post(f"/api/chat/{stopped}/stop", headers=ada.headers)).json()
            assert answer["status"] == "stopped"
            await following
            assert reader.text == "".join(words)
            assert (reader.last.name, reader.cuts) == ("done", [])
            after = await row(hasura, ada, answer_id(stopped))
            assert (after.status, after.content) == ("stopped", answer["content"])


async def begin(
    hasura: HasuraClient, tokens: Tokens, who: Person, question: ChatMessage, **metadata: Any
) -> ChatMessage:
    """An answer whose writer is some other process."""
    begun = await hasura.add_assistant_message(
        tokens.assistant(who.id),
        question.session_id,
        message_id=uuid4(),
        reply_to=question.message_id,
        metadata={"run": "lost"} | metadata,
    )
    assert begun is not None
    return begun


def expire(database_url: str, answer: ChatMessage) -> datetime:
    statement = (
        "UPDATE chat_messages SET lease_until = now() - interval '1 minute'"
        " WHERE message_id = %s RETURNING lease_until"
    )
    with psycopg.connect(database_url, autocommit=True) as db:
        found = db.execute(statement, [answer.message_id]).fetchone()
    assert found is not None
    moment: datetime = found[0]
    return moment


async def test_checkpoints_are_often_enough_for_the_lease() -> None:
    assert 2 * (reply.CHECKPOINT_EVERY + reply.CHECKPOINT_WITHIN) <= 10
