"""Which rows matter to whom: what tables announce, what plans ask for, and that nobody misses anything by it."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from hasura.engine.live.triggers import CHANNEL, Triggers, fingerprint
from hasura.engine.plan.keys import row_keys
from tests.conftest import make_user
from tests.engine import small
from tests.engine.conftest import RunningEngine, Socket, bearer, until, user_token


@contextlib.asynccontextmanager
async def announcements(database_url: str, *tables: str) -> AsyncIterator[Callable[[], Awaitable[list[Any]]]]:
    """A function that answers what has been announced since it was called last."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await Triggers().install(connection, frozenset(("public", table) for table in tables))
        await connection.execute(f"LISTEN {CHANNEL}".encode())

        async def heard() -> list[Any]:
            return [json.loads(each.payload) async for each in connection.notifies(timeout=0.2)]

        yield heard


async def test_changes_are_announced_with_the_keys_before_and_after(database_url: str) -> None:
    ada, bob = make_user(database_url, "ada"), make_user(database_url, "bob")
    async with announcements(database_url, "chat_sessions") as heard:
        with psycopg.connect(database_url, autocommit=True) as connection:
            row = connection.execute(
                "INSERT INTO chat_sessions (user_id) VALUES (%s) RETURNING id, session_id", [ada]
            ).fetchone()
            assert row
            ((schema, table, keys),) = await heard()
            assert (schema, table) == ("public", "chat_sessions")
            assert keys["user_id"] == [fingerprint(str(ada).upper(), "uuid")]
            assert keys["session_id"] == [fingerprint(str(row[1]), "uuid")]
            assert keys["id"] == [fingerprint(f" {row[0]}", "bigint")]
            connection.execute("ALTER TABLE chat_sessions DISABLE TRIGGER keep_identity")
            connection.execute("UPDATE chat_sessions SET user_id = %s", [bob])
            ((_, _, keys),) = await heard()
            assert set(keys["user_id"]) == {fingerprint(str(ada), "uuid"), fingerprint(str(bob), "uuid")}
            connection.execute("UPDATE chat_sessions SET user_id = %s WHERE false", [ada])
            assert await heard() == []
            connection.execute("DELETE FROM chat_sessions")
            ((_, _, keys),) = await heard()
            assert keys["user_id"] == [fingerprint(str(bob), "uuid")]
            connection.execute("TRUNCATE chat_sessions CASCADE")
            assert await heard() == [["public", "chat_sessions"]]


async def test_many_changes_are_announced_without_keys_and_once(database_url: str) -> None:
    ada = make_user(database_url, "ada")
    async with announcements(database_url, "chat_sessions") as heard:
        with psycopg.connect(database_url, autocommit=True) as connection:
            many = "INSERT INTO chat_sessions (user_id) SELECT %s FROM generate_series(1, %s)"
            connection.execute(many, [ada, 64])
            assert len((await heard())[0]) == 3
            connection.execute(many, [ada, 65])
            assert await heard() == [["public", "chat_sessions"]]
            with connection.transaction():
                for _ in range(200):
                    connection.execute(many, [ada, 1])
            told = await heard()
            assert (len(told), told[-1]) == (101, ["public", "chat_sessions"])
            # What is counted is counted in each transaction anew.
            connection.execute(many, [ada, 1])
            assert len((await heard())[0]) == 3


async def test_wide_keys_do_not_make_writes_fail(database_url: str) -> None:
    columns = [f"a_column_with_a_name_that_is_quite_long_{number}" for number in range(12)]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            f"CREATE TABLE wide ({', '.join(f'{name} int UNIQUE' for name in columns)})".encode()
        )
        async with announcements(database_url, "wide") as heard:
            values = ", ".join(["i"] * len(columns))
            connection.execute(f"INSERT INTO wide SELECT {values} FROM generate_series(1, 64) AS i".encode())
            assert await heard() == [["public", "wide"]]
            connection.execute(f"INSERT INTO wide ({columns[3]}) VALUES (NULL)".encode())
            ((_, _, keys),) = await heard()
            assert keys == {column: [] for column in columns}


