"""What the states hold after what arrives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import reflex as rx

from backend.services.hasura_client import ChatSession
from webapp.state import ChatHistory
from webapp.state.message_rows import MessageRow
from webapp.state.session_rows import LIST, SessionRow

ANY_USER = UUID(int=9)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def session(number: int, title: str = "a chat", messages: int = 0, unread: int = 0) -> ChatSession:
    return ChatSession(
        id=number,
        session_id=UUID(int=number),
        user_id=ANY_USER,
        title=title,
        category="general",
        total_messages=messages,
        is_active=True,
        created_at=NOON,
        updated_at=NOON + timedelta(minutes=number),
        last_message_at=None,
        last_read_id=0,
        unread_messages=unread,
        is_pinned=False,
        is_archived=False,
        shelf="active",
        deleted_at=None,
        changed_at=NOON,
        auto_title=False,
        system_prompt=None,
        temperature=None,
    )


@pytest.fixture
async def history() -> ChatHistory:
    root = rx.State(_reflex_internal_init=True)  # type: ignore[call-arg]
    return await root.get_state(ChatHistory)


def take(history: ChatHistory, sessions: list[ChatSession]) -> bool:
    return history._take_sessions([SessionRow.of(session) for session in sessions])


async def test_a_change_elsewhere_reaches_the_list_and_the_header(history: ChatHistory) -> None:
    history._show(str(UUID(int=1)))
    take(history, [session(2), session(1, "before")])
    take(history, [session(1, "after", 3), session(2)])
    assert [row.title for row in history.sessions] == ["after", "a chat"]
    assert (history.current_session.title, history.current_session.total_messages) == ("after", 3)
    assert not history.sessions_loading


async def test_a_chat_that_is_deleted_elsewhere_is_missing_until_it_is_restored(
    history: ChatHistory,
) -> None:
    history._show(str(UUID(int=1)))
    assert not take(history, [session(1)])
    history.loading = False
    assert not take(history, [session(2)])
    assert history.missing
    assert take(history, [session(1), session(2)]), "it must be loaded again"


async def test_a_chat_beyond_the_end_of_the_list_is_not_missing(history: ChatHistory) -> None:
    history.current_session, history.loading = SessionRow(str(UUID(int=1)), title="old"), False
    take(history, [session(number) for number in range(200, 200 - LIST, -1)])
    assert not history.missing
    assert history.more_sessions


async def test_the_outbox_learns_which_questions_are_shown(history: ChatHistory) -> None:
    history.messages = [MessageRow("1"), MessageRow("2", role="assistant"), MessageRow("3")]
    assert history.asked_ids == ["1", "3"]


async def test_the_newest_answer_under_way_is_the_one_to_stop(history: ChatHistory) -> None:
    writing = [MessageRow(name, role="assistant", status="streaming") for name in ("a", "b")]
    history.messages = [*writing, MessageRow("c", role="assistant")]
    assert history.answering_id == "b"
    history.messages = []
    assert history.answering_id == ""


async def test_another_chat_starts_without_the_messages_and_errors_of_the_last(
    history: ChatHistory,
) -> None:
    history.messages, history.error, history.has_older = [MessageRow("1")], "x", True
    history._show(str(UUID(int=5)))
    assert (history.messages, history.error, history.has_older, history.loading) == ([], "", False, True)
    history._show("")
    assert not history.loading


async def test_news_of_other_sessions_are_counted(history: ChatHistory) -> None:
    history._show(str(UUID(int=1)))
    take(history, [session(1, unread=3), session(2, unread=2), session(3), session(4, unread=1)])
    assert history.unread_elsewhere == 2
    assert history.current_session.unread == 3
