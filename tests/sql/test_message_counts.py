"""total_messages, last_message_at and updated_at are right after every kind of write."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Json

from tests.sql.conftest import add_messages, counters, drifted, new_session, new_user, one, real_counters


@pytest.fixture
def user(db: psycopg.Connection) -> UUID:
    return new_user(db)


@pytest.fixture
def session(db: psycopg.Connection, user: UUID) -> UUID:
    return new_session(db, user)


def updated_at(db: psycopg.Connection, session: UUID) -> datetime:
    return one(db, "SELECT updated_at FROM chat_sessions WHERE session_id = %s", session)[0]


def test_a_new_session_has_no_messages(db: psycopg.Connection, session: UUID) -> None:
    assert counters(db, session) == (0, None)


def test_a_message_counts_and_lifts_its_session(db: psycopg.Connection, user: UUID, session: UUID) -> None:
    before = updated_at(db, session)
    add_messages(db, user, session)
    assert counters(db, session) == real_counters(db, session)
    assert counters(db, session)[0] == 1
    assert updated_at(db, session) > before


def test_a_bulk_insert_over_several_sessions_counts_each(db: psycopg.Connection, user: UUID) -> None:
    sessions = [new_session(db, user) for _ in range(3)]
    db.execute(
        "INSERT INTO chat_messages (session_id, user_id, content)"
        " SELECT (%s::uuid[])[1 + n %% 3], %s, 'm' FROM generate_series(1, 1000) AS n",
        [sessions, user],
    )
    assert [counters(db, session)[0] for session in sessions] == [333, 334, 333]
    assert drifted(db) == []


def test_copy_counts_too(db: psycopg.Connection, user: UUID, session: UUID) -> None:
    with db.cursor().copy("COPY chat_messages (session_id, user_id, content) FROM STDIN") as copy:
        for n in range(500):
            copy.write_row((session, user, f"message {n}"))
    assert counters(db, session)[0] == 500
    assert drifted(db) == []


def test_a_message_that_is_sent_again_counts_once(db: psycopg.Connection, user: UUID, session: UUID) -> None:
    message = uuid4()
    for _ in range(3):
        db.execute(
            "INSERT INTO chat_messages (message_id, session_id, user_id, content) VALUES (%s, %s, %s, 'hi')"
            " ON CONFLICT (message_id) DO NOTHING",
            [message, session, user],
        )
    assert counters(db, session)[0] == 1


def test_a_message_with_a_past_timestamp_does_not_turn_last_message_at_back(
    db: psycopg.Connection, user: UUID, session: UUID
) -> None:
    add_messages(db, user, session)
    db.execute(
        "INSERT INTO chat_messages (session_id, user_id, content, \"timestamp\") VALUES (%s, %s, 'old', %s)",
        [session, user, datetime(2020, 1, 1, tzinfo=UTC)],
    )
    assert drifted(db) == []


def test_deleting_some_messages_counts_the_rest(db: psycopg.Connection, user: UUID, session: UUID) -> None:
    add_messages(db, user, session, 100)
    last = one(db, "SELECT max(id) FROM chat_messages")[0]
    for condition in (f"id = {last}", f"id < {last - 50}", f"id >= {last - 10}", f"id = {last - 30}"):
        db.execute(f"DELETE FROM chat_messages WHERE {condition}")
        assert drifted(db) == []


def test_a_bulk_delete_over_several_sessions_counts_each(db: psycopg.Connection, user: UUID) -> None:
    sessions = [new_session(db, user) for _ in range(5)]
    for session in sessions:
        add_messages(db, user, session, 20)
    db.execute("DELETE FROM chat_messages WHERE id % 3 = 0")
    assert (
        sum(counters(db, session)[0] for session in sessions)
        == one(db, "SELECT count(*) FROM chat_messages")[0]
    )
    assert drifted(db) == []


def test_clearing_a_session_leaves_nothing_and_touches_no_other(db: psycopg.Connection, user: UUID) -> None:
    cleared, other = new_session(db, user), new_session(db, user)
    for session in (cleared, other):
        add_messages(db, user, session, 30)
    untouched = updated_at(db, other)
    db.execute("DELETE FROM chat_messages WHERE session_id = %s", [cleared])
    assert counters(db, cleared) == (0, None)
    assert counters(db, other)[0] == 30
    assert updated_at(db, other) == untouched


def test_a_delete_that_finds_nothing_touches_nothing(db: psycopg.Connection, session: UUID) -> None:
    before = updated_at(db, session)
    db.execute("DELETE FROM chat_messages WHERE session_id = %s", [session])
    assert updated_at(db, session) == before


def test_a_deleted_session_takes_its_messages_along(db: psycopg.Connection, user: UUID) -> None:
    gone, kept = new_session(db, user), new_session(db, user)
    for session in (gone, kept):
        add_messages(db, user, session, 10)
    db.execute("DELETE FROM chat_sessions WHERE session_id = %s", [gone])
    assert one(db, "SELECT count(*), count(DISTINCT session_id) FROM chat_messages") == (10, 1)
    assert drifted(db) == []


def test_a_deleted_user_takes_everything_along(db: psycopg.Connection, user: UUID, session: UUID) -> None:
    grace = new_user(db, "grace")
    hers = new_session(db, grace)
    add_messages(db, user, session, 10)
    add_messages(db, grace, hers, 10)
    db.execute("DELETE FROM users WHERE id = %s", [user])
    assert one(db, "SELECT count(*) FROM chat_sessions")[0] == 1
    assert one(db, "SELECT count(*) FROM chat_messages")[0] == 10
    assert drifted(db) == []


@pytest.mark.parametrize("statement", ["TRUNCATE chat_messages", "TRUNCATE chat_sessions CASCADE"])
def test_a_truncate_empties_every_session(
    db: psycopg.Connection, user: UUID, session: UUID, statement: str
) -> None:
    add_messages(db, user, session, 10)
    db.execute(statement)
    assert one(db, "SELECT count(*) FROM chat_messages")[0] == 0
    assert drifted(db) == []


def test_changing_a_text_changes_no_count(db: psycopg.Connection, user: UUID, session: UUID) -> None:
    add_messages(db, user, session, 3)
    before = counters(db, session)
    db.execute("UPDATE chat_messages SET content = 'other', status = 'stopped'")
    assert counters(db, session) == before


def test_a_rolled_back_write_leaves_no_trace(db: psycopg.Connection, user: UUID, session: UUID) -> None:
    add_messages(db, user, session, 3)
    before = counters(db, session)
    with db.transaction(force_rollback=True):
        add_messages(db, user, session, 5)
        db.execute("DELETE FROM chat_messages WHERE id % 2 = 0")
    assert counters(db, session) == before


@pytest.mark.parametrize("change", ["title = 'Trip'", "category = 'travel'", "is_active = false"])
def test_a_changed_session_moves_up(db: psycopg.Connection, session: UUID, change: str) -> None:
    before = updated_at(db, session)
    db.execute(f"UPDATE chat_sessions SET {change}")
    assert updated_at(db, session) > before


def test_an_update_that_changes_nothing_does_not_move_a_session(
    db: psycopg.Connection, session: UUID
) -> None:
    before = updated_at(db, session)
    db.execute("UPDATE chat_sessions SET title = title, category = category")
    assert updated_at(db, session) == before


def test_drift_is_repaired_in_one_session_or_in_all(db: psycopg.Connection, user: UUID) -> None:
    sessions = [new_session(db, user) for _ in range(3)]
    for session in sessions:
        add_messages(db, user, session, 4)
    db.execute("UPDATE chat_sessions SET total_messages = 99, last_message_at = NULL")
    repaired = db.execute(
        "SELECT session_id, total_messages FROM update_session_message_count(%s)", [sessions[0]]
    )
    assert repaired.fetchall() == [(sessions[0], 4)]
    assert len(drifted(db)) == 2
    assert one(db, "SELECT count(*) FROM update_session_message_count()")[0] == 3
    assert drifted(db) == []


def test_a_repair_does_not_reorder_the_list(db: psycopg.Connection, user: UUID, session: UUID) -> None:
    add_messages(db, user, session)
    db.execute("UPDATE chat_sessions SET total_messages = 99")
    before = updated_at(db, session)
    db.execute("SELECT update_session_message_count()")
    assert updated_at(db, session) == before


def test_messages_can_be_deleted_from_a_session_whose_count_has_drifted_too_low(
    db: psycopg.Connection, user: UUID, session: UUID
) -> None:
    add_messages(db, user, session, 5)
    db.execute("UPDATE chat_sessions SET total_messages = 2")
    db.execute("DELETE FROM chat_messages")
    assert counters(db, session) == (0, None)


@pytest.mark.parametrize(
    ("caller", "reaches"),
    [
        ({"x-hasura-role": "user", "x-hasura-user-id": "ada"}, ["ada"]),
        ({"x-hasura-role": "assistant", "x-hasura-user-id": "ada"}, ["ada"]),
        ({"x-hasura-role": "user"}, []),
        ({"x-hasura-user-id": "ada"}, ["ada"]),
        ({}, []),
        ({"x-hasura-role": "admin"}, ["ada", "grace"]),
        (None, ["ada", "grace"]),
    ],
)
def test_a_caller_repairs_own_sessions_only(
    db: psycopg.Connection, caller: dict[str, str] | None, reaches: list[str]
) -> None:
    ids = {name: new_user(db, name) for name in ("ada", "grace")}
    names = {new_session(db, user): name for name, user in ids.items()}
    db.execute("UPDATE chat_sessions SET total_messages = 99")
    variables = caller and {key: str(ids.get(value, value)) for key, value in caller.items()}
    argument = None if variables is None else Json(variables)
    seen = db.execute("SELECT session_id FROM update_session_message_count(NULL, %s)", [argument]).fetchall()
    assert sorted(names[session] for (session,) in seen) == reaches
    assert len(drifted(db)) == 2 - len(reaches)


def test_a_caller_who_names_a_foreign_session_reaches_nothing(db: psycopg.Connection, session: UUID) -> None:
    mallory = new_user(db, "mallory")
    variables = Json({"x-hasura-role": "user", "x-hasura-user-id": str(mallory)})
    assert (
        db.execute("SELECT * FROM update_session_message_count(%s, %s)", [session, variables]).fetchall()
        == []
    )
