"""What the operator can look up afterwards: who did what and when, and nothing of what was written."""

from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from tests.sql.conftest import add_messages, new_session, new_user, one


@pytest.fixture
def user(db: psycopg.Connection) -> UUID:
    return new_user(db)


def events(db: psycopg.Connection, user: UUID) -> list[tuple]:
    """(event, subject, address, details) in their order, after the account's beginning."""
    rows = "SELECT event, subject, address, details FROM audit_log WHERE user_id = %s ORDER BY id"
    first, *rest = db.execute(rows, [user]).fetchall()
    assert first == ("account_created", None, "", {})
    return rest


def test_an_account_s_life(db: psycopg.Connection, user: UUID) -> None:
    device = uuid4()
    db.execute(
        "INSERT INTO sign_ins (sign_in_id, user_id, address) VALUES (%s, %s, '192.0.2.7')", [device, user]
    )
    for change in (
        "password_set_at = clock_timestamp(), password_hash = 'secret'",
        "role = 'admin'",
        "retention_days = 30",
        "display_name = 'Ada L.'",
        "deleted_at = now()",
    ):
        db.execute(f"UPDATE users SET {change} WHERE id = %s", [user])
    db.execute("DELETE FROM users WHERE id = %s", [user])
    found = events(db, user)
    assert found[:-2] == [
        ("signed_in", device, "192.0.2.7", {}),
        ("password_changed", None, "", {}),
        ("role_changed", None, "", {"from": "user", "to": "admin"}),
        ("retention_changed", None, "", {"from": None, "to": 30}),
        ("account_deleted", None, "", {}),
    ]
    assert {event for event, *_ in found[-2:]} == {"signed_out", "account_erased"}
    assert "secret" not in str(db.execute("SELECT audit_log::text FROM audit_log").fetchall())


def test_a_chat_that_is_deleted_for_good_is_told_without_its_content(
    db: psycopg.Connection, user: UUID
) -> None:
    session = new_session(db, user)
    add_messages(db, user, session, 3)
    db.execute("UPDATE chat_sessions SET is_active = false WHERE session_id = %s", [session])
    assert events(db, user) == [], "the trash is no end"
    db.execute("DELETE FROM chat_sessions WHERE session_id = %s", [session])
    assert events(db, user) == [("chat_deleted", session, "", {"messages": 3})]


def test_what_is_rolled_back_is_not_told(db: psycopg.Connection, user: UUID) -> None:
    session = new_session(db, user)
    with db.transaction(force_rollback=True):
        db.execute("DELETE FROM chat_sessions WHERE session_id = %s", [session])
    assert events(db, user) == []


def test_a_line_does_not_change_and_goes_after_its_days(db: psycopg.Connection, user: UUID) -> None:
    with pytest.raises(errors.CheckViolation):
        db.execute("UPDATE audit_log SET user_id = NULL")
    db.execute(
        "INSERT INTO audit_log (event, at)"
        " SELECT 'exported', now() - interval '366 days' FROM generate_series(1, 3)"
    )
    expire = "SELECT expire_audit_log(365, 2)"
    assert [one(db, expire)[0] for _ in range(3)] == [2, 1, 0]
    assert one(db, "SELECT count(*) FROM audit_log") == (1,)
