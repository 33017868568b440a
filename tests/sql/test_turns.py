"""Answers under way: the lease of their writers, their end, their versions."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.sql.conftest import add_messages, new_session, new_user, one


@pytest.fixture
def user(db: psycopg.Connection) -> UUID:
    return new_user(db)


@pytest.fixture
def session(db: psycopg.Connection, user: UUID) -> UUID:
    return new_session(db, user)


def begin(db: psycopg.Connection, user: UUID, session: UUID, question: UUID | None = None) -> UUID:
    statement = (
        "INSERT INTO chat_messages (session_id, user_id, role, content, status, reply_to)"
        " VALUES (%s, %s, 'assistant', '', 'streaming', %s) RETURNING message_id"
    )
    return one(db, statement, session, user, question)[0]


def lease(db: psycopg.Connection, answer: UUID) -> timedelta | None:
    """How long it still lasts."""
    statement = "SELECT lease_until - clock_timestamp() FROM chat_messages WHERE message_id = %s"
    return one(db, statement, answer)[0]


def expire(db: psycopg.Connection) -> None:
    db.execute("UPDATE chat_messages SET lease_until = now() - interval '1 hour' WHERE status = 'streaming'")


def test_a_lease_begins_with_an_answer_and_ends_with_it(
    db: psycopg.Connection, user: UUID, session: UUID
) -> None:
    answer = begin(db, user, session)
    left = lease(db, answer)
    assert left is not None
    assert timedelta(0) < left <= timedelta(seconds=10)
    db.execute("UPDATE chat_messages SET status = 'complete', content = 'because'")
    assert lease(db, answer) is None
    add_messages(db, user, session)
    assert one(db, "SELECT count(*) FROM chat_messages WHERE lease_until IS NOT NULL") == (0,)


@pytest.mark.parametrize(
    ("change", "renews"),
    [
        ("content = 'more'", True),
        ("status = 'streaming'", True),
        ("""metadata = '{"run": "1"}'""", True),
        ("chosen_at = clock_timestamp()", False),
    ],
)
def test_a_lease_is_renewed_by_its_writer_and_by_nobody_else(
    db: psycopg.Connection, user: UUID, session: UUID, change: str, renews: bool
) -> None:
    answer = begin(db, user, session)
    expire(db)
    db.execute(f"UPDATE chat_messages SET {change}")
    left = lease(db, answer)
    assert left is not None
    assert (left > timedelta(0)) is renews


def test_renewing_touches_no_index(db: psycopg.Connection, user: UUID, session: UUID) -> None:
    begin(db, user, session)
    db.execute("UPDATE chat_messages SET content = 'a'")
    db.execute("UPDATE chat_messages SET status = 'streaming'")
    db.execute("SELECT pg_stat_force_next_flush()")
    statement = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'chat_messages'"
    assert one(db, statement) == (2, 2)


@pytest.mark.parametrize("status", ["complete", "stopped", "failed"])
def test_the_end_of_an_answer_brings_its_session_to_the_top(
    db: psycopg.Connection, user: UUID, session: UUID, status: str
) -> None:
    other = new_session(db, user)

    def activity(of: UUID) -> datetime:
        return one(db, "SELECT updated_at FROM chat_sessions WHERE session_id = %s", of)[0]

    begin(db, user, session)
    db.execute("UPDATE chat_sessions SET title = 'newer' WHERE session_id = %s", [other])
    before, aside = activity(session), activity(other)
    db.execute("UPDATE chat_messages SET content = 'so far'")
    assert activity(session) == before, "a checkpoint is no activity"
    db.execute("UPDATE chat_messages SET status = %s", [status])
    assert activity(session) > aside == activity(other)
    ended = activity(session)
    db.execute("UPDATE chat_messages SET status = %s", [status])
    assert activity(session) == ended


def test_the_version_that_was_chosen_last_is_the_current_one(
    db: psycopg.Connection, user: UUID, session: UUID
) -> None:
    add_messages(db, user, session)
    (question,) = one(db, "SELECT message_id FROM chat_messages")
    first, second = (begin(db, user, session, question) for _ in range(2))
    current = "SELECT message_id FROM chat_messages WHERE reply_to = %s ORDER BY chosen_at DESC LIMIT 1"
    assert one(db, current, question) == (second,)
    assert one(db, "SELECT message_id FROM choose_chat_message_version(%s)", first) == (first,)
    assert one(db, current, question) == (first,)
    assert db.execute("SELECT * FROM choose_chat_message_version(%s)", [uuid4()]).fetchall() == []
