"""The database itself refuses bad data, whoever writes."""

from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.types.json import Jsonb

from tests.sql.conftest import add_messages, new_session, new_user, one


@pytest.fixture
def user(db: psycopg.Connection) -> UUID:
    return new_user(db)


@pytest.fixture
def session(db: psycopg.Connection, user: UUID) -> UUID:
    return new_session(db, user)


def insert(db: psycopg.Connection, table: str, **row: object) -> None:
    names = [sql.Identifier(name) for name in row]
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table), sql.SQL(", ").join(names), sql.SQL(", ").join(map(sql.Literal, row.values()))
    )
    db.execute(statement)


def refused_by(error: pytest.ExceptionInfo[psycopg.Error]) -> str | None:
    return error.value.diag.constraint_name


@pytest.mark.parametrize(
    ("column", "value", "constraint"),
    [
        ("username", "", "users_username_form"),
        ("username", "ab", "users_username_form"),
        ("username", "a" * 33, "users_username_form"),
        ("username", "-ada", "users_username_form"),
        ("username", "ada lovelace", "users_username_form"),
        ("username", "ada\n", "users_username_form"),
        ("username", "ädä", "users_username_form"),
        ("display_name", "", "users_display_name_length"),
        ("display_name", "   ", "users_display_name_length"),
        ("display_name", "a" * 101, "users_display_name_length"),
        ("role", "root", "users_role_known"),
        ("role", "", "users_role_known"),
    ],
)
def test_a_bad_user_is_refused(db: psycopg.Connection, column: str, value: str, constraint: str) -> None:
    row = {"username": "grace", "password_hash": "!", "display_name": "Grace", column: value}
    with pytest.raises(errors.CheckViolation) as error:
        insert(db, "users", **row)
    assert refused_by(error) == constraint


def test_two_spellings_of_one_username_are_one_user(db: psycopg.Connection, user: UUID) -> None:
    with pytest.raises(errors.UniqueViolation) as error:
        new_user(db, "ADA")
    assert refused_by(error) == "users_username_key"


def test_a_refresh_token_is_stored_as_a_sha256_only(db: psycopg.Connection, user: UUID) -> None:
    with pytest.raises(errors.CheckViolation) as error:
        db.execute(
            "INSERT INTO refresh_tokens (token_hash, family_id, user_id, expires_at)"
            " VALUES (%s, %s, %s, now())",
            [b"a token in clear", uuid4(), user],
        )
    assert refused_by(error) == "refresh_tokens_sha256"


@pytest.mark.parametrize(
    ("column", "value", "constraint"),
    [
        ("title", "", "chat_sessions_title_length"),
        ("title", "  ", "chat_sessions_title_length"),
        ("title", "a" * 201, "chat_sessions_title_length"),
        ("category", "", "chat_sessions_category_length"),
        ("category", "a" * 51, "chat_sessions_category_length"),
        ("total_messages", -1, "chat_sessions_total_messages_natural"),
    ],
)
def test_a_bad_session_is_refused(
    db: psycopg.Connection, user: UUID, column: str, value: object, constraint: str
) -> None:
    with pytest.raises(errors.CheckViolation) as error:
        insert(db, "chat_sessions", user_id=user, **{column: value})
    assert refused_by(error) == constraint


def test_the_longest_title_and_category_are_accepted_in_characters_not_bytes(
    db: psycopg.Connection, user: UUID
) -> None:
    insert(db, "chat_sessions", user_id=user, title="é" * 200, category="é" * 50)


def test_a_session_belongs_to_a_user_that_exists(db: psycopg.Connection) -> None:
    with pytest.raises(errors.ForeignKeyViolation):
        insert(db, "chat_sessions", user_id=uuid4())


def test_a_session_id_is_taken_once(db: psycopg.Connection, user: UUID, session: UUID) -> None:
    with pytest.raises(errors.UniqueViolation) as error:
        insert(db, "chat_sessions", user_id=user, session_id=session)
    assert refused_by(error) == "chat_sessions_session_id_key"


