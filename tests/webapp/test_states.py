"""What the states hold after what arrives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import reflex as rx

from backend.services.hasura_client import ChatMessage, ChatSession, Shelf
from tests.webapp.test_rows import message, page_of
from webapp.state import ChatHistory
from webapp.state.session_rows import WINDOW, SessionRow

ANY_USER = UUID(int=9)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def session(number: int, title: str = "a chat", messages: int = 0, shelf: Shelf = "active") -> ChatSession:
    return ChatSession(
        id=number,
        session_id=UUID(int=number),
        user_id=ANY_USER,
        title=title,
        category="general",
        total_messages=messages,
        is_active=shelf != "trash",
        created_at=NOON,
        updated_at=NOON + timedelta(minutes=number),
        last_message_at=None,
        last_read_id=0,
        unread_messages=0,
        revision=0,
        is_pinned=False,
        is_archived=shelf == "archived",
        shelf=shelf,
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


def take(history: ChatHistory, sessions: list[ChatSession], gone: list[int] | None = None) -> bool:
    rows = [SessionRow.of(session) for session in sessions]
    return history._take_changes(rows, gone=[str(UUID(int=number)) for number in gone or []])


async def test_a_change_elsewhere_reaches_the_open_session(history: ChatHistory) -> None:
    history._show(str(UUID(int=1)))
    take(history, [session(2), session(1, "before")])
    take(history, [session(1, "after", 3), session(2)])
    assert (history.current_session.title, history.current_session.total_messages) == ("after", 3)


@pytest.mark.parametrize(
    "window",
    [[session(2)], [session(1, shelf="trash"), session(2)]],
    ids=["for good", "into the trash"],
)
async def test_a_chat_that_is_deleted_elsewhere_is_missing_until_it_is_restored(
    history: ChatHistory, window: list[ChatSession]
) -> None:
    history._show(str(UUID(int=1)))
    assert not take(history, [session(1)])
    history.loading = False
    assert not take(history, window)
    assert history.missing
    assert take(history, [session(1), session(2)]), "it must be loaded again"


async def test_a_chat_that_has_not_changed_lately_is_not_missing(history: ChatHistory) -> None:
    history.current_session, history.loading = SessionRow(str(UUID(int=1)), title="old"), False
    window = [session(number) for number in range(200, 200 - WINDOW, -1)]
    take(history, window)
    assert not history.missing
    take(history, window, gone=[1])
    assert history.missing


async def test_an_archived_chat_is_still_there(history: ChatHistory) -> None:
    history._show(str(UUID(int=1)))
    take(history, [session(1)])
    history.loading = False
    take(history, [session(1, shelf="archived")])
    assert not history.missing
    assert history.current_session.shelf == "archived"


async def test_the_name_of_a_chat_that_changed_lately_is_known_at_once(history: ChatHistory) -> None:
    history._told = [SessionRow.of(session(1, "known"))]
    history._show(str(UUID(int=1)))
    assert history.current_session.title == "known"
    assert history._shows(str(UUID(int=1))), "nothing is left to be asked for"
    history._show(str(UUID(int=2)))
    assert history.current_session == SessionRow(str(UUID(int=2)))
    assert not history._shows(str(UUID(int=2)))


async def test_a_chat_that_was_deleted_lately_is_asked_for(history: ChatHistory) -> None:
    history._told = [SessionRow.of(session(1, "gone", shelf="trash"))]
    history._show(str(UUID(int=1)))
    assert (history.current_session.title, history.loading) == ("", True)
    history._lose()
    assert not history._shows(str(UUID(int=1)))


def writing(number: int, **values: Any) -> ChatMessage:
    return message(number, role="assistant", reply_to=UUID(int=99), status="streaming", **values)


async def test_the_newest_answer_under_way_is_the_one_to_stop(history: ChatHistory) -> None:
    history._take_window(page_of([message(1), writing(2), writing(3), message(4)]))
    assert history.answering_id == str(UUID(int=3))
    assert history.read_until == 1
    history._take_window(page_of([message(1)]))
    assert history.answering_id == ""


async def test_the_page_is_told_only_of_changes(history: ChatHistory) -> None:
    history._show(str(UUID(int=1)))
    history._take_window(page_of([message(1), writing(2)]))
    told = history.live
    assert ([number for number, _ in told["ids"]], told["rows"]) == ([1, 2], []), (
        "it has asked for them itself"
    )
    history._take_window(page_of([message(1), writing(2, content="some words")]))
    assert history.live == told, "the words of an answer under way travel elsewhere"
    history._take_window(
        page_of([message(1), message(2, role="assistant", content="some words, and the end")])
    )
    assert [row["content"] for row in history.live["rows"]] == ["some words, and the end"]
    history._take_window(page_of([]))
    assert (history.live["ids"], history.live["rows"]) == ([], [])
    history._take_window(page_of([message(3)]))
    assert [row["id"] for row in history.live["rows"]] == [3]


async def test_another_chat_starts_without_the_messages_and_errors_of_the_last(
    history: ChatHistory,
) -> None:
    history._take_window(page_of([message(1), writing(2)]))
    history.error = "x"
    history._show(str(UUID(int=5)))
    assert (history.live, history.answering_id, history.error, history.loading) == ({}, "", "", True)
    history._show("")
    assert not history.loading
