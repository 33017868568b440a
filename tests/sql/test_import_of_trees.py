"""Versions and branches that come from elsewhere are the same here, whatever the tree."""

import json
from uuid import UUID, uuid4

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.embedded_postgres import EmbeddedPostgres
from backend.services.transfer.conversation import Conversation, Message
from backend.services.transfer.rows import Rows
from tests.conftest import new_database
from tests.sql.conftest import drifted, new_user, one


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """Questions and answers that follow each other, with versions of both anywhere, and one that is open."""
    messages: dict[str, Message] = {}
    for number in range(draw(st.integers(1, 16))):
        parent = draw(st.sampled_from([None, *messages])) if messages else None
        answers_it = parent is not None and messages[parent].role == "user"
        role = "assistant" if answers_it else "user"
        messages[str(number)] = Message(str(number), parent, role, f"{role} {number}")
    return Conversation(
        "elsewhere", str(uuid4()), "Tree", "x", messages, current=draw(st.sampled_from([None, *messages]))
    )


def stored(db: psycopg.Connection, session: str) -> list[tuple[str, str | None, bool]]:
    """(message, what it follows, whether a reader sees it), in the order of writing."""
    return db.execute(
        "SELECT m.content, f.content, NOT m.off_path FROM chat_messages AS m"
        " LEFT JOIN chat_messages AS f ON f.message_id = chat_messages_follows(m)"
        " WHERE m.session_id = %s ORDER BY m.id",
        [session],
    ).fetchall()


def bring(db: psycopg.Connection, user: UUID, rows: Rows) -> None:
    caller = json.dumps({"x-hasura-role": "user", "x-hasura-user-id": str(user)})
    for batch in rows.batches():
        statement = "SELECT count(*) FROM import_chat_session(%s::jsonb, %s::json)"
        assert one(db, statement, json.dumps(batch), caller) == (1,)


def test_a_tree_is_stored_as_it_is(cluster: EmbeddedPostgres) -> None:
    with new_database(cluster, "migrated") as url, psycopg.connect(url, autocommit=True) as db:
        user = new_user(db)

        @settings(max_examples=60)
        @given(conversations())
        def holds(conversation: Conversation) -> None:
            rows = Rows(conversation, user)
            bring(db, user, rows)
            messages, found = conversation.messages, stored(db, rows.session["session_id"])
            assert {content: follows for content, follows, _ in found} == {
                each.content: messages[each.parent].content if each.parent else None
                for each in messages.values()
            }
            # Of one parent, the older first: what is written first is the older version.
            order = {content: number for number, (content, _, _) in enumerate(found)}
            for each in messages.values():
                siblings = [m.content for m in messages.values() if m.parent == each.parent]
                assert siblings == sorted(siblings, key=order.__getitem__)
            # What is open is a path to a leaf, through the message that was the current one.
            path = [content for content, _, shown in found if shown]
            follows = {content: parent for content, parent, _ in found}
            assert [follows[content] for content in path] == [None, *path[:-1]]
            if conversation.current:
                assert messages[conversation.current].content in path
            assert drifted(db) == []

        holds()
