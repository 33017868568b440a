"""Live queries: who is told what, when, and at what cost in statements."""

import contextlib
import time
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from backend.services.hasura_client import operations, session_operations
from backend.services.hasura_client.operations import Operation
from hasura.engine.live.statement import Statement
from tests.conftest import make_user
from tests.engine.conftest import RunningEngine, bearer, user_token

SESSIONS = "subscription { chat_sessions(order_by: {id: asc}) { title } }"


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of subscribers of every multiplexed statement that the engine really runs."""
    sizes: list[int] = []
    run = Statement.run

    async def counted(self: Statement, result_ids: Any, variables: Any) -> Any:
        sizes.append(len(result_ids))
        return await run(self, result_ids, variables)

    monkeypatch.setattr(Statement, "run", counted)
    return sizes


def add_session(database_url: str, user: Any, title: str) -> None:
    """As another client of the database would: not through the engine."""
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO chat_sessions (user_id, title) VALUES (%s, %s)", [user, title])


@pytest.mark.parametrize("subprotocol", ["graphql-transport-ws", "graphql-ws"])
async def test_a_change_by_any_client_of_the_database_is_pushed_without_polling(
    engine: RunningEngine, database_url: str, subprotocol: str
) -> None:
    ada = make_user(database_url, "ada")
    async with engine.socket(subprotocol) as socket:
        await (await socket.init(bearer(user_token(ada)))).subscribe(SESSIONS)
        assert await socket.news() == {"chat_sessions": []}
        latencies = []
        for number in range(5):
            add_session(database_url, ada, f"chat {number}")
            committed = time.perf_counter()
            news = await socket.news()
            latencies.append(time.perf_counter() - committed)
            assert news["chat_sessions"][-1] == {"title": f"chat {number}"}
        print(f"\nfrom commit to client ({subprotocol}): {[f'{each * 1000:.1f} ms' for each in latencies]}")  # noqa: T201


WATCHES = {
    operation.name: operation.text
    for module in (operations, session_operations)
    for operation in vars(module).values()
    if isinstance(operation, Operation) and operation.text.lstrip().startswith("subscription")
}


@pytest.mark.parametrize("name", WATCHES)
async def test_no_live_query_of_the_product_is_polled(
    engine: RunningEngine, database_url: str, name: str
) -> None:
    ada = make_user(database_url, "ada")
    variables = {"session_id": str(uuid4()), "sign_in_id": str(uuid4()), "limit": 20}
    live = engine.engine.live("default")
    async with engine.socket() as socket:
        await (await socket.init(bearer(user_token(ada)))).subscribe(
            WATCHES[name], {each: value for each, value in variables.items() if f"${each}:" in WATCHES[name]}
        )
        await socket.news()
        [running] = live._pollers.values()
        assert live._feed.announces(running.tables), running.tables


async def test_what_is_unread_is_pushed(engine: RunningEngine, database_url: str) -> None:
    ada = make_user(database_url, "ada")
    add_session(database_url, ada, "chat")
    async with engine.socket() as socket:
        await (await socket.init(bearer(user_token(ada)))).subscribe(
            "subscription { chat_sessions { unread_messages } }"
        )
        assert await socket.news() == {"chat_sessions": [{"unread_messages": 0}]}
        with psycopg.connect(database_url) as connection:
            connection.execute(
                "INSERT INTO chat_messages (session_id, user_id, role, content)"
                " SELECT session_id, user_id, 'assistant', 'words' FROM chat_sessions"
            )
        assert await socket.news() == {"chat_sessions": [{"unread_messages": 1}]}


async def test_two_users_share_one_statement_and_each_sees_own_rows_only(
    engine: RunningEngine, database_url: str, statements: list[int]
) -> None:
    ada, bob = make_user(database_url, "ada"), make_user(database_url, "bob")
    async with engine.socket() as hers, engine.socket() as his:
        for socket, user in ((hers, ada), (his, bob)):
            await (await socket.init(bearer(user_token(user)))).subscribe(SESSIONS)
            assert await socket.news() == {"chat_sessions": []}
        statements.clear()
        with psycopg.connect(database_url) as connection:
            connection.execute(
                "INSERT INTO chat_sessions (user_id, title) VALUES (%s, 'hers'), (%s, 'his')", [ada, bob]
            )
        assert await hers.news() == {"chat_sessions": [{"title": "hers"}]}
        assert await his.news() == {"chat_sessions": [{"title": "his"}]}
        assert statements == [2]


async def test_nobody_is_asked_for_whom_the_changed_rows_do_not_concern(
    engine: RunningEngine, database_url: str, statements: list[int]
) -> None:
    users = [make_user(database_url, f"user{number}") for number in range(5)]
    async with contextlib.AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(engine.socket()) for _ in users]
        for socket, user in zip(sockets, users, strict=True):
            await (await socket.init(bearer(user_token(user)))).subscribe(SESSIONS)
            await socket.news()
        statements.clear()
        add_session(database_url, users[2], "mine")
        assert await sockets[2].news() == {"chat_sessions": [{"title": "mine"}]}
        await sockets[1].silence()
        assert statements == [1]
        with psycopg.connect(database_url) as connection:
            connection.execute("ALTER TABLE chat_sessions DISABLE TRIGGER keep_identity")
            connection.execute("UPDATE chat_sessions SET user_id = %s", [users[4]])
        # The one who lost it, and the one who got it.
        assert await sockets[2].news() == {"chat_sessions": []}
        assert await sockets[4].news() == {"chat_sessions": [{"title": "mine"}]}
        assert statements == [1, 2]


async def test_equal_questions_of_one_user_are_asked_once(
    engine: RunningEngine, database_url: str, statements: list[int]
) -> None:
    ada = make_user(database_url, "ada")
    async with engine.socket() as tab, engine.socket() as phone:
        for socket in (tab, phone):
            await (await socket.init(bearer(user_token(ada)))).subscribe(SESSIONS)
            await socket.news()
        statements.clear()
        add_session(database_url, ada, "both see it")
        assert await tab.news() == await phone.news() == {"chat_sessions": [{"title": "both see it"}]}
        assert statements == [1]


async def test_a_malformed_value_fails_alone(engine: RunningEngine, database_url: str) -> None:
    ada = make_user(database_url, "ada")
    question = "subscription ($id: uuid!) { chat_sessions(where: {session_id: {_eq: $id}}) { title } }"
    session = uuid4()
    async with engine.socket() as good, engine.socket() as bad:
        await (await good.init()).subscribe(question, {"id": str(session)})
        assert await good.news() == {"chat_sessions": []}
        await (await bad.init()).subscribe(question, {"id": "no uuid"})
        refusal = await bad.receive()
        assert refusal["type"] == "error"
        assert "uuid" in refusal["payload"][0]["message"]
        with psycopg.connect(database_url) as connection:
            connection.execute(
                "INSERT INTO chat_sessions (user_id, session_id, title) VALUES (%s, %s, 'there')",
                [ada, session],
            )
        assert await good.news() == {"chat_sessions": [{"title": "there"}]}


async def test_a_bad_session_variable_fails_alone(engine: RunningEngine, database_url: str) -> None:
    ada = make_user(database_url, "ada")
    async with engine.socket() as good, engine.socket() as bad:
        await (await good.init(bearer(user_token(ada)))).subscribe(SESSIONS)
        await good.news()
        await (await bad.init(bearer(user_token("no uuid")))).subscribe(SESSIONS)
        assert (await bad.receive())["type"] == "error"
        add_session(database_url, ada, "undisturbed")
        assert await good.news() == {"chat_sessions": [{"title": "undisturbed"}]}


async def test_a_change_that_changes_nothing_for_a_subscriber_is_not_told(
    engine: RunningEngine, database_url: str, statements: list[int]
) -> None:
    ada = make_user(database_url, "ada")
    async with engine.socket() as socket:
        await (await socket.init(bearer(user_token(ada)))).subscribe(
            "subscription { chat_sessions(where: {is_active: {_eq: true}}) { title } }"
        )
        await socket.news()
        statements.clear()
        with psycopg.connect(database_url) as connection:
            connection.execute("INSERT INTO chat_sessions (user_id, is_active) VALUES (%s, false)", [ada])
        await socket.silence()
        assert statements == [1]
        with psycopg.connect(database_url) as connection:
            connection.execute("UPDATE chat_sessions SET title = 'x' WHERE false")
        await socket.silence()
        assert statements == [1]


async def test_a_rolled_back_change_wakes_nobody(
    engine: RunningEngine, database_url: str, statements: list[int]
) -> None:
    ada = make_user(database_url, "ada")
    async with engine.socket() as socket:
        await (await socket.init(bearer(user_token(ada)))).subscribe(SESSIONS)
        await socket.news()
        statements.clear()
        with psycopg.connect(database_url) as connection:
            connection.execute("INSERT INTO chat_sessions (user_id) VALUES (%s)", [ada])
            connection.rollback()
        await socket.silence()
        assert statements == []


async def test_delete_truncate_and_cascades_are_announced(engine: RunningEngine, database_url: str) -> None:
    ada, bob = make_user(database_url, "ada"), make_user(database_url, "bob")
    count = "subscription { chat_sessions_aggregate { aggregate { count } } }"
    add_session(database_url, ada, "one")
    add_session(database_url, bob, "two")
    async with engine.socket() as socket:
        await (await socket.init()).subscribe(count)
        seen = [(await socket.news())["chat_sessions_aggregate"]["aggregate"]["count"]]
        for change in (f"DELETE FROM users WHERE id = '{ada}'", "TRUNCATE chat_sessions CASCADE"):
            with psycopg.connect(database_url) as connection:
                connection.execute(change)
            seen.append((await socket.news())["chat_sessions_aggregate"]["aggregate"]["count"])
        assert seen == [2, 1, 0]


async def test_nothing_is_told_after_complete(
    engine: RunningEngine, database_url: str, statements: list[int]
) -> None:
    ada = make_user(database_url, "ada")
    async with engine.socket() as socket:
        await (await socket.init(bearer(user_token(ada)))).subscribe(SESSIONS)
        await socket.news()
        await socket.send(id="1", type="complete")
        await socket.silence(0.1)
        statements.clear()
        add_session(database_url, ada, "unheard")
        await socket.silence()
        assert statements == []


async def test_a_batch_of_changes_leads_to_few_refreshes(
    engine: RunningEngine, database_url: str, statements: list[int]
) -> None:
    ada = make_user(database_url, "ada")
    async with engine.socket() as socket:
        await (await socket.init(bearer(user_token(ada)))).subscribe(SESSIONS)
        await socket.news()
        statements.clear()
        with psycopg.connect(database_url, autocommit=True) as connection:
            for number in range(200):
                connection.execute(
                    "INSERT INTO chat_sessions (user_id, title) VALUES (%s, %s)", [ada, str(number)]
                )
        while (await socket.news())["chat_sessions"][-1]["title"] != "199":
            pass
        assert len(statements) < 100


async def test_a_stream_delivers_in_batches_and_then_follows(
    engine: RunningEngine, database_url: str
) -> None:
    ada = make_user(database_url, "ada")
    for number in range(5):
        add_session(database_url, ada, f"chat {number}")
    stream = (
        """subscription { chat_sessions_stream(batch_size: 2, cursor: {initial_value: {id: 0}}) { title } }"""
    )
    async with engine.socket() as socket:
        await (await socket.init(bearer(user_token(ada)))).subscribe(stream)
        batches = [[row["title"] for row in (await socket.news())["chat_sessions_stream"]] for _ in range(3)]
        assert batches == [["chat 0", "chat 1"], ["chat 2", "chat 3"], ["chat 4"]]
        await socket.silence()
        add_session(database_url, ada, "the next")
        assert await socket.news() == {"chat_sessions_stream": [{"title": "the next"}]}
        await socket.silence()
