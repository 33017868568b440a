"""How messages that arrive join those that are shown."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.services.hasura_client import ChatMessage
from webapp.state.message_rows import PAGE, MessageRow, arrange, has_gap, merge, put, read_up_to
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
        "chosen_at": NOON + timedelta(seconds=number),
    }
    return ChatMessage.model_validate(given | values)


def answer(number: int, question: int, **values: Any) -> ChatMessage:
    return message(number, reply_to=UUID(int=question), **values)


def messages(start: int, end: int) -> list[ChatMessage]:
    return [message(number) for number in range(start, end)]


def shown(stored: list[ChatMessage], **arguments: Any) -> list[str]:
    return [row.content for row in arrange(stored, **arguments)]


def test_a_window_that_is_not_full_is_all_there_is() -> None:
    assert merge(messages(1, 9), messages(4, 6)) == messages(4, 6)
    assert merge(messages(1, 200), []) == []


def test_older_pages_stay_above_a_full_window() -> None:
    assert merge(messages(1, 100), messages(60, 60 + PAGE)) == messages(1, 60 + PAGE)


def test_a_message_that_is_gone_from_the_window_goes() -> None:
    window = [row for row in messages(50, 51 + PAGE) if row.id != 70]
    assert 70 not in {row.id for row in merge(messages(1, 101), window)}


@pytest.mark.parametrize(
    ("stored", "window", "gap"),
    [
        ([], messages(1, 1 + PAGE), False),
        (messages(1, 10), messages(5, 5 + PAGE), False),
        (messages(1, 10), messages(9, 9 + PAGE), False),
        (messages(1, 10), messages(10, 10 + PAGE), True),
        (messages(1, 10), messages(40, 50), False),
    ],
)
def test_a_gap_is_a_full_window_that_touches_nothing_shown(
    stored: list[ChatMessage], window: list[ChatMessage], gap: bool
) -> None:
    assert has_gap(stored, window) is gap


rows = st.sets(st.integers(1, 300)).map(lambda numbers: [message(number) for number in sorted(numbers)])


@given(stored=rows, everything=rows)
def test_merging_twice_is_merging_once_and_shows_nothing_twice(
    stored: list[ChatMessage], everything: list[ChatMessage]
) -> None:
    window = everything[-PAGE:]
    once = merge(stored, window)
    assert merge(once, window) == once
    assert [row.id for row in once] == sorted({row.id for row in once})


def test_an_answer_is_below_its_question_whenever_it_came() -> None:
    assert shown([message(1), message(2), answer(3, 1), answer(4, 2)]) == [
        "text 1",
        "text 3",
        "text 2",
        "text 4",
    ]


def test_of_several_versions_the_chosen_one_is_shown_and_leads_to_the_others() -> None:
    first = answer(2, 1, chosen_at=NOON + timedelta(hours=1))
    stored = [message(1), first, message(3), answer(4, 3), answer(5, 1), answer(6, 1)]
    (_, chosen, _, only) = arrange(stored)
    assert (chosen.content, chosen.version, chosen.versions) == ("text 2", 1, 3)
    assert (chosen.earlier, chosen.later) == ("", str(UUID(int=5)))
    assert (only.version, only.versions) == (1, 1)
    again = put(stored, answer(5, 1, chosen_at=NOON + timedelta(hours=2)))
    middle = arrange(again)[1]
    assert (middle.version, middle.earlier, middle.later) == (2, str(UUID(int=2)), str(UUID(int=6)))


def test_a_version_of_an_answer_that_is_not_loaded_waits_until_it_is() -> None:
    assert shown([answer(10, 9), message(11), answer(12, 11), answer(13, 5)]) == [
        "text 10",
        "text 11",
        "text 12",
    ]


def test_a_line_is_drawn_above_the_first_answer_that_is_new() -> None:
    stored = [message(1), answer(2, 1), message(3), answer(4, 3), message(5), answer(6, 5)]
    assert [row.content for row in arrange(stored, 2) if row.first_new] == ["text 4"]
    assert not [row for row in arrange(stored) if row.first_new]
    assert not [row for row in arrange(stored, 6) if row.first_new]


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
        ({"status": "failed", "metadata": {"error": "odd"}}, "failed", "The answer broke off."),
        ({"status": "failed"}, "failed", "The answer broke off."),
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
