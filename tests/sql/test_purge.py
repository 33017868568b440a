"""What the operator keeps no longer: the trash after a while, and any chat after a maximum."""

from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from tests.sql.conftest import add_messages, drifted, new_session, new_user, one
from tests.sql.test_accounts import age, left


@pytest.fixture
def user(db: psycopg.Connection) -> UUID:
    return new_user(db)


def trash(db: psycopg.Connection, session: UUID, days: int, *, pinned: bool = False) -> None:
    """It was put into the trash so many days ago."""
    db.execute(
        "UPDATE chat_sessions SET is_active = false, is_pinned = %s WHERE session_id = %s", [pinned, session]
    )
    db.execute("ALTER TABLE chat_sessions DISABLE TRIGGER USER")
    db.execute(
        "UPDATE chat_sessions SET deleted_at = now() - %s WHERE session_id = %s",
        [timedelta(days=days), session],
    )
    db.execute("ALTER TABLE chat_sessions ENABLE TRIGGER USER")


def purge(
    db: psycopg.Connection, trash_days: int = 30, max_days: int | None = None, at_most: int = 5000
) -> int:
    return one(db, "SELECT purge_chat_sessions(%s, %s, %s)", trash_days, max_days, at_most)[0]


def test_the_trash_is_emptied_after_its_days_pinned_or_not(db: psycopg.Connection, user: UUID) -> None:
    young, old, pinned, kept, restored = (new_session(db, user) for _ in range(5))
    add_messages(db, user, old, 3)
    trash(db, young, 29)
    trash(db, old, 31)
    trash(db, pinned, 31, pinned=True)
    trash(db, restored, 31)
    db.execute("UPDATE chat_sessions SET is_active = true WHERE session_id = %s", [restored])
    age(db, kept, 4000)
    assert purge(db) == 2
    assert left(db) == {young, kept, restored}
    assert one(db, "SELECT count(*) FROM chat_messages") == (0,)
    assert purge(db) == 0


def test_no_owner_keeps_a_chat_for_longer_than_the_operator_unless_it_is_pinned(
    db: psycopg.Connection, user: UUID
) -> None:
    bob = new_user(db, "bob")
    db.execute("UPDATE users SET retention_days = 365 WHERE id = %s", [bob])
    old, archived, pinned, young = (new_session(db, user) for _ in range(4))
    his = new_session(db, bob)
    age(db, old, 101)
    age(db, his, 101)
    age(db, archived, 101, is_archived=True)
    age(db, pinned, 101, is_pinned=True)
    age(db, young, 99)
    assert purge(db) == 0, "no limit unless it is set"
    assert purge(db, max_days=100) == 3
    assert left(db) == {pinned, young}


def test_a_call_takes_about_so_many_messages_and_always_one_session(
    db: psycopg.Connection, user: UUID
) -> None:
    stays = new_session(db, user)
    add_messages(db, user, stays, 5)
    for days in (31, 31, 400, 400):
        session = new_session(db, user)
        add_messages(db, user, session, 10)
        trash(db, session, days)
        age(db, session, days)
    assert [purge(db, 30, 30, at_most) for at_most in (5, 11, 11, 11)] == [1, 2, 1, 0]
    assert left(db) == {stays}
    assert not drifted(db)


def test_a_session_that_is_restored_while_it_is_to_go_stays(
    db: psycopg.Connection, url: str, user: UUID
) -> None:
    session = new_session(db, user)
    trash(db, session, 31)
    with psycopg.connect(url) as owner, psycopg.connect(url, autocommit=True) as sweep:
        owner.execute("UPDATE chat_sessions SET is_active = true WHERE session_id = %s", [session])
        sweep.execute("SET lock_timeout = '200ms'")
        with pytest.raises(errors.LockNotAvailable):
            purge(sweep)
        owner.commit()
        assert purge(sweep) == 0
    assert left(db) == {session}


def test_finding_what_is_too_long_in_the_trash_reads_its_index(db: psycopg.Connection, user: UUID) -> None:
    db.execute("INSERT INTO chat_sessions (user_id) SELECT %s FROM generate_series(1, 5000)", [user])
    db.execute("ANALYZE")
    plan = "\n".join(
        row[0]
        for row in db.execute(
            "EXPLAIN SELECT s.id FROM chat_sessions AS s WHERE NOT s.is_active"
            " AND s.deleted_at < now() - make_interval(days => 30) ORDER BY s.deleted_at, s.id LIMIT 500"
        )
    )
    assert "chat_sessions_trash" in plan
    assert "Seq Scan" not in plan
