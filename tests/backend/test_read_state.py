"""Versions of an answer and read state, as the client of GraphQL does them, with each caller's own token."""

from __future__ import annotations

from contextlib import aclosing
from uuid import UUID, uuid4

import pytest

from backend.services.hasura_client import ChatMessage, HasuraClient, NotFound
from backend.services.tokens import Tokens
from tests.backend.conftest import Person


@pytest.fixture
async def session(hasura: HasuraClient, ada: Person) -> UUID:
    return (await hasura.create_chat_session(ada.access_token)).session_id


class Writer:
    """Writes answers to one question, as the backend does."""

    def __init__(self, hasura: HasuraClient, token: str, question: ChatMessage) -> None:
        self.hasura, self.token, self.question = hasura, token, question

    async def begin(self) -> ChatMessage:
        begun = await self.hasura.add_assistant_message(
            self.token,
            self.question.session_id,
            message_id=uuid4(),
            reply_to=self.question.message_id,
            metadata={"run": "1"},
        )
        assert begun is not None
        return begun

    async def end(self, message_id: UUID) -> ChatMessage:
        ended = await self.hasura.end_answer(
            self.token, message_id, run="1", content="because", status="complete", metadata={}
        )
        assert ended is not None
        return ended


@pytest.fixture
async def writer(hasura: HasuraClient, tokens: Tokens, ada: Person, session: UUID) -> Writer:
    question = await hasura.add_chat_message(ada.access_token, session, "why?")
    return Writer(hasura, tokens.assistant(ada.id), question)


async def test_a_new_version_is_current_until_another_is_chosen(
    hasura: HasuraClient, ada: Person, bob: Person, writer: Writer
) -> None:
    question = writer.question.message_id
    first, second = await writer.begin(), await writer.begin()

    async def current(of: Person) -> dict[UUID, UUID]:
        answers = await hasura.get_current_answers(of.access_token, [question, uuid4()])
        return {asked: answer.message_id for asked, answer in answers.items()}

    assert await current(ada) == {question: second.message_id}
    with pytest.raises(NotFound):
        await hasura.choose_version(bob.access_token, first.message_id)
    with pytest.raises(NotFound):
        await hasura.choose_version(ada.access_token, uuid4())
    chosen = await hasura.choose_version(ada.access_token, first.message_id)
    assert chosen.chosen_at > second.chosen_at
    assert await current(ada) == {question: first.message_id}
    assert await current(bob) == {}


async def test_what_ended_unseen_is_unread_until_any_device_has_read_it(
    hasura: HasuraClient, ada: Person, session: UUID, writer: Writer
) -> None:
    here, there = uuid4(), uuid4()
    begun = await writer.begin()
    another = await hasura.add_chat_message(ada.access_token, session, "and when?")
    late = await Writer(hasura, writer.token, another).begin()
    await writer.end(begun.message_id)

    async def state() -> tuple[int, int]:
        found = await hasura.get_chat_session(ada.access_token, session)
        page, read_until = await hasura.get_newest_messages(ada.access_token, session)
        assert page == await hasura.get_chat_messages(ada.access_token, session)
        assert read_until == (found.last_read_id if found.unread_messages else None)
        return found.last_read_id, found.unread_messages

    assert await state() == (0, 1)
    await hasura.mark_read(ada.access_token, session, here, late.id)
    assert await state() == (another.id, 0), "not past the answer that is still being written"
    await writer.end(late.message_id)
    assert await state() == (another.id, 1)
    await hasura.mark_read(ada.access_token, session, there, late.id)
    assert await state() == (late.id, 0)
    await hasura.mark_read(ada.access_token, session, there, 0)
    assert await state() == (late.id, 0)


async def test_a_late_answer_and_a_mark_are_pushed_to_who_watches_the_list(
    hasura: HasuraClient, ada: Person, session: UUID, writer: Writer
) -> None:
    begun = await writer.begin()
    async with aclosing(hasura.watch_sessions(ada.access_token)) as lists:
        assert [s.unread_messages for s in await anext(lists)] == [0]
        await writer.end(begun.message_id)
        while [s.unread_messages for s in await anext(lists)] != [1]:
            pass
        await hasura.mark_read(ada.access_token, session, uuid4(), begun.id)
        while [(s.unread_messages, s.last_read_id) for s in await anext(lists)] != [(0, begun.id)]:
            pass


async def test_only_own_live_sessions_are_marked(
    hasura: HasuraClient, ada: Person, bob: Person, session: UUID
) -> None:
    for who, where in ((bob, session), (ada, uuid4())):
        with pytest.raises(NotFound):
            await hasura.mark_read(who.access_token, where, uuid4(), 1)
    await hasura.delete_chat_session(ada.access_token, session)
    with pytest.raises(NotFound):
        await hasura.mark_read(ada.access_token, session, uuid4(), 1)
