"""Refreshes under stress: changes meanwhile, tables that stay silent, a database that goes away."""

import contextlib
import json
from typing import Any

import psycopg
import pytest

from hasura.engine.live.statement import Statement
from hasura.engine.live.triggers import Triggers
from tests.conftest import make_user
from tests.engine.conftest import ADMIN, Cable, RunningEngine, bearer, running_engine, until, user_token

SESSIONS = frozenset({("public", "chat_sessions")})
TITLES = "subscription { chat_sessions(order_by: {id: asc}) { title } }"


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """`start` and `end` of every multiplexed statement."""
    events: list[str] = []
    run = Statement.run

    async def recorded(self: Statement, result_ids: Any, variables: Any) -> Any:
        events.append("start")
        try:
            return await run(self, result_ids, variables)
        finally:
            events.append("end")

    monkeypatch.setattr(Statement, "run", recorded)
    return events


def add_session(database_url: str, user: Any, title: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO chat_sessions (user_id, title) VALUES (%s, %s)", [user, title])


async def test_any_number_of_changes_during_a_refresh_leads_to_exactly_one_more(
    engine: RunningEngine, database_url: str, statements: list[str]
) -> None:
    make_user(database_url, "ada")
    announce = "SELECT pg_notify('hdb_live_queries', %s)"
    table = json.dumps(["public", "chat_sessions"])
    async with engine.socket() as socket:
        await (await socket.init()).subscribe(TITLES)
        await socket.news()
        statements.clear()
        with psycopg.connect(database_url) as holder, psycopg.connect(database_url, autocommit=True) as other:
            holder.execute("LOCK TABLE chat_sessions IN ACCESS EXCLUSIVE MODE")
            other.execute(announce, [table])
            await until(lambda: statements == ["start"])
            for _ in range(20):
                other.execute(announce, [table])
            await socket.silence(0.1)
            assert statements == ["start"]
            holder.rollback()
        await until(lambda: len(statements) >= 4)
        await socket.silence()
        assert statements == ["start", "end"] * 2


async def test_a_table_whose_trigger_is_disabled_is_polled(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hasura.engine.live.changes.LOOK_AGAIN", 0.2)
    ada = make_user(database_url, "ada")
    async with (
        running_engine(database_url, live_queries_multiplexed_refetch_interval=100) as engine,
        engine.socket() as socket,
    ):
        await (await socket.init(bearer(user_token(ada)))).subscribe(TITLES)
        await socket.news()
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("ALTER TABLE chat_sessions DISABLE TRIGGER hdb_live_queries_insert")
            await until(lambda: not engine.engine.live("default")._feed.announces(SESSIONS))
            add_session(database_url, ada, "polled")
            assert await socket.news() == {"chat_sessions": [{"title": "polled"}]}


async def test_a_trigger_that_is_gone_comes_back_and_what_was_missed_meanwhile_is_told(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hasura.engine.live.changes.LOOK_AGAIN", 0.2)
    ada = make_user(database_url, "ada")
    async with (
        running_engine(database_url, live_queries_multiplexed_refetch_interval=60_000) as engine,
        engine.socket() as socket,
    ):
        await (await socket.init(bearer(user_token(ada)))).subscribe(TITLES)
        await socket.news()
        with psycopg.connect(database_url) as connection:
            connection.execute("DROP TRIGGER hdb_live_queries_insert ON chat_sessions")
            connection.execute("INSERT INTO chat_sessions (user_id, title) VALUES (%s, 'missed')", [ada])
        assert await socket.news() == {"chat_sessions": [{"title": "missed"}]}
        await until(lambda: engine.engine.live("default")._feed.announces(SESSIONS))


async def test_triggers_follow_what_is_tracked_and_a_second_engine_changes_nothing(database_url: str) -> None:
    names = "SELECT tgrelid::regclass::text, oid FROM pg_trigger WHERE tgname = 'hdb_live_queries_update' ORDER BY 1"
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        both = frozenset({("public", "users"), ("public", "chat_sessions")})
        installed = await Triggers().install(connection, both)
        assert installed.keys() == both
        first = await (await connection.execute(names)).fetchall()
        assert await Triggers().install(connection, both) == installed
        assert await (await connection.execute(names)).fetchall() == first
        users = frozenset({("public", "users")})
        assert (await Triggers().install(connection, users)).keys() == users
        assert [name for name, _ in await (await connection.execute(names)).fetchall()] == ["users"]


async def test_tables_that_cannot_announce_every_change_are_left_to_polling(database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(
            "CREATE TABLE parted (id int) PARTITION BY LIST (id);"
            "CREATE TABLE part PARTITION OF parted FOR VALUES IN (1);"
            "CREATE TABLE plain (id int); CREATE VIEW seen AS SELECT * FROM plain"
        )
        tracked = frozenset({("public", name) for name in ("parted", "part", "plain", "seen", "absent")})
        assert (await Triggers().install(connection, tracked)).keys() == {("public", "plain")}


async def test_a_locked_table_delays_nobody(database_url: str) -> None:
    users = frozenset({("public", "users")})
    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE users IN ROW EXCLUSIVE MODE")
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
            assert await Triggers().install(connection, users) == {}
            holder.rollback()
            assert (await Triggers().install(connection, users)).keys() == users


async def test_subscribers_outlive_an_outage_of_the_database(
    database_url: str, cable: tuple[Cable, str]
) -> None:
    wire, url = cable
    await wire.plug_in()
    ada = make_user(database_url, "ada")
    async with (
        running_engine(url, live_queries_multiplexed_refetch_interval=60_000) as engine,
        engine.socket() as socket,
    ):
        await (await socket.init(bearer(user_token(ada)))).subscribe(TITLES)
        await socket.news()
        await wire.unplug()
        add_session(database_url, ada, "while away")
        refused = await engine.client.post(
            "/v1/graphql", json={"query": "{ users { id } }"}, headers=ADMIN, timeout=30
        )
        assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
        assert refused.json()["errors"][0]["extensions"]["code"] == "postgres-error"
        await wire.plug_in()
        assert await socket.news() == {"chat_sessions": [{"title": "while away"}]}
        await until(lambda: engine.engine.live("default")._feed.announces(frozenset({("public", "users")})))
        add_session(database_url, ada, "back")
        assert [row["title"] for row in (await socket.news())["chat_sessions"]] == ["while away", "back"]


async def test_terminated_connections_are_replaced(engine: RunningEngine, database_url: str) -> None:
    ada = make_user(database_url, "ada")
    async with engine.socket() as socket:
        await (await socket.init(bearer(user_token(ada)))).subscribe(TITLES)
        await socket.news()
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name ~ 'hasura-engine' AND datname = current_database()"
            )
        add_session(database_url, ada, "meanwhile")
        assert await socket.news() == {"chat_sessions": [{"title": "meanwhile"}]}


async def test_rows_that_fail_for_one_subscriber_fail_for_nobody_else_and_a_view_is_polled(
    database_url: str,
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE numbers (id int PRIMARY KEY, n int)")
        connection.execute("INSERT INTO numbers SELECT i, i FROM generate_series(1, 5) AS i")
        connection.execute("CREATE VIEW inverses AS SELECT id, 60 / n AS inverse FROM numbers")
        async with (
            running_engine(
                database_url, metadata_dir=None, live_queries_multiplexed_refetch_interval=50
            ) as engine,
            contextlib.AsyncExitStack() as stack,
        ):
            metadata = (await engine.metadata(type="export_metadata", args={})).json()
            metadata["sources"][0]["tables"] = [{"table": {"schema": "public", "name": "inverses"}}]
            await engine.metadata(type="replace_metadata", version=2, args={"metadata": metadata})
            question = "subscription ($id: Int!) { inverses(where: {id: {_eq: $id}}) { inverse } }"
            sockets = []
            for number in range(1, 6):
                socket = await stack.enter_async_context(engine.socket())
                await (await socket.init()).subscribe(question, {"id": number})
                assert await socket.news() == {"inverses": [{"inverse": 60 // number}]}
                sockets.append(socket)
            connection.execute("UPDATE numbers SET n = CASE id WHEN 3 THEN 0 ELSE 10 END")
            for number, socket in enumerate(sockets, 1):
                if number != 3:
                    assert await socket.news() == {"inverses": [{"inverse": 6}]}
            broken = await sockets[2].receive()
            assert broken["type"] == "next"
            assert broken["payload"]["data"] is None
            assert broken["payload"]["errors"][0]["extensions"]["code"] == "data-exception"
            await sockets[2].silence()
            connection.execute("UPDATE numbers SET n = 3 WHERE id = 3")
            assert await sockets[2].news() == {"inverses": [{"inverse": 20}]}
