"""How messages that arrive join those that are shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.services.hasura_client import ChatMessage
from webapp.state.rows import (
    LIST,
    PAGE,
    TITLE_LENGTH,
    MessageRow,
    SessionRow,
    change,
    has_gap,
    merge,
    merge_sessions,
    put,
    title_from,
    without,
)


def stored(number: int, **values: str) -> MessageRow:
    return replace(MessageRow(f"m{number}", content=f"text {number}", row_id=number), **values)


def stored_range(start: int, end: int) -> list[MessageRow]:
    return [stored(number) for number in range(start, end)]


SENDING = MessageRow("mine", content="on its way", status="sending")
WRITING = MessageRow("answer", role="assistant", status="streaming", live=True)


def test_a_window_that_is_not_full_is_all_there_is() -> None:
    assert merge(stored_range(1, 9), stored_range(4, 6)) == stored_range(4, 6)


def test_older_pages_stay_above_a_full_window() -> None:
    shown, window = stored_range(1, 100), stored_range(60, 60 + PAGE)
    assert merge(shown, window) == stored_range(1, 60 + PAGE)


def test_a_message_that_is_gone_from_the_window_goes() -> None:
    window = [row for row in stored_range(50, 51 + PAGE) if row.row_id != 70]
    assert "m70" not in {row.message_id for row in merge(stored_range(1, 101), window)}


def test_what_only_this_page_knows_stays_at_the_end() -> None:
    shown = [*stored_range(1, 3), SENDING, WRITING]
    assert merge(shown, stored_range(1, 4)) == [*stored_range(1, 4), SENDING, WRITING]


def test_a_sent_message_is_replaced_by_the_stored_one_and_not_shown_twice() -> None:
    arrived = replace(SENDING, status="complete", row_id=3)
    assert merge([*stored_range(1, 3), SENDING], [*stored_range(1, 3), arrived]) == [
        *stored_range(1, 3),
        arrived,
    ]


def test_a_finished_answer_is_not_unfinished_by_an_older_picture() -> None:
    done = replace(WRITING, status="complete", content="whole")
    late = MessageRow("answer", role="assistant", status="streaming", row_id=5)
    assert merge([done], [late]) == [replace(done, row_id=5)]


def test_an_answer_that_grew_here_keeps_its_elements() -> None:
    arrived = MessageRow("answer", role="assistant", content="whole", row_id=5)
    assert merge([WRITING], [arrived]) == [replace(arrived, live=True)]


def test_clearing_elsewhere_clears_here() -> None:
    assert merge(stored_range(1, 200), []) == []


@pytest.mark.parametrize(
    ("shown", "window", "gap"),
    [
        ([], stored_range(1, 1 + PAGE), False),
        (stored_range(1, 10), stored_range(5, 5 + PAGE), False),
        (stored_range(1, 10), stored_range(9, 9 + PAGE), False),
        (stored_range(1, 10), stored_range(10, 10 + PAGE), True),
        (stored_range(1, 10), stored_range(40, 50), False),
        ([SENDING], stored_range(40, 40 + PAGE), False),
    ],
)
def test_a_gap_is_a_full_window_that_touches_nothing_shown(
    shown: list[MessageRow], window: list[MessageRow], gap: bool
) -> None:
    assert has_gap(shown, window) is gap


rows = st.sets(st.integers(1, 300)).map(lambda numbers: [stored(number) for number in sorted(numbers)])


@given(shown=rows, everything=rows)
def test_merging_twice_is_merging_once_and_shows_nothing_twice(
    shown: list[MessageRow], everything: list[MessageRow]
) -> None:
    window = everything[-PAGE:]
    once = merge([*shown, SENDING], window)
    assert merge(once, window) == once
    assert len({row.message_id for row in once}) == len(once)
    assert [row.row_id for row in once if row.row_id] == sorted(row.row_id for row in once if row.row_id)
    assert once[-1] == SENDING


def message(**values: Any) -> ChatMessage:
    given: dict[str, Any] = {
        "id": 7,
        "message_id": UUID(int=1),
        "session_id": UUID(int=2),
        "user_id": UUID(int=3),
        "role": "assistant",
        "content": "text",
        "timestamp": datetime(2026, 3, 1, 12, tzinfo=UTC),
        "status": "complete",
        "reply_to": None,
        "metadata": {},
        "chosen_at": datetime(2026, 3, 1, 12, tzinfo=UTC),
    }
    return ChatMessage.model_validate(given | values)


@pytest.mark.parametrize(
    ("values", "status", "problem"),
    [
        ({}, "complete", ""),
        ({"status": "streaming"}, "streaming", ""),
        ({"status": "failed", "metadata": {"error": {"message": "It is away."}}}, "failed", "It is away."),
        ({"status": "failed", "metadata": {"error": "odd"}}, "failed", "The answer broke off."),
        ({"status": "failed"}, "failed", "The answer broke off."),
        ({"metadata": {"error": {"message": "of an earlier try"}}}, "complete", ""),
    ],
)
def test_a_message_shows_how_it_stands(values: dict[str, Any], status: str, problem: str) -> None:
    row = MessageRow.of(message(**values))
    assert (row.status, row.problem, row.row_id) == (status, problem, 7)
    assert row.timestamp == "2026-03-01T12:00:00+00:00"


def test_rows_are_put_changed_and_removed_by_id() -> None:
    shown = stored_range(1, 3)
    assert put(shown, stored(3)) == stored_range(1, 4)
    assert put(shown, stored(1, content="new")) == [stored(1, content="new"), stored(2)]
    assert change(shown, "m2", status="failed") == [stored(1), stored(2, status="failed")]
    assert change(shown, "m9", status="failed") == shown
    assert without(shown, "m1") == [stored(2)]


def session_rows(start: int, end: int) -> list[SessionRow]:
    """Latest activity first, as the list has them."""
    return [SessionRow(f"s{n}", updated_at=f"2026-01-01T00:00:00.{n:06}") for n in range(end, start, -1)]


def test_older_sessions_stay_below_those_that_are_followed() -> None:
    everything = session_rows(0, LIST + 50)
    assert merge_sessions(everything, everything[:LIST]) == everything
    active = replace(everything[-1], updated_at="2026-01-02T00:00:00")
    assert merge_sessions(everything, [active, *everything[: LIST - 1]]) == [active, *everything[:-1]]


def test_sessions_of_one_moment_are_ranked_by_their_rows() -> None:
    everything = [
        SessionRow(f"s{n}", updated_at="2026-01-01T00:00:00", row_id=n) for n in range(LIST + 9, 0, -1)
    ]
    assert merge_sessions(everything, everything[:LIST]) == everything


def test_a_session_that_left_the_followed_ones_is_gone() -> None:
    everything = session_rows(0, LIST + 50)
    rest = [row for row in everything if row.session_id != "s140"]
    assert merge_sessions(everything, rest[:LIST]) == rest
    assert merge_sessions(everything, everything[:3]) == everything[:3]


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