@pytest.mark.parametrize(
    ("row", "constraint"),
    [
        ({"content": "x" * 100_001}, "chat_messages_content_length"),
        ({"content": ""}, "chat_messages_content_not_blank"),
        ({"content": " \t\r\n"}, "chat_messages_content_not_blank"),
        ({"content": "", "role": "assistant"}, "chat_messages_content_not_blank"),
        ({"content": "", "role": "user", "status": "streaming"}, "chat_messages_content_not_blank"),
        ({"content": "hi", "role": "robot"}, "chat_messages_role_known"),
        ({"content": "hi", "status": "lost"}, "chat_messages_status_known"),
        ({"content": "hi", "metadata": Jsonb([1])}, "chat_messages_metadata_object"),
        ({"content": "hi", "metadata": Jsonb("text")}, "chat_messages_metadata_object"),
        ({"content": "hi", "metadata": Jsonb({"big": "x" * 65_536})}, "chat_messages_metadata_object"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_a_bad_message_is_refused(
    db: psycopg.Connection, user: UUID, session: UUID, row: dict[str, object], constraint: str
) -> None:
    with pytest.raises(errors.CheckViolation) as error:
        insert(db, "chat_messages", session_id=session, user_id=user, **row)
    assert refused_by(error) == constraint


@pytest.mark.parametrize("column", ["content", "session_id", "user_id", "role", "status", "metadata"])
def test_a_message_has_every_column_but_reply_to(
    db: psycopg.Connection, user: UUID, session: UUID, column: str
) -> None:
    row = {"session_id": session, "user_id": user, "content": "hi", column: None}
    with pytest.raises(errors.NotNullViolation):
        insert(db, "chat_messages", **row)


def test_the_longest_message_is_accepted(db: psycopg.Connection, user: UUID, session: UUID) -> None:
    insert(db, "chat_messages", session_id=session, user_id=user, content="é" * 100_000)


@pytest.mark.parametrize("status", ["pending", "streaming", "stopped", "failed"])
def test_an_answer_may_be_empty_until_it_is_complete(
    db: psycopg.Connection, user: UUID, session: UUID, status: str
) -> None:
    insert(db, "chat_messages", session_id=session, user_id=user, role="assistant", content="", status=status)


def test_a_message_of_another_user_than_its_sessions_is_impossible(
    db: psycopg.Connection, session: UUID
) -> None:
    mallory = new_user(db, "mallory")
    with pytest.raises(errors.ForeignKeyViolation) as error:
        insert(db, "chat_messages", session_id=session, user_id=mallory, content="hi")
    assert refused_by(error) == "chat_messages_session_fkey"


@pytest.mark.parametrize(
    "change", ["user_id = (SELECT id FROM users WHERE username = 'bob')", "session_id = gen_random_uuid()"]
)
def test_a_session_keeps_its_id_and_its_user(
    db: psycopg.Connection, user: UUID, session: UUID, change: str
) -> None:
    new_user(db, "bob")
    with pytest.raises(errors.CheckViolation, match="a session keeps its id and its user"):
        db.execute(f"UPDATE chat_sessions SET {change} WHERE session_id = %s", [session])


def test_a_message_id_is_taken_once(db: psycopg.Connection, user: UUID, session: UUID) -> None:
    message = uuid4()
    insert(db, "chat_messages", session_id=session, user_id=user, content="hi", message_id=message)
    with pytest.raises(errors.UniqueViolation) as error:
        insert(db, "chat_messages", session_id=session, user_id=user, content="hi again", message_id=message)
    assert refused_by(error) == "chat_messages_message_id_key"


@pytest.mark.parametrize(
    "change",
    [
        "id = id + 1000",
        "message_id = gen_random_uuid()",
        "session_id = (SELECT session_id FROM chat_sessions ORDER BY id DESC LIMIT 1)",
        "user_id = gen_random_uuid()",
        "role = 'assistant'",
        """ "timestamp" = "timestamp" - interval '1 day' """,
    ],
)
def test_what_a_message_is_never_changes(
    db: psycopg.Connection, user: UUID, session: UUID, change: str
) -> None:
    add_messages(db, user, session)
    new_session(db, user)
    with pytest.raises((errors.CheckViolation, errors.GeneratedAlways)):
        db.execute(f"UPDATE chat_messages SET {change}")


def test_the_text_status_and_metadata_of_a_message_may_change(
    db: psycopg.Connection, user: UUID, session: UUID
) -> None:
    add_messages(db, user, session)
    db.execute(
        """UPDATE chat_messages SET content = 'better', status = 'stopped', metadata = '{"edited": true}'"""
    )
    assert one(db, "SELECT content, status FROM chat_messages") == ("better", "stopped")


def test_deleting_a_question_takes_its_answer_along(
    db: psycopg.Connection, user: UUID, session: UUID
) -> None:
    question = uuid4()
    insert(db, "chat_messages", session_id=session, user_id=user, content="why?", message_id=question)
    answer = {"role": "assistant", "content": "because", "reply_to": question}
    insert(db, "chat_messages", session_id=session, user_id=user, **answer)
    db.execute("DELETE FROM chat_messages WHERE message_id = %s", [question])
    assert one(db, "SELECT count(*) FROM chat_messages") == (0,)


@pytest.mark.parametrize("whose", ["nobody's", "another session's", "another user's"])
def test_an_answer_names_a_question_of_its_own_session_only(
    db: psycopg.Connection, user: UUID, session: UUID, whose: str
) -> None:
    question = uuid4()
    if whose != "nobody's":
        owner = user if whose == "another session's" else new_user(db, "bob")
        elsewhere = new_session(db, owner)
        insert(db, "chat_messages", session_id=elsewhere, user_id=owner, content="why?", message_id=question)
    answer = {"role": "assistant", "content": "because", "reply_to": question}
    with pytest.raises(errors.ForeignKeyViolation) as refusal:
        insert(db, "chat_messages", session_id=session, user_id=user, **answer)
    assert refused_by(refusal) == "chat_messages_reply_to_fkey"
