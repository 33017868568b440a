"""Chats that come from elsewhere: in parts, once, with their own times, and never over what is there."""

import json
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from tests.sql.conftest import counters, drifted, new_session, new_user, one, real_counters

CREATED, UPDATED = "2020-01-01T00:00:00Z", "2020-02-02T00:00:00Z"


@pytest.fixture
def user(db: psycopg.Connection) -> UUID:
    return new_user(db)


def bring(db: psycopg.Connection, user: UUID, payload: dict[str, Any]) -> int:
    """How many sessions the function answers."""
    session = json.dumps({"x-hasura-role": "user", "x-hasura-user-id": str(user)})
    statement = "SELECT count(*) FROM import_chat_session(%s::jsonb, %s::json)"
    return one(db, statement, json.dumps(payload), session)[0]


def part(session: UUID, *messages: dict[str, Any], position: int = 0, last: bool = True) -> dict[str, Any]:
    about = {
        "session_id": str(session), "title": "Old", "category": "x", "from": "elsewhere",
        "created_at": CREATED, "updated_at": UPDATED,
    }  # fmt: skip
    return {"session": about, "position": position, "messages": list(messages), "last": last}


def said(content: str, **more: Any) -> dict[str, Any]:
    return {
        "message_id": str(uuid4()), "role": "user", "content": content, "timestamp": "2020-01-01T00:00:01Z", **more,
    }  # fmt: skip


def contents(db: psycopg.Connection, session: UUID) -> list[str]:
    rows = db.execute("SELECT content FROM chat_messages WHERE session_id = %s ORDER BY id", [session])
    return [content for (content,) in rows]


def test_an_import_keeps_its_own_times_and_counts_as_read(db: psycopg.Connection, user: UUID) -> None:
    session, question = uuid4(), said("Q")
    answer = said("A", role="assistant", reply_to=question["message_id"], metadata={"model": "m"})
    assert bring(db, user, part(session, question, answer)) == 1
    assert one(
        db,
        "SELECT created_at = %s, updated_at = %s, chat_sessions_unread_messages(s), import_position, auto_title"
        " FROM chat_sessions AS s WHERE session_id = %s",
        CREATED, UPDATED, session,
    ) == (True, True, 0, None, False)  # fmt: skip
    assert counters(db, session) == real_counters(db, session)
    assert drifted(db) == []
    metadata = {"model": "m", "imported": {"from": "elsewhere"}}
    assert one(db, "SELECT metadata FROM chat_messages WHERE content = 'A'") == (metadata,)


def test_what_is_over_is_never_touched_again(db: psycopg.Connection, user: UUID) -> None:
    session, payload = uuid4(), part(uuid4(), said("Q"))
    payload["session"]["session_id"] = str(session)
    assert [bring(db, user, payload) for _ in range(3)] == [1, 0, 0]
    db.execute("DELETE FROM chat_messages")
    assert bring(db, user, payload) == 0
    assert bring(db, user, part(session, said("more"), position=1)) == 0
    assert contents(db, session) == []


def test_an_import_that_broke_off_goes_on_where_it_was(db: psycopg.Connection, user: UUID) -> None:
    session = uuid4()
    first, second, third = (said(text) for text in "abc")
    parts = [
        part(session, first, last=False),
        part(session, second, position=1, last=False),
        part(session, third, position=2),
    ]
    assert [bring(db, user, each) for each in parts[:2]] == [1, 1]
    assert [bring(db, user, each) for each in parts] == [1, 1, 1], "from the beginning, as a file is read"
    assert contents(db, session) == ["a", "b", "c"]
    assert bring(db, user, parts[0]) == 0


def test_a_session_that_was_made_here_is_no_import(db: psycopg.Connection, user: UUID) -> None:
    session = new_session(db, user)
    assert bring(db, user, part(session, said("Q"))) == 0
    exported = part(uuid4(), said("Q"))
    exported["session"]["origin_id"] = str(session)
    assert bring(db, user, exported) == 0, "its export comes back to where it is"
    assert bring(db, new_user(db, "bob"), exported) == 1, "and is a new one for somebody else"


def test_no_time_is_later_than_now(db: psycopg.Connection, user: UUID) -> None:
    payload = part(uuid4(), said("Q", timestamp="9999-01-01T00:00:00Z", chosen_at="infinity"))
    payload["session"] |= {"created_at": "9999-01-01T00:00:00Z", "updated_at": "infinity"}
    assert bring(db, user, payload) == 1
    assert one(db, "SELECT created_at <= now(), updated_at <= now(), last_message_at <= now() FROM chat_sessions") == (
        True, True, True,
    )  # fmt: skip
    early = part(uuid4(), said("Q", timestamp="-infinity"))
    assert bring(db, user, early) == 1
    assert one(db, """SELECT min("timestamp") = 'epoch' FROM chat_messages""") == (True,)


REFUSED = [
    {"role": "system"},
    {"role": "tool"},
    {"status": "streaming"},
    {"status": "pending"},
    {"content": "x" * 100_001},
    {"content": " "},
    {"metadata": [1]},
    {"role": "assistant", "reply_to": str(uuid4())},
]


@pytest.mark.parametrize("wrong", REFUSED, ids=lambda wrong: next(iter(wrong.values()))[:10])
def test_what_no_chat_may_hold_is_refused_whole(
    db: psycopg.Connection, user: UUID, wrong: dict[str, Any]
) -> None:
    with pytest.raises(errors.IntegrityError):
        bring(db, user, part(uuid4(), said("Q"), said("Q") | wrong))
    assert one(db, "SELECT count(*) FROM chat_sessions") == (0,)
