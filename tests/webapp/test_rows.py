"""What pages are told of messages, and how sessions that arrive join those that are shown."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.services.hasura_client import ChatMessage, MessagePage
from webapp.state.message_rows import MessageRow, Window, read_up_to
from webapp.state.session_rows import WINDOW, SessionRow, news
from webapp.state.titles import TITLE_LENGTH, title_from

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def message(number: int, **values: Any) -> ChatMessage:
    given: dict[str, Any] = {
        "id": number,
        "message_id": UUID(int=number),
        "session_id": UUID(int=2),
        "user_id": UUID(int=3),
        "role": "assistant" if values.get("reply_to") else "user",
        "content": f"text {number}",
        "timestamp": NOON,
        "status": "complete",
        "reply_to": None,
        "metadata": {},
        "chosen_at": NOON,
        "edit_of": None,
        "place": 2 * values["reply_to"].int + 1 if values.get("reply_to") else 2 * number,
        "off_path": False,
        "versions": None,
        "rating": None,
    }
    return ChatMessage.model_validate(given | values)


def answer(number: int, question: int, **values: Any) -> ChatMessage:
    return message(number, reply_to=UUID(int=question), **values)


def messages(start: int, end: int) -> list[ChatMessage]:
    return [message(number) for number in range(start, end)]


def page_of(stored: list[ChatMessage], **values: Any) -> MessagePage:
    return MessagePage.model_validate({"items": stored, "revision": 0} | values)


def window(stored: list[ChatMessage], known: dict[int, str] | None = None, **values: Any) -> Window:
    return Window.of("s", page_of(stored, **values), known or {})


def test_a_page_is_told_of_each_message_and_given_those_that_it_does_not_know() -> None:
    first = window(messages(1, 4))
    assert [row["id"] for row in first.rows] == [number for number, _ in first.ids] == [1, 2, 3]
    changed = [message(1), message(2, content="another"), message(3), message(4)]
    second = window(changed, dict(first.ids))
    assert [row["content"] for row in second.rows] == ["another", "text 4"]
    assert window(changed, dict(second.ids)).rows == []
    assert window(changed[1:], dict(second.ids)).ids == second.ids[1:]


def test_a_page_that_was_told_nothing_has_asked_for_the_messages_itself() -> None:
    told = Window.of("s", page_of(messages(1, 4)), None)
    assert ([number for number, _ in told.ids], told.rows) == ([1, 2, 3], [])


def test_only_a_full_window_leaves_room_for_older_messages() -> None:
    assert not window(messages(1, 9)).full
    assert window(messages(1, 9), next_cursor="there is more").full


@given(st.lists(st.tuples(st.integers(1, 5), st.text(max_size=3)), min_size=1))
def test_whoever_takes_what_changed_has_what_there_is(changes: list[tuple[int, str]]) -> None:
    stored: dict[int, ChatMessage] = {}
    page: dict[int, dict[str, Any]] = {}
    told: dict[int, str] = {}
    for number, content in changes:
        stored[number] = message(number, content=content)
        now = window([stored[key] for key in sorted(stored)], told)
        told = dict(now.ids)
        page |= {row["id"]: row for row in now.rows}
        assert [(number, page[number]["stamp"]) for number, _ in now.ids] == now.ids
        assert [page[number]["content"] for number, _ in now.ids] == [
            stored[key].content for key in sorted(stored)
        ]


def test_a_message_names_all_its_versions_and_its_place() -> None:
    versions = [UUID(int=number) for number in (2, 5, 6)]
    row = MessageRow.of(answer(5, 1, versions=versions))
    assert (row.versions, row.place) == (tuple(map(str, versions)), 3)
    assert MessageRow.of(answer(2, 1)).versions == ()


def test_one_has_not_read_what_is_still_being_written() -> None:
    assert read_up_to([]) == 0
    assert read_up_to([message(1), answer(2, 1)]) == 2
    assert read_up_to([message(1), answer(2, 1, status="streaming"), message(3)]) == 1


@pytest.mark.parametrize(
    ("values", "status", "problem"),
    [
        ({}, "complete", ""),
        ({"status": "streaming"}, "streaming", ""),
        ({"status": "stopped"}, "stopped", ""),
        ({"status": "failed", "metadata": {"error": {"message": "It is away."}}}, "failed", "It is away."),
        ({"status": "failed", "metadata": {"error": "odd"}}, "failed", ""),
        ({"status": "failed"}, "failed", ""),
        ({"metadata": {"error": {"message": "of an earlier try"}}}, "complete", ""),
    ],
)
def test_a_message_shows_how_it_stands(values: dict[str, Any], status: str, problem: str) -> None:
    row = MessageRow.of(message(7, **values))
    assert (row.status, row.problem) == (status, problem)
    assert row.timestamp == "2026-03-01T12:00:00+00:00"


def test_the_words_of_an_answer_under_way_do_not_travel_with_the_messages() -> None:
    assert MessageRow.of(answer(2, 1, status="streaming")).content == ""
    assert MessageRow.of(answer(2, 1, status="stopped")).content == "text 2"


def session_rows(start: int, end: int) -> list[SessionRow]:
    """Latest change first."""
    return [SessionRow(f"s{n}", changed_at=f"2026-01-01T00:00:00.{n:06}") for n in range(end, start, -1)]


def test_a_page_that_knows_nothing_is_told_all_that_changed_last() -> None:
    rows = session_rows(0, 3)
    said = news(None, rows)
    assert said == {"rows": [asdict(row) for row in rows], "gone": [], "whole": True, "all": True}
    full = news(None, session_rows(0, WINDOW))
    assert full
    assert not full["all"], "there may be more"
    assert news(None, []) == {"rows": [], "gone": [], "whole": True, "all": True}


def test_a_page_hears_only_what_is_new() -> None:
    rows = session_rows(0, 3)
    assert news(rows, rows) is None
    renamed = replace(rows[2], title="another", changed_at="2026-01-02T00:00:00")
    said = news(rows, [renamed, *rows[:2]])
    assert said == {"rows": [asdict(renamed)], "gone": [], "whole": False, "all": True}


def test_what_left_the_window_is_gone_only_if_nothing_pushed_it_out() -> None:
    everything = session_rows(0, WINDOW + 2)
    told, rest = everything[:WINDOW], everything[2 : WINDOW + 2]
    deleted = news(told, rest)
    assert deleted
    assert deleted["gone"] == [row.session_id for row in everything[:2]], "later ones are still there"
    pushed_out = news(rest, told)
    assert pushed_out
    assert pushed_out["gone"] == []
    assert news(told, told[:3]) == {
        "rows": [],
        "gone": [row.session_id for row in told[3:]],
        "whole": False,
        "all": True,
    }


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello", "Hello"),
        ("  Hello \n\nand more", "Hello"),
        ("two   words\tand tabs", "two words and tabs"),
        (" \n ", "New chat"),
        (
            "Which vegetables can I sow in March, and what do all of them need to grow?",
            "Which vegetables can I sow in March, and what do all of…",
        ),
        ("x" * 100, "x" * (TITLE_LENGTH - 1) + "…"),
    ],
)
def test_a_chat_is_named_by_its_first_line(text: str, title: str) -> None:
    assert title_from(text) == title


@given(st.text())
def test_every_text_makes_a_title_that_the_database_accepts(text: str) -> None:
    assert 1 <= len(title_from(text).strip()) <= TITLE_LENGTH
