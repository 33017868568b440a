"""Shelves, the change feed, and who named a session: kept by the database, whoever writes."""

from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from tests.sql.conftest import add_messages, new_session, new_user, one


@pytest.fixture
def user(db: psycopg.Connection) -> UUID:
    return new_user(db)


@pytest.fixture
def session(db: psycopg.Connection, user: UUID) -> UUID:
    return new_session(db, user)


def change(db: psycopg.Connection, session: UUID, changes: str) -> tuple:
    """(updated_at is new, changed_at is new) after UPDATE … SET `changes`."""
    times = "SELECT updated_at, changed_at FROM chat_sessions WHERE session_id = %s"
    before = one(db, times, session)
    db.execute(f"UPDATE chat_sessions SET {changes} WHERE session_id = %s", [session])
    return tuple(new > old for new, old in zip(one(db, times, session), before, strict=True))


def of(db: psycopg.Connection, session: UUID, columns: str) -> tuple:
    return one(db, f"SELECT {columns} FROM chat_sessions WHERE session_id = %s", session)


@pytest.mark.parametrize(
    ("changes", "activity"),
    [
        ("title = 'Mine'", True),
        ("category = 'work'", True),
        ("is_active = false", True),
        ("is_pinned = true", False),
        ("is_archived = true", False),
        ("system_prompt = 'Be brief.'", False),
        ("temperature = 0.5", False),
        ("last_read_id = 9", False),
        ("changed_at = '2001-01-01', deleted_at = '2001-01-01'", False),
    ],
)
def test_every_change_is_in_the_feed_and_activity_alone_moves_a_session(
    db: psycopg.Connection, session: UUID, changes: str, activity: bool
) -> None:
    assert change(db, session, changes) == (activity, True)


def test_a_message_and_its_end_are_in_the_feed(db: psycopg.Connection, user: UUID, session: UUID) -> None:
    before = of(db, session, "changed_at")
    add_messages(db, user, session)
    counted = of(db, session, "changed_at")
    db.execute("DELETE FROM chat_messages")
    assert before < counted < of(db, session, "changed_at")


def test_a_shelf_follows_from_what_was_done(db: psycopg.Connection, session: UUID) -> None:
    assert of(db, session, "shelf, deleted_at") == ("active", None)
    change(db, session, "is_archived = true")
    assert of(db, session, "shelf, deleted_at") == ("archived", None)
    change(db, session, "is_active = false")
    assert of(db, session, "shelf, deleted_at = updated_at") == ("trash", False)
    (since,) = of(db, session, "deleted_at")
    change(db, session, "title = 'still there', deleted_at = NULL")
    assert of(db, session, "deleted_at") == (since,)
    change(db, session, "is_active = true")
    assert of(db, session, "shelf, deleted_at") == ("archived", None)


def test_a_session_that_is_made_deleted_is_in_the_trash_since_then(
    db: psycopg.Connection, user: UUID
) -> None:
    made = "INSERT INTO chat_sessions (user_id, is_active) VALUES (%s, false) RETURNING shelf, deleted_at = changed_at"
    shelf, _ = one(db, made, user)
    assert shelf == "trash"
    assert one(db, "SELECT count(deleted_at) FROM chat_sessions") == (1,)


def test_renaming_is_enough_to_have_named_a_session(db: psycopg.Connection, session: UUID) -> None:
    assert of(db, session, "auto_title") == (True,)
    change(db, session, "title = 'What is a cursor?', machine_title = 'What is a cursor?'")
    assert of(db, session, "auto_title") == (True,)
    change(db, session, "title = 'Cursors'")
    assert of(db, session, "auto_title") == (False,)


def test_a_session_that_is_made_with_a_title_was_named(db: psycopg.Connection, user: UUID) -> None:
    made = "INSERT INTO chat_sessions (user_id, title) VALUES (%s, 'Trip') RETURNING auto_title"
    assert one(db, made, user) == (False,)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("system_prompt", "'  '"),
        ("system_prompt", "repeat('x', 8001)"),
        ("temperature", "-0.1"),
        ("temperature", "2.1"),
        ("temperature", "'NaN'"),
        ("machine_title", "repeat('x', 201)"),
    ],
)
def test_what_is_out_of_bounds_is_refused(
    db: psycopg.Connection, session: UUID, column: str, value: str
) -> None:
    with pytest.raises(errors.CheckViolation):
        change(db, session, f"{column} = {value}")


def test_categories_are_counted_by_user_and_shelf(db: psycopg.Connection, user: UUID) -> None:
    db.execute(
        "INSERT INTO chat_sessions (user_id, category, is_archived, is_active) SELECT %s, c, a, d"
        "  FROM (VALUES ('work', false, true), ('work', false, true), ('home', true, true), ('work', true, false))"
        "    AS v (c, a, d)",
        [user],
    )
    new_session(db, new_user(db, "bob"))
    counted = "SELECT shelf, category, sessions FROM chat_session_categories WHERE user_id = %s ORDER BY 1"
    assert db.execute(counted, [user]).fetchall() == [
        ("active", "work", 2),
        ("archived", "home", 1),
        ("trash", "work", 1),
    ]
