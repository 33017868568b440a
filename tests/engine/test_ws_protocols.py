"""Both WebSocket protocols, message by message."""

import asyncio
import json
from typing import Any

import psycopg
import pytest
import websockets

from tests.conftest import make_user
from tests.engine.conftest import ADMIN, RunningEngine, Socket, bearer, running_engine, until, user_token

COUNT = "query { users_aggregate { aggregate { count } } }"
BOTH = pytest.mark.parametrize("subprotocol", ["graphql-transport-ws", "graphql-ws"])


@BOTH
async def test_queries_and_mutations_answer_once_and_complete(
    engine: RunningEngine, subprotocol: str
) -> None:
    async with engine.socket(subprotocol) as socket:
        await (await socket.init()).subscribe(COUNT, operation="q")
        data = {"data": {"users_aggregate": {"aggregate": {"count": 0}}}}
        assert await socket.receive() == {"type": socket.data, "id": "q", "payload": data}
        assert await socket.receive() == {"type": "complete", "id": "q"}
        await socket.subscribe(
            'mutation { delete_users(where: {username: {_eq: "x"}}) { affected_rows } }', operation="q"
        )
        assert await socket.news() == {"delete_users": {"affected_rows": 0}}
        assert await socket.receive() == {"type": "complete", "id": "q"}


@BOTH
async def test_a_refused_operation_is_an_error_and_the_connection_goes_on(
    engine: RunningEngine, subprotocol: str
) -> None:
    async with engine.socket(subprotocol) as socket:
        await (await socket.init()).subscribe("{ nothing }")
        refusal = await socket.receive()
        errors = refusal["payload"] if socket.modern else refusal["payload"]["errors"]
        assert (refusal["type"], refusal["id"]) == ("error", "1")
        assert errors == [
            {
                "message": "field 'nothing' not found in type: 'query_root'",
                "extensions": {"path": "$.selectionSet.nothing", "code": "validation-failed"},
            }
        ]
        assert await socket.receive() == {"type": "complete", "id": "1"}
        await socket.subscribe(COUNT)
        assert (await socket.news())["users_aggregate"]


async def test_what_postgresql_refuses_is_data_to_apollo_and_an_error_to_the_newer_protocol(
    engine: RunningEngine,
) -> None:
    blank = (
        'mutation { insert_users_one(object: {username: "?", password_hash: "!", display_name: "x"}) { id } }'
    )
    answers = []
    for subprotocol in ("graphql-transport-ws", "graphql-ws"):
        async with engine.socket(subprotocol) as socket:
            await (await socket.init()).subscribe(blank)
            answers.append(await socket.receive())
    modern, old = answers
    assert modern["type"] == "error"
    assert modern["payload"][0]["extensions"]["code"] in ("constraint-violation", "permission-error")
    assert old["type"] == "data"
    assert old["payload"] == {"data": None, "errors": modern["payload"]}


NEW, OLD = "graphql-transport-ws", "graphql-ws"


def closes(code: int, said: str) -> tuple[int, str]:
    return code, json.dumps({"server_error_msg": f"{code}: {said}"}, separators=(",", ":"))


OFFENCES: list[Any] = [
    pytest.param(["no json"], closes(4400, "Parsing client message failed: "), id="no JSON"),
    pytest.param([{"type": "what"}], closes(4400, "Parsing client message failed: "), id="unknown type"),
    pytest.param([{"id": "1"}], closes(4400, "Parsing client message failed: "), id="no type"),
    pytest.param(["init", {"type": "complete"}], closes(4400, "Parsing client message failed: "), id="no id"),
    pytest.param(
        [{"type": "subscribe", "id": "1", "payload": {"query": COUNT}}],
        closes(4401, "Unauthorized"),
        id="subscribe before the session is open",
    ),
    pytest.param(
        [{"type": "connection_init", "payload": {"headers": {"x-hasura-admin-secret": "wrong"}}}],
        closes(4403, "Forbidden"),
        id="wrong secret",
    ),
    pytest.param([{"type": "connection_init"}], closes(4403, "Forbidden"), id="no credentials"),
    pytest.param(
        [{"type": "connection_init", "payload": {"headers": {"x-hasura-user-id": 1}}}],
        closes(4400, "Parsing client message failed: "),
        id="a header that is no text",
    ),
    pytest.param(["init", "init"], closes(4429, "Too many initialisation requests"), id="initialised twice"),
    pytest.param(
        [
            "init",
            {"type": "subscribe", "id": "1", "payload": {"query": "subscription { users { id } }"}},
            {"type": "subscribe", "id": "1", "payload": {"query": COUNT}},
        ],
        closes(4409, "Subscriber for 1 already exists"),
        id="id in use",
    ),
]


