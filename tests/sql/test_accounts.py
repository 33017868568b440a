"""Sign-ins that end, chats that are kept for so long only, and accounts that go."""

from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from tests.sql.conftest import add_messages, new_session, new_user, one


@pytest.fixture
def user(db: psycopg.Connection) -> UUID:
    return new_user(db)


def keep(db: psycopg.Connection, user: UUID, days: int | None) -> None:
    db.execute("UPDATE users SET retention_days = %s WHERE id = %s", [days, user])


def age(db: psycopg.Connection, session: UUID, days: int, **changes: object) -> None:
    """Nothing has happened to it for so many days."""
    for column, value in changes.items():
        db.execute(f"UPDATE chat_sessions SET {column} = %s WHERE session_id = %s", [value, session])
    db.execute("ALTER TABLE chat_sessions DISABLE TRIGGER USER")
    db.execute(
        "UPDATE chat_sessions SET changed_at = now() - %s, updated_at = now() - %s WHERE session_id = %s",
        [timedelta(days=days), timedelta(days=days), session],
    )
    db.execute("ALTER TABLE chat_sessions ENABLE TRIGGER USER")


def expire(db: psycopg.Connection, at_most: int = 5000) -> int:
    return one(db, "SELECT expire_chat_sessions(%s)", at_most)[0]


def left(db: psycopg.Connection) -> set[UUID]:
    return {row[0] for row in db.execute("SELECT session_id FROM chat_sessions")}


def test_a_sign_in_takes_its_refresh_tokens_along(db: psycopg.Connection, user: UUID) -> None:
    family = uuid4()
    token = (
        "INSERT INTO refresh_tokens (token_hash, family_id, user_id, expires_at) VALUES (%s, %s, %s, now())"
    )
    with pytest.raises(errors.ForeignKeyViolation):
        db.execute(token, [b"1" * 32, family, user])
    db.execute("INSERT INTO sign_ins (sign_in_id, user_id) VALUES (%s, %s)", [family, user])
    db.execute(token, [b"1" * 32, family, user])
    db.execute(token, [b"2" * 32, family, user])
    db.execute("DELETE FROM sign_ins")
    assert one(db, "SELECT count(*) FROM refresh_tokens") == (0,)


@pytest.mark.parametrize("days", [0, 1, -30, 31, 3650])
def test_chats_are_kept_for_a_known_time_only(db: psycopg.Connection, user: UUID, days: int) -> None:
    with pytest.raises(errors.CheckViolation):
        keep(db, user, days)


def test_what_nothing_has_happened_to_for_so_long_goes_wherever_it_lies(
    db: psycopg.Connection, user: UUID
) -> None:
    young, old, archived, trashed, pinned, pinned_trash = (new_session(db, user) for _ in range(6))
    add_messages(db, user, old, 3)
    age(db, young, 29)
    age(db, old, 31)
    age(db, archived, 31, is_archived=True)
    age(db, trashed, 31, is_active=False)
    age(db, pinned, 31, is_pinned=True)
    age(db, pinned_trash, 31, is_pinned=True, is_active=False)
    assert expire(db) == 0, "whoever has not chosen keeps everything"
    keep(db, user, 90)
    assert expire(db) == 0
    keep(db, user, 30)
    assert expire(db) == 4
    assert left(db) == {young, pinned}
    assert one(db, "SELECT count(*) FROM chat_messages") == (0,)
    assert expire(db) == 0


def test_only_the_owner_s_choice_counts(db: psycopg.Connection, user: UUID) -> None:
    others = new_session(db, new_user(db, "bob"))
    mine = new_session(db, user)
    for session in (others, mine):
        age(db, session, 400)
    keep(db, user, 30)
    assert expire(db) == 1
    assert left(db) == {others}


def test_what_was_brought_along_from_elsewhere_is_as_old_as_its_coming(
    db: psycopg.Connection, user: UUID
) -> None:
    db.execute(
        "INSERT INTO chat_sessions (user_id, created_at, updated_at)"
        " VALUES (%s, now() - interval '3 years', now() - interval '3 years')",
        [user],
    )
    keep(db, user, 30)
    assert expire(db) == 0


def test_a_session_that_is_written_in_while_it_is_to_go_stays(
    db: psycopg.Connection, url: str, user: UUID
) -> None:
    session = new_session(db, user)
    age(db, session, 31)
    keep(db, user, 30)
    with psycopg.connect(url) as writer, psycopg.connect(url, autocommit=True) as deleter:
        add_messages(writer, user, session)
        deleter.execute("SET lock_timeout = '200ms'")
        with pytest.raises(errors.LockNotAvailable):
            expire(deleter)
        writer.commit()
        assert expire(deleter) == 0
    assert left(db) == {session}


def test_a_call_takes_about_so_many_messages_and_always_one_session(
    db: psycopg.Connection, user: UUID
) -> None:
    for _ in range(4):
        session = new_session(db, user)
        add_messages(db, user, session, 10)
        age(db, session, 31)
    keep(db, user, 30)
    assert [expire(db, 5), expire(db, 11), expire(db, 11), expire(db, 11)] == [1, 2, 1, 0]


def test_an_account_goes_in_batches_and_takes_everything_of_its_owner_s_alone(
    db: psycopg.Connection, user: UUID
) -> None:
    bob = new_user(db, "bob")
    for owner in (user, bob):
        for _ in range(3):
            add_messages(db, owner, new_session(db, owner), 10)
        db.execute("INSERT INTO sign_ins (sign_in_id, user_id) VALUES (gen_random_uuid(), %s)", [owner])
    remove = "SELECT remove_deleted_accounts(%s, 11)"
    assert one(db, remove, None) == (0,)
    db.execute("UPDATE users SET deleted_at = now() WHERE id = %s", [user])
    assert one(db, remove, bob) == (0,)
    assert [one(db, remove, each)[0] for each in (user, None, None, user)] == [2, 1, 1, 0]
    owners = "SELECT array_agg(DISTINCT user_id) FROM {}"
    for table in ("chat_sessions", "chat_messages", "sign_ins"):
        assert one(db, owners.format(table)) == ([bob],)
    assert one(db, "SELECT array_agg(id) FROM users") == ([bob],)


def test_finding_what_is_too_old_reads_the_index_of_changes(db: psycopg.Connection, user: UUID) -> None:
    db.execute("INSERT INTO chat_sessions (user_id) SELECT %s FROM generate_series(1, 5000)", [user])
    keep(db, user, 30)
    db.execute("ANALYZE")
    plan = "\n".join(
        row[0]
        for row in db.execute(
            "EXPLAIN SELECT s.id FROM chat_sessions AS s WHERE s.user_id = %s"
            " AND s.changed_at < now() - make_interval(days => 30) AND NOT (s.is_pinned AND s.is_active)"
            " ORDER BY s.changed_at, s.id LIMIT 500",
            [user],
        )
    )
    assert "chat_sessions_changes" in plan
    assert "Seq Scan" not in plan
