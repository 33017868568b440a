"""Clients that read slowly, or not at all: what waits for them is bounded, and nobody else notices."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from hasura.engine.serve import ws_wire
from hasura.engine.serve.ws_wire import Wire
from tests.conftest import make_user
from tests.engine.conftest import RunningEngine, bearer, until, user_token

TITLES = "subscription { chat_messages(order_by: {id: asc}) { content } }"
MEGABYTE = 1024 * 1024


@asynccontextmanager
async def raw_client(port: int, *messages: dict[str, Any]) -> AsyncIterator[socket.socket]:
    """A client that says all this and then does not read; what it is sent soon fills its own buffers."""
    protocol = ClientProtocol(
        parse_uri(f"ws://127.0.0.1:{port}/v1/graphql"),
        subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
    )
    protocol.send_request(protocol.connect())
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(b"".join(protocol.data_to_send()))
        # Until the handshake is answered, a client may say nothing more.
        protocol.receive_data(await asyncio.to_thread(client.recv, 4096))
        for message in messages:
            protocol.send_text(json.dumps(message).encode())
        client.sendall(b"".join(protocol.data_to_send()))
        yield client


def listener(user: Any, query: str = TITLES) -> list[dict[str, Any]]:
    return [
        {"type": "connection_init", "payload": {"headers": bearer(user_token(user))}},
        {"type": "subscribe", "id": "1", "payload": {"query": query}},
    ]


def give_messages(database_url: str, user: Any, *, megabytes: int) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "WITH s AS (INSERT INTO chat_sessions (user_id) VALUES (%s) RETURNING session_id)"
            " INSERT INTO chat_messages (session_id, user_id, content)"
            " SELECT s.session_id, %s, repeat('x', 65536) FROM s, generate_series(1, %s)",
            [user, user, 16 * megabytes],
        )


def change(database_url: str, text: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "UPDATE chat_messages SET content = %s WHERE id = (SELECT max(id) FROM chat_messages)", [text]
        )


def waiting(engine: RunningEngine) -> list[int]:
    """The bytes that wait for each client."""
    return [connection._wire.transport.get_write_buffer_size() for connection in engine.engine.connections]


async def test_large_answers_do_not_pile_up_for_a_client_that_does_not_read_and_others_hear_all(
    engine: RunningEngine, database_url: str
) -> None:
    ada = make_user(database_url, "ada")
    give_messages(database_url, ada, megabytes=8)
    last = "subscription { chat_messages(order_by: {id: desc}, limit: 1) { content } }"
    async with engine.socket() as other:
        await (await other.init(bearer(user_token(ada)))).subscribe(last)
        await other.news()
        async with raw_client(engine.port, *listener(ada)):
            await until(lambda: max(waiting(engine)) > MEGABYTE)
            most = 0
            for number in range(30):
                await asyncio.to_thread(change, database_url, f"change {number}")
                assert await other.news() == {"chat_messages": [{"content": f"change {number}"}]}
                most = max(most, *waiting(engine))
            # One answer of 8 MB is on its way to it, and no second.
            assert most < 9 * MEGABYTE
            assert len(engine.engine.connections) == 2


async def test_a_client_that_reads_again_hears_the_state_of_now(
    engine: RunningEngine, database_url: str
) -> None:
    ada = make_user(database_url, "ada")
    give_messages(database_url, ada, megabytes=8)
    async with raw_client(engine.port, *listener(ada)) as client:
        await until(lambda: max(waiting(engine), default=0) > MEGABYTE)
        for number in range(5):
            await asyncio.to_thread(change, database_url, f"change {number}.")
        received = bytearray()

        def read() -> None:
            while b"change 4." not in received[-MEGABYTE:]:
                received.extend(client.recv(MEGABYTE))

        await asyncio.wait_for(asyncio.to_thread(read), 20)
        # What it missed in between is not sent afterwards.
        assert received.count(b"change ") <= 2


async def test_a_client_that_takes_nothing_for_a_while_is_closed(
    engine: RunningEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ws_wire, "STALLED", 0.2)
    ada = make_user(database_url, "ada")
    give_messages(database_url, ada, megabytes=8)
    async with raw_client(engine.port, *listener(ada)):
        await until(lambda: bool(engine.engine.connections))
        await until(lambda: not engine.engine.connections)
        assert not engine.engine.live("default")._pollers


async def test_a_slow_client_that_takes_something_stays(
    engine: RunningEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ws_wire, "STALLED", 0.2)
    ada = make_user(database_url, "ada")
    give_messages(database_url, ada, megabytes=8)
    async with raw_client(engine.port, *listener(ada)) as client:
        await until(lambda: max(waiting(engine), default=0) > MEGABYTE)
        left = waiting(engine)
        for _ in range(10):
            await asyncio.to_thread(client.recv, MEGABYTE, socket.MSG_WAITALL)
            await asyncio.sleep(0.1)
            # (the kernel's own buffers take some, too)
            if waiting(engine)[0] == 0:
                break
        assert waiting(engine)[0] < left[0]
        assert len(engine.engine.connections) == 1


async def test_pings_without_reading_the_pongs_end_the_connection(
    engine: RunningEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ws_wire, "LARGEST", MEGABYTE)
    sizes: list[int] = []
    monkeypatch.setattr(
        Wire,
        "_bound",
        lambda wire, bound=Wire._bound: (sizes.append(wire.transport.get_write_buffer_size()), bound(wire)),
    )
    # A masked ping with 125 bytes.
    ping = struct.pack("!BB4s", 0x89, 0x80 | 125, b"\0\0\0\0") + b"p" * 125

    def flood(client: socket.socket) -> None:
        while True:
            client.sendall(ping * 1000)

    async with raw_client(engine.port) as client:
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(asyncio.to_thread(flood, client), 30)
    await until(lambda: not engine.engine.connections)
    assert max(sizes) < 2 * MEGABYTE
