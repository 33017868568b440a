"""The client against the real engine and database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar
from uuid import UUID, uuid4

import pytest

from backend.services.hasura_client import (
    Conflict,
    HasuraClient,
    HasuraError,
    InvalidInput,
    NotFound,
    PermissionDenied,
    Unauthorized,
)
from backend.services.tokens import Tokens
from tests.conftest import make_user

T = TypeVar("T")


@pytest.fixture
def user(backend_database: str) -> UUID:
    return make_user(backend_database, f"u-{uuid4().hex[:12]}")


@pytest.fixture
def token(tokens: Tokens, user: UUID) -> str:
    return tokens.access(user, "user")


@pytest.fixture
def stranger(tokens: Tokens, backend_database: str) -> str:
    return tokens.access(make_user(backend_database, f"s-{uuid4().hex[:12]}"), "user")


class TestSessions:
    async def test_a_new_session_has_the_databases_defaults_and_its_owner(
        self, hasura: HasuraClient, token: str, user: UUID
    ) -> None:
        session = await hasura.create_chat_session(token)
        assert (session.title, session.category) == ("New chat", "general")
        assert (session.user_id, session.total_messages, session.is_active) == (user, 0, True)
        assert session.last_message_at is None
        assert await hasura.get_chat_session(token, session.session_id) == session

    async def test_creating_with_an_id_twice_answers_the_same_session(
        self, hasura: HasuraClient, token: str
    ) -> None:
        chosen = uuid4()
        first = await hasura.create_chat_session(token, title="One", session_id=chosen)
        again = await hasura.create_chat_session(token, title="Two", session_id=chosen)
        assert first == again
        assert again.title == "One"

    async def test_an_id_that_is_somebody_elses_is_a_conflict_and_a_deleted_one_is_not_found(
        self, hasura: HasuraClient, token: str, stranger: str
    ) -> None:
        session = await hasura.create_chat_session(token)
        with pytest.raises(Conflict):
            await hasura.create_chat_session(stranger, session_id=session.session_id)
        await hasura.delete_chat_session(token, session.session_id)
        with pytest.raises(NotFound):
            await hasura.create_chat_session(token, session_id=session.session_id)

    async def test_the_list_is_paged_by_activity_and_misses_nothing(
        self, hasura: HasuraClient, token: str
    ) -> None:
        made = [(await hasura.create_chat_session(token, title=f"S{i}")).session_id for i in range(7)]
        await hasura.add_chat_message(token, made[2], "now the newest")
        pages, cursor = [], None
        while True:
            page = await hasura.get_user_chat_sessions(token, limit=3, cursor=cursor)
            pages.append([session.session_id for session in page.items])
            if (cursor := page.next_cursor) is None:
                break
        expected = [made[2], *(made[i] for i in (6, 5, 4, 3, 1, 0))]
        assert pages == [expected[:3], expected[3:6], expected[6:]]

    async def test_a_full_last_page_has_no_next(self, hasura: HasuraClient, token: str) -> None:
        for _ in range(2):
            await hasura.create_chat_session(token)
        assert (await hasura.get_user_chat_sessions(token, limit=2)).next_cursor is None

    async def test_categories_and_deleted_ones_are_lists_of_their_own(
        self, hasura: HasuraClient, token: str
    ) -> None:
        work = await hasura.create_chat_session(token, category="work")
        gone = await hasura.create_chat_session(token)
        await hasura.delete_chat_session(token, gone.session_id)

        async def ids(**which: object) -> list[UUID]:
            return [s.session_id for s in (await hasura.get_user_chat_sessions(token, **which)).items]

        assert await ids() == [work.session_id]
        assert await ids(category="work") == [work.session_id]
        assert await ids(category="home") == []
        assert await ids(shelf="trash") == [gone.session_id]
        assert await ids(user_id=uuid4()) == []

    async def test_a_deleted_session_takes_nothing_but_its_restoration(
        self, hasura: HasuraClient, token: str
    ) -> None:
        session_id = (await hasura.create_chat_session(token, title="Mine")).session_id
        await hasura.add_chat_message(token, session_id, "kept")
        assert not (await hasura.delete_chat_session(token, session_id)).is_active
        for refused in (
            hasura.get_chat_session(token, session_id),
            hasura.get_chat_messages(token, session_id),
            hasura.add_chat_message(token, session_id, "no"),
            hasura.update_chat_session(token, session_id, title="No"),
            hasura.delete_chat_session(token, session_id),
            hasura.clear_chat_messages(token, session_id),
        ):
            with pytest.raises(NotFound):
                await refused
        restored = await hasura.update_chat_session(token, session_id, is_active=True)
        assert (restored.title, restored.total_messages) == ("Mine", 1)

    async def test_only_what_is_given_changes(self, hasura: HasuraClient, token: str) -> None:
        session = await hasura.create_chat_session(token, title="Old", category="work")
        renamed = await hasura.update_chat_session(token, session.session_id, title="New")
        assert (renamed.title, renamed.category) == ("New", "work")
        assert renamed.updated_at > session.updated_at
        assert await hasura.update_chat_session(token, session.session_id) == renamed

    @pytest.mark.parametrize("title", ["", " ", "x" * 201])
    async def test_the_database_itself_refuses_bad_titles(
        self, hasura: HasuraClient, token: str, title: str
    ) -> None:
        with pytest.raises(InvalidInput):
            await hasura.create_chat_session(token, title=title)

    async def test_a_recount_answers_the_session(
        self, hasura: HasuraClient, token: str, stranger: str
    ) -> None:
        session_id = (await hasura.create_chat_session(token)).session_id
        await hasura.add_chat_message(token, session_id, "one")
        assert (await hasura.update_session_message_count(token, session_id)).total_messages == 1
        with pytest.raises(NotFound):
            await hasura.update_session_message_count(stranger, session_id)


class TestMessages:
    async def test_history_comes_newest_page_first_each_in_reading_order(
        self, hasura: HasuraClient, token: str
    ) -> None:
        session_id = (await hasura.create_chat_session(token)).session_id
        for number in range(7):
            await hasura.add_chat_message(token, session_id, str(number))
        first = await hasura.get_chat_messages(token, session_id, limit=3)
        second = await hasura.get_chat_messages(token, session_id, limit=3, cursor=first.next_cursor)
        third = await hasura.get_chat_messages(token, session_id, limit=3, cursor=second.next_cursor)
        assert [[m.content for m in page.items] for page in (first, second, third)] == [
            ["4", "5", "6"],
            ["1", "2", "3"],
            ["0"],
        ]
        assert third.next_cursor is None

    async def test_text_comes_back_as_it_went(self, hasura: HasuraClient, token: str) -> None:
        session_id = (await hasura.create_chat_session(token)).session_id
        text = "emoji 🧑‍🚀, quotes \"' \\ $1 %s {x}, `code`\n\n<b>, ﷽, \u202e, " + "x" * 1000
        stored = await hasura.add_chat_message(token, session_id, text, metadata={"lang": "en"})
        assert stored.content == text
        assert stored.metadata == {"lang": "en"}
        assert (stored.role, stored.status, stored.reply_to) == ("user", "complete", None)

    async def test_an_id_names_one_message_for_ever(
        self, hasura: HasuraClient, token: str, stranger: str
    ) -> None:
        session_id = (await hasura.create_chat_session(token)).session_id
        other = (await hasura.create_chat_session(token)).session_id
        chosen = uuid4()
        first = await hasura.add_chat_message(token, session_id, "once", message_id=chosen)
        assert await hasura.add_chat_message(token, session_id, "once", message_id=chosen) == first
        with pytest.raises(Conflict):
            await hasura.add_chat_message(token, session_id, "another text", message_id=chosen)
        with pytest.raises(Conflict):
            await hasura.add_chat_message(token, other, "once", message_id=chosen)
        theirs = (await hasura.create_chat_session(stranger)).session_id
        with pytest.raises(Conflict):
            await hasura.add_chat_message(stranger, theirs, "once", message_id=chosen)
        assert (await hasura.get_chat_session(token, session_id)).total_messages == 1

    async def test_clearing_answers_how_many_and_leaves_the_session(
        self, hasura: HasuraClient, token: str
    ) -> None:
        session_id = (await hasura.create_chat_session(token)).session_id
        for number in range(3):
            await hasura.add_chat_message(token, session_id, str(number))
        assert await hasura.clear_chat_messages(token, session_id) == 3
        session = await hasura.get_chat_session(token, session_id)
        assert (session.total_messages, session.last_message_at) == (0, None)

    async def test_a_search_takes_wildcards_literally(self, hasura: HasuraClient, token: str) -> None:
        session_id = (await hasura.create_chat_session(token)).session_id
        for text in ("100% sure", "100 sure", "a_b", "aXb", "C:\\temp"):
            await hasura.add_chat_message(token, session_id, text)
        last = await hasura.add_chat_message(token, session_id, "search for 100%")

        async def found(text: str) -> list[str]:
            return [
                m.content for m in await hasura.find_in_session(token, session_id, text, before=last.place)
            ]

        assert await found("100%") == ["100% sure"]
        assert await found("A_B") == ["a_b"]
        assert await found("c:\\T") == ["C:\\temp"]

    async def test_a_strangers_session_is_not_there(
        self, hasura: HasuraClient, token: str, stranger: str
    ) -> None:
        session_id = (await hasura.create_chat_session(token)).session_id
        message = await hasura.add_chat_message(token, session_id, "private")
        for refused in (
            hasura.get_chat_session(stranger, session_id),
            hasura.get_chat_messages(stranger, session_id),
            hasura.add_chat_message(stranger, session_id, "hello"),
            hasura.update_chat_session(stranger, session_id, title="Taken"),
            hasura.delete_chat_session(stranger, session_id),
            hasura.clear_chat_messages(stranger, session_id),
        ):
            with pytest.raises(NotFound):
                await refused
        assert await hasura.get_chat_message(stranger, message.message_id) is None


class TestAssistant:
    async def test_it_writes_answers_into_one_users_sessions(
        self, hasura: HasuraClient, tokens: Tokens, token: str, user: UUID
    ) -> None:
        session_id = (await hasura.create_chat_session(token)).session_id
        question = await hasura.add_chat_message(token, session_id, "why?")
        chosen, assistant = uuid4(), tokens.assistant(user)
        begun = await hasura.add_assistant_message(
            assistant, session_id, message_id=chosen, reply_to=question.message_id, metadata={"run": "1"}
        )
        assert begun is not None
        assert (begun.role, begun.status, begun.content, begun.user_id) == (
            "assistant",
            "streaming",
            "",
            user,
        )
        again = await hasura.add_assistant_message(
            assistant, session_id, message_id=chosen, reply_to=question.message_id, metadata={"run": "2"}
        )
        assert again is None

        async def end(run: str) -> object:
            return await hasura.end_answer(
                assistant, chosen, run=run, content="because", status="complete", metadata={"run": run}
            )

        assert await end("2") is None
        assert await end("1") is not None
        answer = await hasura.get_chat_message(token, chosen)
        assert answer is not None
        assert (answer.status, answer.content) == ("complete", "because")
        assert await end("1") is None, "an answer ends once"

    async def test_it_reaches_nobody_else_and_nothing_else(
        self, hasura: HasuraClient, tokens: Tokens, user: UUID, stranger: str
    ) -> None:
        theirs = (await hasura.create_chat_session(stranger)).session_id
        question = await hasura.add_chat_message(stranger, theirs, "why?")
        assistant = tokens.assistant(user)
        with pytest.raises(NotFound):
            await hasura.add_assistant_message(
                assistant, theirs, message_id=uuid4(), reply_to=question.message_id, metadata={}
            )
        with pytest.raises((InvalidInput, PermissionDenied)):
            await hasura.create_chat_session(assistant)
        with pytest.raises((InvalidInput, PermissionDenied)):
            await hasura.get_user_chat_sessions(assistant)


class TestLiveQueries:
    async def test_sessions_and_messages_are_pushed_when_they_change(
        self, hasura: HasuraClient, token: str
    ) -> None:
        session_id = (await hasura.create_chat_session(token, title="Live")).session_id
        async with (
            aclosing(hasura.watch_sessions(token)) as sessions,
            aclosing(hasura.watch_messages(token, session_id, limit=2)) as messages,
        ):
            assert [s.title for s in await _next(sessions)] == ["Live"]
            assert await _next(messages) == []
            for text in ("1", "2", "3"):
                await hasura.add_chat_message(token, session_id, text)
            seen = await _until(messages, lambda state: bool(state) and state[-1].content == "3")
            assert [m.content for m in seen] == ["2", "3"]
            await hasura.update_chat_session(token, session_id, title="Renamed")
            state = await _until(sessions, lambda state: state[0].title == "Renamed")
            assert state[0].total_messages == 3
            await hasura.delete_chat_session(token, session_id)
            await _until(sessions, lambda state: state == [])

    async def test_one_token_is_one_connection_and_it_closes_with_its_last_watcher(
        self, hasura: HasuraClient, token: str
    ) -> None:
        session_id = (await hasura.create_chat_session(token)).session_id
        connections = hasura._live._connections
        async with aclosing(hasura.watch_sessions(token)) as one:
            await _next(one)
            async with aclosing(hasura.watch_messages(token, session_id)) as two:
                await _next(two)
                assert [connection.users for connection in connections.values()] == [2]
            assert [connection.users for connection in connections.values()] == [1]
        assert connections == {}

    async def test_it_ends_with_its_client(self, graphql_url: str, token: str) -> None:
        async with HasuraClient(graphql_url) as client:
            states = client.watch_sessions(token)
            await _next(states)
            coming = asyncio.ensure_future(anext(states))
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            with pytest.raises(HasuraError):
                await coming

    async def test_a_refused_token_is_said(self, hasura: HasuraClient) -> None:
        with pytest.raises(Unauthorized):
            await _next(hasura.watch_sessions("not.a.token"))

    async def test_a_strangers_messages_are_an_empty_list(
        self, hasura: HasuraClient, token: str, stranger: str
    ) -> None:
        session_id = (await hasura.create_chat_session(token)).session_id
        await hasura.add_chat_message(token, session_id, "private")
        async with aclosing(hasura.watch_messages(stranger, session_id)) as messages:
            assert await _next(messages) == []


async def _next(states: AsyncGenerator[T, None]) -> T:
    async with asyncio.timeout(10):
        return await anext(states)


async def _until(states: AsyncGenerator[T, None], fits: object) -> T:
    async with asyncio.timeout(10):
        async for state in states:
            if fits(state):
                return state
    raise AssertionError("the live query ended")
