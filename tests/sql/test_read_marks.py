"""How far somebody has read: on each device, at all, and what is left."""

from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from tests.sql.conftest import add_messages, new_session, new_user, one
from tests.sql.test_turns import begin


@pytest.fixture
def user(db: psycopg.Connection) -> UUID:
    return new_user(db)


@pytest.fixture
def session(db: psycopg.Connection, user: UUID) -> UUID:
    return new_session(db, user)


def answer(db: psycopg.Connection, user: UUID, session: UUID, status: str = "complete") -> int:
    """The row of an answer that has ended."""
    message = begin(db, user, session)
    statement = "UPDATE chat_messages SET content = 'x', status = %s WHERE message_id = %s RETURNING id"
    return one(db, statement, status, message)[0]


def mark(db: psycopg.Connection, user: UUID, session: UUID, device: UUID, row: int) -> int:
    """The mark as stored, set the way hasura_client does."""
    db.execute(
        "INSERT INTO chat_read_marks AS m (session_id, device_id, user_id, last_read_id) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT ON CONSTRAINT chat_read_marks_pkey DO UPDATE SET last_read_id = excluded.last_read_id"
        " WHERE m.last_read_id < %s",
        [session, device, user, row, row],
    )
    return one(db, "SELECT last_read_id FROM chat_read_marks WHERE device_id = %s", device)[0]


def read_and_unread(db: psycopg.Connection, session: UUID) -> tuple:
    statement = (
        "SELECT last_read_id, chat_sessions_unread_messages(s) FROM chat_sessions AS s WHERE session_id = %s"
    )
    return one(db, statement, session)


def test_ended_answers_are_unread_until_a_device_has_read_them(
    db: psycopg.Connection, user: UUID, session: UUID
) -> None:
    add_messages(db, user, session)
    first = answer(db, user, session)
    answer(db, user, session, "stopped")
    last = answer(db, user, session, "failed")
    assert read_and_unread(db, session) == (0, 3)
    assert mark(db, user, session, uuid4(), first) == first
    assert read_and_unread(db, session) == (first, 2)
    assert mark(db, user, session, uuid4(), last) == last
    assert read_and_unread(db, session) == (last, 0)


def test_a_mark_never_goes_back_on_any_device(db: psycopg.Connection, user: UUID, session: UUID) -> None:
    rows = [answer(db, user, session) for _ in range(3)]
    here, there = uuid4(), uuid4()
    mark(db, user, session, here, rows[2])
    assert mark(db, user, session, here, rows[0]) == rows[2]
    assert mark(db, user, session, there, rows[1]) == rows[1], "each device has its own"
    db.execute("UPDATE chat_read_marks SET last_read_id = 0")
    assert one(db, "SELECT min(last_read_id) FROM chat_read_marks") == (rows[1],)
    assert read_and_unread(db, session) == (rows[2], 0)


def test_a_mark_stays_before_an_answer_that_is_being_written_and_within_what_there_is(
    db: psycopg.Connection, user: UUID, session: UUID
) -> None:
    device = uuid4()
    assert mark(db, user, session, device, 10**12) == 0
    first = answer(db, user, session)
    late = begin(db, user, session)
    last = answer(db, user, session)
    assert mark(db, user, session, device, last) == first
    db.execute("UPDATE chat_messages SET status = 'complete', content = 'x' WHERE message_id = %s", [late])
    assert read_and_unread(db, session) == (first, 2), "the late answer counts"
    assert mark(db, user, session, device, 10**12) == last


def test_reading_is_no_activity(db: psycopg.Connection, user: UUID, session: UUID) -> None:
    row = answer(db, user, session)
    before = one(db, "SELECT updated_at FROM chat_sessions")
    mark(db, user, session, uuid4(), row)
    assert one(db, "SELECT updated_at FROM chat_sessions") == before


def test_no_more_than_a_hundred_are_counted(db: psycopg.Connection, user: UUID, session: UUID) -> None:
    db.execute(
        "INSERT INTO chat_messages (session_id, user_id, role, content)"
        " SELECT %s, %s, 'assistant', 'x' FROM generate_series(1, 120)",
        [session, user],
    )
    assert read_and_unread(db, session) == (0, 100)


def test_a_mark_belongs_to_its_session_s_owner_and_goes_with_the_session(
    db: psycopg.Connection, user: UUID, session: UUID
) -> None:
    row = answer(db, user, session)
    for stranger, where in ((new_user(db, "mallory"), session), (user, uuid4())):
        with pytest.raises(errors.ForeignKeyViolation) as refusal:
            mark(db, stranger, where, uuid4(), row)
        assert refusal.value.diag.constraint_name == "chat_read_marks_session_fkey"
    mark(db, user, session, uuid4(), row)
    db.execute("DELETE FROM chat_sessions")
    assert one(db, "SELECT count(*) FROM chat_read_marks") == (0,)
