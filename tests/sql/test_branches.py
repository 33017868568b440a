"""Versions side by side, each with what came after it: in turn, at once, deleted, and from before branches."""

import asyncio
import contextlib
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from backend.embedded_postgres import EmbeddedPostgres
from backend.migrations import DIRECTORY, migrate
from tests.conftest import new_database
from tests.sql.conftest import drifted, new_session, new_user, one
from tests.sql.conversation import broken, page, revision, versions

ASK = (
    "INSERT INTO chat_messages (session_id, user_id, content, message_id, edit_of)"
    " VALUES (%(session)s, %(user)s, %(text)s, %(id)s, %(of)s) ON CONFLICT (message_id) DO NOTHING RETURNING message_id"
)
ANSWER = (
    "INSERT INTO chat_messages (session_id, user_id, role, content, status, reply_to)"
    " VALUES (%(session)s, %(user)s, 'assistant', '', 'streaming', %(of)s) RETURNING message_id"
)


class Chat:
    """One session, as a user and the backend write it."""

    def __init__(self, db: psycopg.Connection) -> None:
        self.db = db
        self.user = new_user(db)
        self.session = new_session(db, self.user)

    def ask(self, text: str, *, edit_of: UUID | None = None, message_id: UUID | None = None) -> UUID:
        message_id = message_id or uuid4()
        row = self.db.execute(ASK, self._values(text=text, id=message_id, of=edit_of)).fetchone()
        return row[0] if row else message_id

    def answer(self, question: UUID, text: str) -> UUID:
        (answer,) = self.db.execute(ANSWER, self._values(of=question)).fetchone() or (None,)
        assert answer is not None
        self.db.execute(
            "UPDATE chat_messages SET content = %s, status = 'complete' WHERE message_id = %s", [text, answer]
        )
        return answer

    def choose(self, message: UUID) -> None:
        self.db.execute("SELECT choose_chat_message_version(%s)", [message])

    def delete(self, *messages: UUID) -> None:
        self.db.execute("DELETE FROM chat_messages WHERE message_id = ANY (%s)", [list(messages)])

    @property
    def read(self) -> str:
        words = "SELECT string_agg(content, ' ' ORDER BY place) FROM chat_messages"
        return one(self.db, f"{words} WHERE session_id = %s AND NOT off_path", self.session)[0] or ""

    def _values(self, **values: object) -> dict[str, object]:
        return {"session": self.session, "user": self.user} | values


@pytest.fixture
def chat(db: psycopg.Connection) -> Chat:
    return Chat(db)


def test_what_came_after_a_version_is_kept_and_comes_back_with_it(chat: Chat) -> None:
    first = chat.ask("q1")
    answer = chat.answer(first, "a1")
    chat.answer(chat.ask("q2"), "a2")
    edited = chat.ask("q1'", edit_of=first)
    assert chat.read == "q1'"
    chat.answer(edited, "a1'")
    chat.ask("q3")
    assert chat.read == "q1' a1' q3"
    chat.choose(first)
    assert chat.read == "q1 a1 q2 a2"
    again = chat.answer(first, 'a1"')
    assert chat.read == 'q1 a1"'
    chat.choose(edited)
    chat.choose(first)
    assert chat.read == 'q1 a1"', "as it was when it was left"
    chat.choose(answer)
    assert chat.read == "q1 a1 q2 a2"
    ids = dict(chat.db.execute("SELECT message_id, versions FROM chat_messages WHERE versions IS NOT NULL"))
    assert ids[answer] == ids[again] == [str(answer), str(again)]
    assert ids[edited] == [str(first), str(edited)]


def test_an_edit_that_is_sent_again_changes_nothing_whatever_is_open_by_then(chat: Chat) -> None:
    first = chat.ask("q1")
    edited = chat.ask("q1'", edit_of=first)
    chat.choose(first)
    before = revision(chat.db, chat.session)
    assert chat.ask("q1'", edit_of=first, message_id=edited) == edited
    assert (chat.read, revision(chat.db, chat.session)) == ("q1", before)