async def test_a_renamed_key_is_announced_under_its_new_name(database_url: str) -> None:
    sessions = frozenset({("public", "chat_sessions")})
    async with announcements(database_url, "chat_sessions") as heard:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE t (a int UNIQUE, b int UNIQUE)")
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
            both = sessions | {("public", "t")}
            before = await Triggers().install(connection, both)
            await connection.execute(
                "ALTER TABLE t RENAME a TO c; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME c TO b"
            )
            after = await Triggers().install(connection, both)
            assert before["public", "t"] != after["public", "t"]
            assert before["public", "chat_sessions"] == after["public", "chat_sessions"]
            await connection.execute("INSERT INTO t (a, b) VALUES (1, 2)")
            ((_, _, keys),) = await heard()
            assert keys == {"a": [fingerprint("1", "integer")], "b": [fingerprint("2", "integer")]}
            assert await Triggers().install(connection, both) == after


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # What the client asks for is narrower than what its role may see.
        ("{ pet(where: {id: {_eq: 1}}) { name } }", {"pet": "id"}),
        ("{ pet { name } }", {"pet": "owner_id"}),
        ("{ owner { pets { name } } }", {"owner": "id", "pet": "owner_id"}),
        ("{ pet_aggregate(where: {order: {_eq: 2}}) { aggregate { count } } }", {"pet": "order"}),
        # Whatever else is asked for, every row has the role's key.
        ("{ pet(where: {_or: [{id: {_eq: 1}}, {id: {_eq: 2}}]}) { name } }", {"pet": "owner_id"}),
        ("{ pet(where: {_not: {id: {_eq: 1}}}) { name } }", {"pet": "owner_id"}),
        ("{ pet(where: {id: {_gt: 1}, name: {_eq: \"x\"}}) { name } }", {"pet": "owner_id"}),
        # A table that is read twice has the key that both places ask for.
        ("{ owner { a: pets(where: {id: {_eq: 1}}) { name } b: pets { name } } }", {"owner": "id", "pet": "owner_id"}),
        ("{ owner(where: {pets: {name: {_eq: \"x\"}}}) { name } }", {"owner": "id", "pet": "owner_id"}),
        ("{ owner(where: {pets: {id: {_eq: 1}}}) { name } }", {"owner": "id", "pet": "id"}),
    ],
)  # fmt: skip
def test_the_key_of_a_table_holds_wherever_the_plan_reads_it(query: str, expected: dict[str, str]) -> None:
    plan = small.live(f"subscription {query}")
    assert {key.table[1]: key.column for key in row_keys(plan)} == expected
    assert {table for _, table in plan.tables} == set(expected)


def test_an_admin_sees_every_row_and_has_no_key() -> None:
    assert row_keys(small.live("subscription { pet { name } }", as_role="admin")) == ()


@pytest.mark.parametrize(
    ("text", "type_"), [("no uuid", "uuid"), ("", "integer"), ("0x1F", "bigint"), ("1.5", "integer")]
)
def test_what_only_postgresql_can_read_has_no_fingerprint(text: str, type_: str) -> None:
    assert fingerprint(text, type_) is None


QUESTIONS = [
    "{ chat_sessions(order_by: {id: asc}) { id title } }",
    "{ chat_messages(order_by: {id: desc}, limit: 3) { id content } }",
    "($one: uuid!) { chat_messages(where: {session_id: {_eq: $one}}, order_by: {id: asc}) { id content } }",
    "($one: uuid!) { chat_messages_aggregate(where: {session_id: {_eq: $one}}) { aggregate { count max { id } } } }",
    "{ chat_sessions(order_by: {id: asc}) { id messages(order_by: {id: asc}, limit: 2) { content } } }",
    "($one: uuid!) { chat_sessions(where: {session_id: {_eq: $one}}) { messages_aggregate { aggregate { count } } } }",
    "{ chat_messages(order_by: {id: asc}) { id session { title } } }",
    '{ chat_sessions(where: {messages: {content: {_like: "%1%"}}}, order_by: {id: asc}) { id } }',
]