@pytest.mark.parametrize(("messages", "expected"), OFFENCES)
async def test_the_newer_protocol_closes_on_an_offence(
    engine: RunningEngine, messages: list[Any], expected: tuple[int, str]
) -> None:
    async with engine.socket(NEW) as socket:
        for message in messages:
            if message == "init":
                await socket.send(type="connection_init", payload={"headers": ADMIN})
            else:
                await socket.connection.send(message if isinstance(message, str) else json.dumps(message))
        code, reason = await socket.closed()
        assert code == expected[0]
        assert (reason or "").startswith(expected[1].removesuffix('"}'))


async def test_apollo_is_told_of_unreadable_messages_and_stays_connected(engine: RunningEngine) -> None:
    async with engine.socket(OLD) as socket:
        await socket.init()
        for offence in ("no json", '{"type": "test"}', '{"type": "stop"}'):
            await socket.connection.send(offence)
            assert (await socket.receive())["type"] == "connection_error"
        await socket.subscribe(COUNT)
        assert await socket.news()


async def test_apollo_with_a_wrong_secret_hears_why_and_is_closed(engine: RunningEngine) -> None:
    async with engine.socket(OLD) as socket:
        await socket.send(type="connection_init", payload={"headers": {"x-hasura-admin-secret": "wrong"}})
        reason = 'invalid "x-hasura-admin-secret"/"x-hasura-access-key"'
        assert await socket.receive() == {"type": "connection_error", "payload": reason}
        assert (await socket.closed())[0] == 4400


async def test_apollo_may_not_start_early_or_twice(engine: RunningEngine) -> None:
    async with engine.socket(OLD) as socket:
        await socket.subscribe(COUNT)
        early = await socket.receive()
        assert (early["type"], early["payload"]["extensions"]["code"]) == ("error", "start-failed")
        assert await socket.receive() == {"type": "complete", "id": "1"}
        await (await socket.init()).subscribe("subscription { users { id } }")
        await socket.news()
        await socket.subscribe(COUNT)
        twice = await socket.receive()
        assert twice["payload"]["message"] == "an operation already exists with this id: 1"


async def test_apollo_terminates(engine: RunningEngine) -> None:
    async with engine.socket(OLD) as socket:
        await socket.init()
        await socket.send(type="connection_terminate")
        assert (await socket.closed())[0] == 1000


@pytest.mark.parametrize(("subprotocol", "code"), [(NEW, 4408), (OLD, 1011)])
async def test_a_client_that_does_not_initialise_is_closed(
    database_url: str, subprotocol: str, code: int
) -> None:
    async with (
        running_engine(database_url, websocket_connection_init_timeout=0.2) as engine,
        engine.socket(subprotocol) as socket,
    ):
        assert await socket.closed() == (code, "Connection initialisation timed out")


@pytest.mark.parametrize(
    ("subprotocol", "message"),
    [(NEW, {"type": "ping", "payload": {"message": "keepalive"}}), (OLD, {"type": "ka"})],
)
async def test_keep_alives_are_sent(database_url: str, subprotocol: str, message: dict[str, Any]) -> None:
    async with (
        running_engine(database_url, websocket_keepalive=0.05) as engine,
        engine.socket(subprotocol) as socket,
    ):
        await socket.init()
        for _ in range(3):
            assert json.loads(await socket.connection.recv()) == message


async def test_a_ping_is_answered_with_its_payload(engine: RunningEngine) -> None:
    async with engine.socket(NEW) as socket:
        await socket.send(type="ping", payload={"n": 1})
        assert await socket.receive() == {"type": "pong", "payload": {"n": 1}}
        await socket.send(type="ping")
        assert await socket.receive() == {"type": "pong"}


