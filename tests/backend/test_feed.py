"""A reader of a session, wherever its connection breaks and however the messages change, ends up with the truth."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.services.feed import CHECKED, Cursor, Feed, Removed, Reset, Shown
from backend.services.hasura_client import ChatMessage

NOW = datetime.now(UTC)
SESSION = uuid4()


def message(row: int, content: str = "hi", status: str = "complete", run: str = "1") -> ChatMessage:
    return ChatMessage(
        id=row,
        message_id=UUID(int=row),
        session_id=SESSION,
        user_id=SESSION,
        role="user" if status == "complete" else "assistant",
        content=content,
        timestamp=NOW,
        status=status,  # type: ignore[arg-type]
        reply_to=None,
        metadata={"run": run},
        chosen_at=NOW,
        edit_of=None,
        place=2 * row,
        off_path=False,
        versions=None,
        rating=None,
    )


class Reader:
    """A client, as docs/websocket.md tells it to be: it keeps messages by id, and the cursor."""

    def __init__(self) -> None:
        self.messages: dict[UUID, ChatMessage] = {}
        self.cursor: str | None = None
        self.resets = 0

    def hear(self, change: object, cursor: Cursor) -> None:
        match change:
            case Reset():
                self.messages.clear()
                self.resets += 1
            case Removed(message_ids=gone):
                for message_id in gone:
                    self.messages.pop(message_id, None)
            case Shown(message=shown):
                self.messages[shown.message_id] = shown
        self.cursor = str(cursor)


def show(
    feed: Feed, reader: Reader, session: list[ChatMessage], window: int, up_to: int | None = None
) -> None:
    """One state of the session, as a live query has it; the connection breaks after `up_to` events."""
    state = session[-window:]
    while feed.lacks(state) is not None and len(state) < len(session):
        state = session[-len(state) - window :]
    for change, cursor in feed.update(state, whole=len(state) == len(session))[:up_to]:
        reader.hear(change, cursor)


@given(st.integers(0, 2**32), st.sampled_from([3, 10, 50]))
def test_whatever_happens_the_reader_ends_up_with_the_truth(seed: int, window: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    session: list[ChatMessage] = []
    reader = Reader()
    feed = Feed(None)
    show(feed, reader, session, window)
    reader.cursor = str(feed.cursor)
    late: list[int] = []
    row = 0
    for _ in range(chance.randrange(1, 40)):
        for _ in range(chance.choice([1, 1, 1, 2, 5])):
            what = chance.random()
            if what < 0.5:
                row += 1
                if chance.random() < 0.1:
                    late.append(row)  # it has its row id, and is committed after others
                    row += 1
                session.append(message(row, f"m{row}", chance.choice(["complete", "streaming"])))
            elif what < 0.6 and late and late[-1] >= row - 1:
                session.append(message(late.pop(), "late"))
                session.sort(key=lambda each: each.id)
            elif what < 0.8 and session:
                at = chance.randrange(max(0, len(session) - window), len(session))
                status = chance.choice(["complete", "failed", "streaming"])
                session[at] = message(
                    session[at].id, f"changed {chance.random()}", status, str(chance.random())
                )
            elif what < 0.9 and 0 < len(session) <= window:
                del session[chance.randrange(len(session))]
        broken = chance.random() < 0.3
        show(feed, reader, session, window, chance.randrange(4) if broken else None)
        if broken:
            feed = Feed(Cursor.read(reader.cursor) if reader.cursor else None)
    show(feed, reader, session, window)
    newest = session[-min(window, CHECKED) :]
    assert [reader.messages.get(each.message_id) for each in newest] == newest
    if len(session) <= window:
        assert set(reader.messages) == {each.message_id for each in session}


def test_what_slides_back_into_sight_is_nothing_new() -> None:
    session = [message(row) for row in range(1, 7)]
    feed = Feed(None)
    assert feed.update(session[-3:], whole=False) == []
    del session[-1]
    assert [change for change, _ in feed.update(session[-3:], whole=False)] == [Removed([UUID(int=6)])]


def test_a_new_reader_hears_of_what_is_new_and_of_what_is_under_way() -> None:
    feed, reader = Feed(None), Reader()
    session = [message(1), message(2, "", "streaming"), message(3)]
    show(feed, reader, session, 100)
    assert [each.id for each in reader.messages.values()] == [2]
    show(feed, reader, [*session, message(4)], 100)
    assert [each.id for each in reader.messages.values()] == [2, 4]


def test_an_answer_that_ends_behind_many_newer_messages_is_heard() -> None:
    feed, reader = Feed(None), Reader()
    session = [message(1), message(2, "", "streaming")]
    show(feed, reader, session, 3)
    for row in range(3, 20):
        session.append(message(row))
        show(feed, reader, session, 3)
    session[1] = message(2, "half", "failed")
    show(feed, reader, session, 3)
    assert reader.messages[UUID(int=2)] == session[1]
    assert reader.resets == 0


def test_the_text_of_an_answer_that_grows_is_no_event() -> None:
    feed = Feed(None)
    feed.update([message(1, "", "streaming")], whole=True)
    assert feed.update([message(1, "half", "streaming")], whole=True) == []
    assert [change for change, _ in feed.update([message(1, "half", "streaming", "2")], whole=True)] == [
        Shown(message(1, "half", "streaming", "2"))
    ]


def test_who_comes_back_hears_only_what_was_missed() -> None:
    session = [message(row) for row in range(1, 51)]
    feed = Feed(None)
    feed.update(session, whole=True)
    back = Feed(Cursor.read(str(feed.cursor)))
    assert back.update(session, whole=True) == []
    again = Feed(Cursor.read(str(feed.cursor)))
    session += [message(51), message(52)]
    assert [change for change, _ in again.update(session, whole=True)] == [
        Shown(message(51)),
        Shown(message(52)),
    ]


@pytest.mark.parametrize("changed", [30, 49])
def test_who_comes_back_to_changed_messages_begins_anew(changed: int) -> None:
    session = [message(row) for row in range(1, 51)]
    feed = Feed(None)
    feed.update(session, whole=True)
    session[changed] = message(changed + 1, "corrected")
    changes = [change for change, _ in Feed(feed.cursor).update(session, whole=True)]
    assert changes == [Reset(), *(Shown(each) for each in session)]


def test_who_comes_back_after_an_answer_ended_hears_its_end_and_nothing_twice() -> None:
    feed = Feed(None)
    feed.update([message(1), message(2, "", "streaming"), message(3)], whole=True)
    state = [message(1), message(2, "whole"), message(3)]
    changes = Feed(feed.cursor).update(state, whole=True)
    assert [change for change, _ in changes] == [Shown(state[1])]


@pytest.mark.parametrize(
    "text", ["", "x", "MQ", "\x00", "ä", "MSAwIA==", "A" * 5000, "LTEgMCB4", "OTkgOTkgeA"]
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        Cursor.read(text)


@given(st.text())
def test_no_text_breaks_the_reading_of_cursors(text: str) -> None:
    with suppress(ValueError):
        assert str(Cursor.read(text)) == text
