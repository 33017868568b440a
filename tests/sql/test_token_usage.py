"""What answers take is counted once, where they end, whoever ends them."""

from uuid import UUID

import psycopg
import pytest

from tests.sql.conftest import add_messages, new_session, new_user, one
from tests.sql.test_turns import begin


@pytest.fixture
def user(db: psycopg.Connection) -> UUID:
    return new_user(db)


@pytest.fixture
def session(db: psycopg.Connection, user: UUID) -> UUID:
    return new_session(db, user)


def usage(db: psycopg.Connection) -> list[tuple[object, ...]]:
    return db.execute("SELECT user_id, answers, prompt_tokens, completion_tokens FROM token_usage").fetchall()


def end(db: psycopg.Connection, answer: UUID, metadata: str, status: str = "complete") -> None:
    db.execute(
        "UPDATE chat_messages SET status = %s, content = '12345678', metadata = %s WHERE message_id = %s",
        [status, metadata, answer],
    )


@pytest.mark.parametrize(
    ("metadata", "prompt", "completion"),
    [
        ('{"prompt_tokens": 100, "completion_tokens": 20}', 100, 20),
        ('{"prompt_tokens": null}', 0, 2),  # its writer died: four characters a token
        ('{"prompt_tokens": "many", "completion_tokens": [1]}', 0, 2),
        ('{"prompt_tokens": -5, "completion_tokens": -1e300}', 0, 0),
        ('{"prompt_tokens": 1e300, "completion_tokens": 1.5}', 100_000_000, 2),
    ],
)
@pytest.mark.parametrize("status", ["complete", "stopped", "failed"])
def test_an_answer_counts_when_it_ends(
    db: psycopg.Connection,
    user: UUID,
    session: UUID,
    metadata: str,
    prompt: int,
    completion: int,
    status: str,
) -> None:
    answer = begin(db, user, session)
    db.execute("UPDATE chat_messages SET content = 'half'")
    assert usage(db) == []
    end(db, answer, metadata, status)
    assert usage(db) == [(user, 1, prompt, completion)]
    db.execute("UPDATE chat_messages SET metadata = '{}'")
    assert usage(db) == [(user, 1, prompt, completion)]


def test_each_run_of_an_answer_counts_and_no_message_does(
    db: psycopg.Connection, user: UUID, session: UUID
) -> None:
    add_messages(db, user, session)
    answer = begin(db, user, session)
    for _ in range(3):
        end(db, answer, '{"prompt_tokens": 10, "completion_tokens": 1}', "stopped")
        db.execute("UPDATE chat_messages SET status = 'streaming' WHERE message_id = %s", [answer])
    assert usage(db) == [(user, 3, 30, 3)]


def test_clearing_gives_nothing_back_and_the_end_of_the_account_leaves_nothing(
    db: psycopg.Connection, user: UUID, session: UUID
) -> None:
    end(db, begin(db, user, session), '{"prompt_tokens": 10, "completion_tokens": 1}')
    db.execute("DELETE FROM chat_sessions")
    assert usage(db) == [(user, 1, 10, 1)]
    db.execute("DELETE FROM users WHERE id = %s", [user])
    assert usage(db) == []


def test_a_day_is_one_of_utc(db: psycopg.Connection, user: UUID, session: UUID) -> None:
    db.execute("SET TimeZone = 'Pacific/Kiritimati'")  # where it is tomorrow already, for most of the day
    end(db, begin(db, user, session), "{}")
    assert one(db, "SELECT day = (now() AT TIME ZONE 'UTC')::date FROM token_usage") == (True,)