async def test_a_client_that_names_no_protocol_speaks_apollos(engine: RunningEngine) -> None:
    async with websockets.connect(f"ws://127.0.0.1:{engine.port}/v1/graphql") as connection:
        socket = Socket(connection, OLD)
        await (await socket.init()).subscribe(COUNT)
        assert (await socket.receive())["type"] == "data"


@BOTH
async def test_an_expired_token_closes_the_connection(
    engine: RunningEngine, database_url: str, subprotocol: str
) -> None:
    ada = make_user(database_url, "ada")
    async with engine.socket(subprotocol) as socket:
        await (await socket.init(bearer(user_token(ada, seconds=1.5)))).subscribe(
            "subscription { users { id } }"
        )
        assert await socket.news() == {"users": [{"id": str(ada)}]}
        assert await socket.closed() == closes(4403, "Could not verify JWT: JWTExpired")


async def test_credentials_of_the_handshake_count_too_and_the_payload_wins(
    engine: RunningEngine, database_url: str
) -> None:
    ada = make_user(database_url, "ada")
    url = f"ws://127.0.0.1:{engine.port}/v1/graphql"
    headers = {**ADMIN, "x-hasura-role": "user", "x-hasura-user-id": "overridden"}
    async with websockets.connect(url, subprotocols=[NEW], additional_headers=headers) as connection:  # type: ignore[list-item]
        socket = Socket(connection, NEW)
        await (await socket.init({"X-Hasura-User-Id": str(ada)})).subscribe("{ users { username } }")
        assert await socket.news() == {"users": [{"username": "ada"}]}


async def test_a_foreign_origin_is_refused_at_the_handshake(database_url: str) -> None:
    async with running_engine(
        database_url, cors_domain="https://*.chat.example, http://localhost:3000"
    ) as engine:
        url = f"ws://127.0.0.1:{engine.port}/v1/graphql"
        for origin in ("https://a.chat.example", "http://localhost:3000"):
            async with websockets.connect(url, origin=origin):  # type: ignore[arg-type]
                pass
        for origin in ("https://evil.example", "https://a.b.chat.example", "https://chat.example"):
            with pytest.raises(websockets.InvalidStatus) as refused:
                await websockets.connect(url, origin=origin)  # type: ignore[arg-type]
            assert refused.value.response.status_code == 400


async def test_a_client_that_stops_reading_is_closed(engine: RunningEngine, database_url: str) -> None:
    ada = make_user(database_url, "ada")
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "INSERT INTO chat_sessions (user_id) VALUES (%s) RETURNING session_id", [ada]
        ).fetchone()
        assert row
        connection.execute(
            "INSERT INTO chat_messages (session_id, user_id, content) "
            "SELECT %s, %s, repeat('x', 100000) FROM generate_series(1, 20)",
            [row[0], ada],
        )
    url = f"ws://127.0.0.1:{engine.port}/v1/graphql"
    async with websockets.connect(url, subprotocols=[NEW], max_queue=1) as connection:  # type: ignore[list-item]
        socket = Socket(connection, NEW)
        await socket.init()
        for number in range(30):  # 60 MB
            await socket.subscribe("{ chat_messages { content } }", operation=str(number))
        await until(lambda: len(engine.engine.connections) == 1)
        await until(lambda: not engine.engine.connections)
        connection.transport.abort()


async def test_a_metadata_change_asks_clients_to_reconnect(engine: RunningEngine) -> None:
    async with engine.socket(NEW) as socket:
        await (await socket.init()).subscribe("subscription { users { id } }")
        await socket.news()
        assert (await engine.metadata(type="reload_metadata", args={})).status_code == 200
        assert await socket.closed() == (1012, "Server state changed, restarting the server")


async def test_closing_a_socket_frees_its_pollers(engine: RunningEngine) -> None:
    async with engine.socket(NEW) as socket:
        await (await socket.init()).subscribe("subscription { users { id } }")
        await socket.news()
        assert len(engine.engine.live("default")._pollers) == 1
    await until(lambda: not engine.engine.live("default")._pollers)
    await asyncio.sleep(0)
    assert not engine.engine.connections
