"""Whatever is asked, answered, edited, chosen and deleted in whatever order: the rows are what a plain tree says."""

from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.sql.conftest import drifted, new_session, new_user, one
from tests.sql.conversation import Tree, page, revision, versions

ANY = st.integers(0, 999)
INSERT = (
    "INSERT INTO chat_messages (session_id, user_id, role, content, edit_of, reply_to)"
    " VALUES (%s, %s, %s, 'words', (SELECT message_id FROM chat_messages WHERE id = %s),"
    " (SELECT message_id FROM chat_messages WHERE id = %s)) RETURNING id"
)


class Conversation(RuleBasedStateMachine):
    def __init__(self, db: psycopg.Connection, user: UUID) -> None:
        super().__init__()
        self.db, self.user = db, user
        self.session = new_session(db, user)
        self.tree = Tree()

    def any(self, number: int, *, answer: bool | None = None) -> int | None:
        rows = sorted(row for row, node in self.tree.nodes.items() if answer in (None, node.answer))
        return rows[number % len(rows)] if rows else None

    def insert(self, role: str, *, edit_of: int | None = None, reply_to: int | None = None) -> int:
        return one(self.db, INSERT, self.session, self.user, role, edit_of, reply_to)[0]

    def changing(self, rows: bool) -> None:
        """What is shown of what was there changes with the revision, and with nothing else."""
        now = revision(self.db, self.session)
        assert (now > self.revision) is rows
        self.revision = now

    revision = 0

    @rule(answered=st.booleans())
    def ask(self, answered: bool) -> None:
        question = self.insert("user")
        self.tree.append(question)
        if answered:
            self.tree.answer(self.insert("assistant", reply_to=question), question)
        self.changing(False)

    @precondition(lambda self: self.tree.nodes)
    @rule(number=ANY)
    def answer(self, number: int) -> None:
        question = self.any(number, answer=False)
        assert question is not None
        again = any(child.answer for child in self.tree.nodes[question].children)
        self.tree.answer(self.insert("assistant", reply_to=question), question)
        self.changing(again)

    @precondition(lambda self: self.tree.nodes)
    @rule(number=ANY, answered=st.booleans())
    def edit(self, number: int, answered: bool) -> None:
        question = self.any(number, answer=False)
        assert question is not None
        edited = self.insert("user", edit_of=question)
        self.tree.edit(edited, question)
        if answered:
            self.tree.answer(self.insert("assistant", reply_to=edited), edited)
        self.changing(True)

    @precondition(lambda self: self.tree.nodes)
    @rule(number=ANY)
    def choose(self, number: int) -> None:
        row = self.any(number)
        assert row is not None
        shown = self.tree.nodes[row] in self.tree.path
        self.tree.choose(row)
        chosen = (
            "SELECT id FROM choose_chat_message_version((SELECT message_id FROM chat_messages WHERE id = %s))"
        )
        assert one(self.db, chosen, row) == (row,)
        self.changing(not shown)

    @precondition(lambda self: self.tree.nodes)
    @rule(number=ANY)
    def delete(self, number: int) -> None:
        row = self.any(number)
        assert row is not None
        self.tree.delete(row)
        self.db.execute("DELETE FROM chat_messages WHERE id = %s", [row])
        self.changing(True)

    @precondition(lambda self: self.tree.nodes)
    @rule(number=ANY)
    def answer_slowly(self, number: int) -> None:
        question = self.any(number, answer=False)
        assert question is not None
        row = self.insert("assistant", reply_to=question)
        self.tree.answer(row, question)
        self.watch()
        self.db.execute("UPDATE chat_messages SET status = 'streaming' WHERE id = %s", [row])
        self.watch()
        self.db.execute("UPDATE chat_messages SET status = 'complete' WHERE id = %s", [row])
        self.revision = revision(self.db, self.session)

    @precondition(lambda self: self.tree.nodes)
    @rule(number=ANY)
    def read(self, number: int) -> None:
        self.db.execute(
            "INSERT INTO chat_read_marks (session_id, device_id, user_id, last_read_id) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (session_id, device_id) DO UPDATE SET last_read_id = excluded.last_read_id",
            [self.session, self.session, self.user, self.any(number)],
        )

    unread: object = None
    row: object = None

    @invariant()
    def watch(self) -> None:
        """A live query that hears of changed rows of sessions hears of every change of what is unread."""
        seen = (
            "SELECT chat_sessions_unread_messages(s), (s.xmin, s.ctid)::text FROM chat_sessions AS s"
            " WHERE session_id = %s"
        )
        before = (self.unread, self.row)
        self.unread, self.row = one(self.db, seen, self.session)
        assert self.unread == before[0] or self.row != before[1]

    @invariant()
    def the_page_is_the_path(self) -> None:
        assert page(self.db, self.session) == [node.id for node in self.tree.path]

    @invariant()
    def versions_are_known_on_each_of_them(self) -> None:
        expected = {
            row: ids if len(ids := [version.id for version in node.versions()]) > 1 else None
            for row, node in self.tree.nodes.items()
        }
        assert versions(self.db, self.session) == expected

    @invariant()
    def nothing_dangles(self) -> None:
        assert drifted(self.db) == []
        dangling = (
            "SELECT count(*) FROM chat_messages AS m WHERE session_id = %s AND edit_of IS NOT NULL"
            " AND NOT EXISTS (SELECT FROM chat_messages AS e WHERE e.message_id = m.edit_of)"
        )
        assert one(self.db, dangling, self.session) == (0,)
        empty = (
            "SELECT count(*) FROM chat_branches AS b WHERE session_id = %s AND parent IS NOT NULL"
            " AND NOT EXISTS (SELECT FROM chat_messages AS m WHERE m.branch = b.branch)"
        )
        assert one(self.db, empty, self.session) == (0,)


@pytest.fixture
def machine(db: psycopg.Connection) -> Callable[[], Conversation]:
    db.execute("SET jit = off")
    db.execute("SET statement_timeout = '10s'")
    user = new_user(db)
    return lambda: Conversation(db, user)


def test_a_conversation_is_what_a_plain_tree_says(machine: Callable[[], Conversation]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=100,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
