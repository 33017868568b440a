"""Each schema test runs on the embedded PostgreSQL 18 and on the compose deployment's 15."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from backend.embedded_postgres import EmbeddedPostgres
from tests.conftest import new_database


@pytest.fixture(params=["postgres18", "postgres15"])
def cluster(request: pytest.FixtureRequest) -> EmbeddedPostgres:
    found: EmbeddedPostgres = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def url(cluster: EmbeddedPostgres) -> Iterator[str]:
    with new_database(cluster, "migrated") as database:
        yield database


@pytest.fixture
def db(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def one(db: psycopg.Connection, statement: str, *parameters: object) -> tuple:
    row = db.execute(statement, parameters).fetchone()
    assert row is not None
    return row


def new_user(db: psycopg.Connection, name: str = "ada") -> UUID:
    statement = "INSERT INTO users (username, password_hash, display_name) VALUES (%s, '!', %s) RETURNING id"
    return one(db, statement, name, name)[0]


def new_session(db: psycopg.Connection, user: UUID) -> UUID:
    return one(db, "INSERT INTO chat_sessions (user_id) VALUES (%s) RETURNING session_id", user)[0]


def add_messages(db: psycopg.Connection, user: UUID, session: UUID, count: int = 1) -> None:
    """All in one statement."""
    db.execute(
        "INSERT INTO chat_messages (session_id, user_id, content)"
        " SELECT %s, %s, 'message ' || n FROM generate_series(1, %s) AS n",
        [session, user, count],
    )


def counters(db: psycopg.Connection, session: UUID) -> tuple:
    """(total_messages, last_message_at) as the session says."""
    return one(db, "SELECT total_messages, last_message_at FROM chat_sessions WHERE session_id = %s", session)


def real_counters(db: psycopg.Connection, session: UUID) -> tuple:
    """(total_messages, last_message_at) as the messages say."""
    return one(db, """SELECT count(*), max("timestamp") FROM chat_messages WHERE session_id = %s""", session)


def drifted(db: psycopg.Connection) -> list[tuple]:
    """Sessions whose counters are not what their messages say."""
    return db.execute(
        """SELECT s.session_id, s.total_messages, count(m.id), s.last_message_at, max(m."timestamp")
             FROM chat_sessions AS s LEFT JOIN chat_messages AS m USING (session_id) GROUP BY s.id
           HAVING (s.total_messages, s.last_message_at)
                  IS DISTINCT FROM (count(m.id)::int, max(m."timestamp"))"""
    ).fetchall()