class Watching:
    """A subscription, and what its client knows."""

    def __init__(self, socket: Socket, variables: dict[str, Any], question: str, user: Any) -> None:
        self.socket, self.variables, self.question, self.user = socket, variables, question, user
        self.knows: Any = None

    async def listen(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):  # nothing that concerns it has changed for long
                self.knows = await self.socket.news()

    async def truth(self, engine: RunningEngine) -> Any:
        answer = await engine.graphql(f"query {self.question}", self.variables, bearer(user_token(self.user)))
        return answer["data"]


def random_change(
    chance: random.Random, connection: psycopg.Connection, users: list[Any], sessions: list[Any]
) -> None:
    user, other = chance.sample(users, 2)
    session = chance.choice(sessions)
    some = f"id %% {chance.randint(2, 5)} = 0"
    statement, values = chance.choice(
        [
            ("INSERT INTO chat_sessions (user_id, title) VALUES (%s, 'new')", [user]),
            ("INSERT INTO chat_messages (session_id, user_id, content) SELECT session_id, user_id, %s"
             " FROM chat_sessions WHERE session_id = %s", [f"text {chance.random()}", session]),
            ("INSERT INTO chat_messages (session_id, user_id, content) SELECT session_id, user_id, %s"
             f" FROM chat_sessions WHERE {some}", [f"text {chance.random()}"]),
            (f"UPDATE chat_messages SET content = content || %s WHERE {some}", ["1"]),
            ("UPDATE chat_messages SET user_id = %s WHERE session_id = %s", [other, session]),
            ("UPDATE chat_sessions SET user_id = %s, title = 'moved' WHERE session_id = %s", [other, session]),
            (f"UPDATE chat_sessions SET title = title || %s WHERE {some}", ["."]),
            (f"DELETE FROM chat_messages WHERE {some} AND user_id = %s", [user]),
            ("TRUNCATE chat_messages", []),
        ]
    )  # fmt: skip
    connection.execute(statement.encode(), values)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_changes_every_subscriber_comes_to_know_the_state_of_now(
    engine: RunningEngine, database_url: str, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    users = [make_user(database_url, f"user{number}") for number in range(3)]
    sessions = [uuid4() for _ in range(4)]
    async with contextlib.AsyncExitStack() as stack:
        connection = stack.enter_context(psycopg.connect(database_url, autocommit=True))
        # Rows of this schema do not move from user to user; elsewhere they may.
        connection.execute("ALTER TABLE chat_messages DROP CONSTRAINT chat_messages_session_fkey")
        for table, columns in (("chat_sessions", ["branch"]), ("chat_messages", ["branch", "place"])):
            for column in columns:
                connection.execute(f"ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL".encode())
        rules = connection.execute(
            "SELECT format('ALTER TABLE %s DISABLE TRIGGER %I', tgrelid::regclass, tgname) FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgname NOT LIKE 'hdb%'"
        )
        for (rule,) in rules.fetchall():
            connection.execute(rule)
        for session in sessions:
            connection.execute(
                "INSERT INTO chat_sessions (session_id, user_id) VALUES (%s, %s)",
                [session, chance.choice(users)],
            )
        watching = []
        for user in users:
            for question in QUESTIONS:
                socket = await stack.enter_async_context(engine.socket())
                variables = {"one": str(chance.choice(sessions))} if "$one" in question else {}
                await (await socket.init(bearer(user_token(user)))).subscribe(
                    f"subscription {question}", variables
                )
                watching.append(Watching(socket, variables, question, user))
        for each in watching:
            each.knows = await each.socket.news()
            task = asyncio.create_task(each.listen())
            stack.callback(task.cancel)
        for _ in range(15):
            for _ in range(chance.randint(1, 3)):
                with connection.transaction():
                    for _ in range(chance.randint(1, 3)):
                        random_change(chance, connection, users, sessions)
            for each in watching:
                truth = await each.truth(engine)
                await until(lambda each=each, truth=truth: each.knows == truth)  # type: ignore[misc]
