"""Many subscribers, one writer: how long after a commit the last of them has heard."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

import psycopg
from websockets.asyncio.client import connect

from tests.bench.world import session_id, token, user_id

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_QUERY = """subscription($session: uuid!) {
    chat_messages(where: {session_id: {_eq: $session}}, order_by: {id: desc}, limit: 1) { content } }"""


async def latencies(engine: str, database_url: str, *, subscribers: int, changes: int) -> list[float]:
    """Milliseconds from each commit to the last of ``subscribers`` (of ten users), of ``changes`` commits each
    of which all of them see."""
    users = 10
    sockets = [await _subscribe(engine, 1 + place % users) for place in range(subscribers)]
    found: list[float] = []
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as writer:
        for change in range(changes):
            text = f"change {change}"
            heard = [asyncio.create_task(_hear(socket, text)) for socket in sockets]
            rows = [(session_id(number), user_id(number), text) for number in range(1, users + 1)]
            values = ", ".join(["(%s, %s, %s)"] * users)
            await writer.execute(
                f"INSERT INTO chat_messages (session_id, user_id, content) VALUES {values}".encode(),
                [value for row in rows for value in row],
            )
            committed = time.perf_counter()
            await asyncio.wait_for(asyncio.gather(*heard), 30)
            found.append((time.perf_counter() - committed) * 1000)
    await asyncio.gather(*(socket.close() for socket in sockets))
    return found


async def _subscribe(engine: str, number: int) -> ClientConnection:
    socket = await connect(
        engine.replace("http", "ws", 1), subprotocols=["graphql-transport-ws"], compression=None
    )  # type: ignore[list-item]
    headers = {"Authorization": f"Bearer {token(number)}"}
    await socket.send(json.dumps({"type": "connection_init", "payload": {"headers": headers}}))
    await socket.recv()
    payload = {"query": _QUERY, "variables": {"session": session_id(number)}}
    await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
    await socket.recv()
    return socket


async def _hear(socket: ClientConnection, text: str) -> None:
    while text not in str(await socket.recv()):
        pass