def test_an_answer_that_begins_late_is_read_below_its_question(chat: Chat) -> None:
    first, second = chat.ask("q1"), chat.ask("q2")
    chat.answer(second, "a2")
    chat.answer(first, "a1")
    assert chat.read == "q1 a1 q2 a2"


def test_the_neighbour_of_a_deleted_version_takes_its_place(chat: Chat) -> None:
    question = chat.ask("q1")
    answers = [chat.answer(question, f"a{n}") for n in (1, 2, 3)]
    chat.choose(answers[1])
    chat.ask("q2")
    chat.delete(answers[1])
    assert chat.read == "q1 a1 q2"
    chat.delete(answers[0])
    assert chat.read == "q1 a3 q2"
    assert set(versions(chat.db, chat.session).values()) == {None}
    chat.delete(question)
    assert chat.read == "q2"
    edited = chat.ask("q2'", edit_of=one(chat.db, "SELECT message_id FROM chat_messages")[0])
    chat.delete(edited)
    assert chat.read == "q2"
    assert one(
        chat.db, "SELECT count(*) FROM chat_messages WHERE edit_of IS NOT NULL OR versions IS NOT NULL"
    ) == (0,)


def test_a_clear_leaves_no_branch(chat: Chat) -> None:
    first = chat.ask("q1")
    chat.ask("q1'", edit_of=first)
    chat.db.execute("DELETE FROM chat_messages")
    assert one(chat.db, "SELECT count(*) FILTER (WHERE parent IS NOT NULL) FROM chat_branches") == (0,)
    chat.ask("again")
    assert chat.read == "again"
    chat.db.execute("TRUNCATE chat_messages")
    chat.ask("and again")
    assert (chat.read, one(chat.db, "SELECT count(*) FROM chat_branches")) == ("and again", (0,))
    chat.db.execute("DELETE FROM chat_sessions")


def test_no_answer_answers_an_answer(chat: Chat) -> None:
    answer = chat.answer(chat.ask("q1"), "a1")
    with pytest.raises(errors.ForeignKeyViolation):
        chat.answer(answer, "a2")


@pytest.mark.parametrize("whose", ["nobody's", "another session's", "another user's", "an answer"])
def test_an_edit_names_a_question_of_its_own_session_only(chat: Chat, whose: str) -> None:
    named = chat.answer(chat.ask("q1"), "a1") if whose == "an answer" else uuid4()
    if whose.startswith("another"):
        owner = chat.user if whose == "another session's" else new_user(chat.db, "bob")
        elsewhere = new_session(chat.db, owner)
        chat.db.execute(ASK, {"session": elsewhere, "user": owner, "text": "q", "id": named, "of": None})
    with pytest.raises(errors.ForeignKeyViolation):
        chat.ask("q1'", edit_of=named)
    with pytest.raises(errors.CheckViolation):
        chat.db.execute(
            "INSERT INTO chat_messages (session_id, user_id, role, content, edit_of)"
            " VALUES (%s, %s, 'assistant', 'x', %s)",
            [chat.session, chat.user, chat.ask("q2")],
        )


def test_ratings_are_of_answers_and_change_the_page(chat: Chat) -> None:
    question = chat.ask("q1")
    answer = chat.answer(question, "a1")
    for rating in ("up", "down", None):
        before = revision(chat.db, chat.session)
        assert one(chat.db, "SELECT rating FROM rate_chat_message(%s, %s)", answer, rating) == (rating,)
        assert revision(chat.db, chat.session) == before + 1
    chat.db.execute("SELECT rate_chat_message(%s)", [answer])
    assert revision(chat.db, chat.session) == before + 1, "what is not changed is no change"
    assert chat.db.execute("SELECT rate_chat_message(%s, 'up')", [question]).fetchall() == []
    with pytest.raises(errors.CheckViolation):
        chat.db.execute("SELECT rate_chat_message(%s, 'fine')", [answer])


def test_a_message_may_have_the_id_of_its_session(chat: Chat) -> None:
    first = chat.ask("q1", message_id=chat.session)
    chat.ask("q1'", edit_of=first)
    chat.choose(first)
    assert chat.read == "q1"
    assert broken(chat.db, chat.session) == []


