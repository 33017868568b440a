"""Whatever is done in whatever order: the counters are what the messages say, after every step."""

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sql.conftest import drifted, new_session, new_user

SESSIONS = st.integers(0, 2)
STEPS = st.one_of(
    st.tuples(
        st.just(
            "INSERT INTO chat_messages (session_id, user_id, content)"
            " SELECT (%(sessions)s::uuid[])[1 + (%(a)s + n) %% 3], %(user)s, 'm'"
            "   FROM generate_series(1, %(b)s) AS n"
        ),
        SESSIONS,
        st.integers(0, 5),
    ),
    st.tuples(
        st.just(
            'INSERT INTO chat_messages (session_id, user_id, content, "timestamp")'
            " SELECT (%(sessions)s::uuid[])[1 + %(a)s], %(user)s, 'm', now() - %(b)s * interval '1 day'"
        ),
        SESSIONS,
        st.integers(0, 5),
    ),
    st.tuples(st.just("DELETE FROM chat_messages WHERE id %% 3 = %(a)s"), SESSIONS, st.just(0)),
    st.tuples(
        st.just("DELETE FROM chat_messages WHERE session_id = (%(sessions)s::uuid[])[1 + %(a)s]"),
        SESSIONS,
        st.just(0),
    ),
    st.tuples(
        st.just(
            "DELETE FROM chat_messages"
            " WHERE id IN (SELECT id FROM chat_messages ORDER BY id DESC LIMIT %(b)s)"
        ),
        st.just(0),
        st.integers(0, 5),
    ),
    st.tuples(
        st.just("UPDATE chat_messages SET content = 'changed' WHERE id %% 2 = %(a)s"), SESSIONS, st.just(0)
    ),
    st.tuples(
        st.just(
            "UPDATE chat_sessions SET is_active = NOT is_active WHERE session_id = (%(sessions)s::uuid[])[1]"
        ),
        st.just(0),
        st.just(0),
    ),
    st.tuples(st.just("SELECT update_session_message_count()"), st.just(0), st.just(0)),
    st.tuples(st.just("TRUNCATE chat_messages"), st.just(0), st.just(0)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=12))
def test_counters_hold_after_every_step(db: psycopg.Connection, steps: list[tuple[str, int, int]]) -> None:
    with db.transaction(force_rollback=True):
        user = new_user(db)
        sessions = [new_session(db, user) for _ in range(3)]
        for statement, a, b in steps:
            db.execute(statement, {"user": user, "sessions": sessions, "a": a, "b": b})
            assert drifted(db) == [], statement


@pytest.fixture(autouse=True)
def same_plan_each_time(db: psycopg.Connection) -> None:
    db.execute("SET jit = off")
