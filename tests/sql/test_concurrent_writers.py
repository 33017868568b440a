"""Several connections write at once: no count is lost, and none of them fails."""

import asyncio
import contextlib
import random
from uuid import UUID, uuid4

import psycopg

from tests.sql.conftest import add_messages, counters, drifted, new_session, new_user, one

WRITERS = 8
OPERATIONS = 1_000

INSERT = "INSERT INTO chat_messages (session_id, user_id, content) VALUES (%(session)s, %(user)s, 'one')"
BULK_INSERT = (
    "INSERT INTO chat_messages (session_id, user_id, content)"
    " SELECT s, %(user)s, 'many' FROM unnest(%(sessions)s::uuid[]) AS s, generate_series(1, 5)"
)
# The newest few, as a person deletes them in a list.
BULK_DELETE = (
    "DELETE FROM chat_messages WHERE id IN"
    " (SELECT id FROM chat_messages WHERE session_id = %(session)s ORDER BY id DESC LIMIT 5)"
)
CLEAR = "DELETE FROM chat_messages WHERE session_id = %(session)s"
RECOUNT = "SELECT update_session_message_count(%(session)s)"
RENAME = "UPDATE chat_sessions SET title = %(title)s WHERE session_id = %(session)s"


async def test_a_thousand_mixed_writes_keep_every_count(url: str, db: psycopg.Connection) -> None:
    user = new_user(db)
    sessions = [new_session(db, user) for _ in range(4)]
    kinds = [INSERT] * 10 + [BULK_INSERT] * 3 + [BULK_DELETE] * 4 + [CLEAR] * 2 + [RECOUNT, RENAME]
    dice = random.Random(20)  # noqa: S311

    def parameters() -> dict[str, object]:
        return {
            "user": user,
            "session": dice.choice(sessions),
            "sessions": dice.sample(sessions, 3),
            "title": f"title {dice.random()}",
        }

    work = [(dice.choice(kinds), parameters()) for _ in range(OPERATIONS)]

    async def writer(share: list[tuple[str, dict[str, object]]]) -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            for statement, values in share:
                await connection.execute(statement, values)

    await asyncio.gather(*(writer(work[n::WRITERS]) for n in range(WRITERS)))
    assert drifted(db) == []
    assert sum(counters(db, session)[0] for session in sessions) > 0


async def test_clears_of_one_session_at_once_with_senders_end_at_the_real_count(
    url: str, db: psycopg.Connection
) -> None:
    user = new_user(db)
    session = new_session(db, user)
    add_messages(db, user, session, 2_000)

    async def run(statement: str, times: int) -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            for _ in range(times):
                await connection.execute(statement, {"session": session, "user": user})

    await asyncio.gather(*(run(CLEAR, 10) for _ in range(4)), *(run(INSERT, 50) for _ in range(4)))
    assert drifted(db) == []


async def test_one_message_sent_fifty_times_at_once_is_one_row(url: str, db: psycopg.Connection) -> None:
    user = new_user(db)
    session = new_session(db, user)
    message: UUID = uuid4()

    async def send() -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute(
                "INSERT INTO chat_messages (message_id, session_id, user_id, content)"
                " VALUES (%s, %s, %s, 'hi') ON CONFLICT (message_id) DO NOTHING",
                [message, session, user],
            )

    await asyncio.gather(*(send() for _ in range(50)))
    assert counters(db, session)[0] == 1
    assert one(db, "SELECT count(*) FROM chat_messages")[0] == 1


async def test_deletes_that_reach_the_same_messages_in_another_order_do_not_deadlock(
    url: str, db: psycopg.Connection
) -> None:
    user = new_user(db)
    session = new_session(db, user)
    newest_first = (
        "DELETE FROM chat_messages WHERE id IN"
        " (SELECT id FROM chat_messages WHERE session_id = %(session)s ORDER BY id DESC LIMIT 2000)"
    )

    async def run(statement: str) -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute(statement, {"session": session})

    for _ in range(10):
        add_messages(db, user, session, 3_000)
        await asyncio.gather(run(CLEAR), run(newest_first), run(CLEAR))
        assert counters(db, session) == (0, None)


async def test_deleting_a_session_while_it_is_written_and_cleared_does_not_deadlock(
    url: str, db: psycopg.Connection
) -> None:
    user = new_user(db)

    async def run(statement: str, sessions: list[UUID]) -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            for session in sessions:
                # A session that is gone takes no message: that refusal is right.
                with contextlib.suppress(psycopg.errors.ForeignKeyViolation):
                    await connection.execute(
                        statement, {"session": session, "sessions": sessions, "user": user}
                    )

    for _ in range(5):
        sessions = [new_session(db, user) for _ in range(4)]
        delete = "DELETE FROM chat_sessions WHERE session_id = %(session)s"
        writers = [
            run(statement, sessions) for statement in (INSERT, BULK_INSERT, BULK_INSERT, CLEAR, delete)
        ]
        await asyncio.gather(*writers)
    assert drifted(db) == []


async def test_one_session_created_fifty_times_at_once_is_one_row(url: str, db: psycopg.Connection) -> None:
    user = new_user(db)

    async def create(session: UUID) -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute(
                "INSERT INTO chat_sessions (session_id, user_id) VALUES (%s, %s)"
                " ON CONFLICT ON CONSTRAINT chat_sessions_session_id_key DO NOTHING",
                [session, user],
            )

    for _ in range(5):
        session = uuid4()
        await asyncio.gather(*(create(session) for _ in range(50)))
        assert one(db, "SELECT count(*) FROM chat_sessions WHERE session_id = %s", session) == (1,)


async def test_a_message_never_lands_in_a_session_that_became_somebody_else_s(
    url: str, db: psycopg.Connection
) -> None:
    """The session is deleted, and made again by another, just after the message's owner was found to be right."""
    ada, bob = new_user(db, "ada"), new_user(db, "bob")
    session = new_session(db, ada)
    db.execute(
        "CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END $$;"
        "CREATE TRIGGER put_was_done BEFORE INSERT ON chat_messages"
        " FOR EACH ROW EXECUTE FUNCTION pause()"
    )

    async def run(*statements: str) -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            for statement in statements:
                await connection.execute(statement, {"session": session, "user": ada, "other": bob})

    writing = asyncio.create_task(run(INSERT))
    await asyncio.sleep(0.2)
    again = "INSERT INTO chat_sessions (session_id, user_id) VALUES (%(session)s, %(other)s)"
    await run("DELETE FROM chat_sessions WHERE session_id = %(session)s", again)
    await writing
    assert one(db, "SELECT user_id, total_messages FROM chat_sessions") == (bob, 0)
    assert one(db, "SELECT count(*) FROM chat_messages") == (0,)