async def test_whatever_several_writers_do_at_once_the_tree_is_whole(url: str, chat: Chat) -> None:
    dice = random.Random(8)  # noqa: S311
    db, session, user = chat.db, chat.session, chat.user
    for n in range(4):
        chat.answer(chat.ask(f"q{n}"), f"a{n}")

    any_of = "(SELECT message_id FROM chat_messages WHERE role = %(role)s OFFSET %(n)s LIMIT 1)"
    kinds = [
        "INSERT INTO chat_messages (session_id, user_id, content) VALUES (%(session)s, %(user)s, 'q')",
        "INSERT INTO chat_messages (session_id, user_id, content, edit_of)"
        f" SELECT %(session)s, %(user)s, 'e', m FROM {any_of} AS m (m)",
        "INSERT INTO chat_messages (session_id, user_id, role, content, status, reply_to)"
        f" SELECT %(session)s, %(user)s, 'assistant', '', 'streaming', m FROM {any_of} AS m (m)",
        "UPDATE chat_messages SET status = 'complete', content = 'a' WHERE id ="
        " (SELECT id FROM chat_messages WHERE status = 'streaming' LIMIT 1)",
        f"SELECT choose_chat_message_version({any_of})",
        f"DELETE FROM chat_messages WHERE message_id = {any_of}",
    ]

    async def writer(work: list[tuple[str, dict[str, object]]]) -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            for statement, values in work:
                # The question is deleted before its answer or its edit is stored: that refusal is right.
                with contextlib.suppress(errors.ForeignKeyViolation):
                    await connection.execute(statement, values)

    def some(count: int) -> list[tuple[str, dict[str, object]]]:
        return [
            (
                dice.choice([*kinds[:5] * 3, kinds[5]]),
                {"session": session, "user": user, "n": dice.randrange(12), "role": role},
            )
            for role in (dice.choice(["user", "user", "assistant"]) for _ in range(count))
        ]

    for _ in range(4):
        await asyncio.gather(*(writer(some(30)) for _ in range(6)))
        assert broken(db, session) == []
        assert drifted(db) == []
    assert page(db, session)


@pytest.fixture
def old(cluster: EmbeddedPostgres, tmp_path: Path) -> Iterator[str]:
    """A database from before branches."""
    for path in DIRECTORY.glob("*.sql"):
        if path.stem < "0008":
            shutil.copy(path, tmp_path)
    with new_database(cluster) as database:
        migrate(database, tmp_path)
        yield database


def test_old_versions_become_branches_and_what_was_shown_is(old: str) -> None:
    with psycopg.connect(old, autocommit=True) as db:
        user = new_user(db)
        session = new_session(db, user)
        insert = (
            "INSERT INTO chat_messages (session_id, user_id, role, content, reply_to)"
            " VALUES (%s, %s, %s, %s, (SELECT message_id FROM chat_messages WHERE content = %s)) RETURNING message_id"
        )
        for role, content, question in [
            ("user", "q1", None),
            ("user", "q2", None),
            ("assistant", "a2", "q2"),
            ("assistant", "a1", "q1"),
            ("assistant", "a1'", "q1"),
            ("assistant", "a1''", "q1"),
            ("assistant", "orphan", None),
        ]:
            (message,) = one(db, insert, session, user, role, content, question)
            if content == "a1'":
                chosen = message
        db.execute("SELECT choose_chat_message_version(%s)", [chosen])
        migrate(old)
        read = "SELECT string_agg(content, ' ' ORDER BY place) FROM chat_messages WHERE NOT off_path"
        assert one(db, read) == ("q1 a1' q2 a2 orphan",)
        assert broken(db, session) == []
        db.execute("SELECT choose_chat_message_version(message_id) FROM chat_messages WHERE content = 'a1'")
        assert one(db, read) == ("q1 a1",)
        db.execute("SELECT choose_chat_message_version(%s)", [chosen])
        assert one(db, read) == ("q1 a1' q2 a2 orphan",)
