"""A growing text and its readers: whatever the order of events, each has every character once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.services import growth as module
from backend.services.growth import Cursor, Growth
from backend.services.hasura_client import ChatMessage
from backend.services.reply import run_after


def stored(content: str, status: str = "complete", **metadata: object) -> ChatMessage:
    return ChatMessage.model_validate(
        {
            "id": 1,
            "message_id": uuid4(),
            "session_id": uuid4(),
            "user_id": uuid4(),
            "role": "assistant",
            "content": content,
            "timestamp": datetime.now(UTC),
            "status": status,
            "reply_to": uuid4(),
            "metadata": metadata,
            "chosen_at": datetime.now(UTC),
            "edit_of": None,
            "place": 2,
            "off_path": False,
            "versions": None,
            "rating": None,
        }
    )


@given(pieces=st.lists(st.text(max_size=4), max_size=8), starts=st.lists(st.integers(0, 40), max_size=4))
def test_each_reader_has_what_lies_behind_its_start_once(pieces: list[str], starts: list[int]) -> None:
    async def read() -> None:
        growing = Growth("run")

        async def reader(start: int) -> str:
            return "".join([piece async for piece in growing.pieces(start)])

        readers = [asyncio.create_task(reader(start)) for start in starts]
        for piece in pieces:
            growing.add(piece)
            await asyncio.sleep(0)
        whole = "".join(pieces)
        growing.end(stored(whole))
        late = await reader(0)
        assert late == whole
        assert await asyncio.gather(*readers) == [whole[start:] for start in starts]
        assert growing.readers == 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PACE", 0)
        asyncio.run(read())


@given(run=st.uuids().map(str), offset=st.integers(0, 10**12))
def test_a_cursor_is_read_as_it_was_written(run: str, offset: int) -> None:
    assert Cursor.parse(str(Cursor(run, offset))) == Cursor(run, offset)


@given(st.text(max_size=120))
def test_any_other_text_is_a_cursor_or_none(text: str) -> None:
    cursor = Cursor.parse(text)
    assert cursor is None or cursor.offset >= 0


@pytest.mark.parametrize(
    ("cursor", "start"),
    [
        (None, 0),
        (Cursor("third", 4), 4),
        (Cursor("third", 99), 10),
        (Cursor("second", 99), 8),
        (Cursor("first", 2), 2),
        (Cursor("first", 99), 5),
        (Cursor("another", 4), 0),
    ],
)
def test_a_reader_keeps_what_the_run_before_it_had_left(cursor: Cursor | None, start: int) -> None:
    ended = Growth.of(stored("0123456789", run="third", earlier_runs={"first": 5, "second": 8}))
    assert ended.start_of(cursor) == start


def test_of_a_run_elsewhere_a_reader_may_know_more_than_this_process() -> None:
    assert Growth.of(stored("012", "streaming", run="r")).start_of(Cursor("r", 9)) == 9


def test_a_continued_answer_remembers_its_runs_and_no_more_of_them_than_were_kept() -> None:
    answer = stored("012345", "failed", run="second", earlier_runs={"first": 9})
    run = run_after(answer, uuid4(), "tiny")
    assert run.earlier_runs == {"first": 6, "second": 6}
    for _ in range(20):
        run = run_after(stored("012345", "failed", **run.metadata), uuid4(), "tiny")
    assert len(run.earlier_runs) == 8


def test_odd_metadata_is_no_reason_to_fail() -> None:
    for odd in ("text", 5, None, ["x"], {"run": "x"}):
        assert Growth.of(stored("x", run=7, earlier_runs=odd)).start_of(Cursor("x", 1)) == 0
