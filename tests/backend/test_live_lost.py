"""A live query whose connection breaks at the worst moment is asked again, and nobody waits for what never comes."""

from __future__ import annotations

import asyncio
import gc
import json
from contextlib import aclosing
from uuid import uuid4

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from backend.services.hasura_client import HasuraClient

PROTOCOL = Subprotocol("graphql-transport-ws")


async def test_a_connection_that_ends_as_a_ping_is_answered_is_opened_again() -> None:
    opened = 0
    unheard: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: unheard.append(context))

    async def graphql(socket: ServerConnection) -> None:
        nonlocal opened
        opened += 1
        async for text in socket:
            match json.loads(text):
                case {"type": "connection_init"}:
                    await socket.send(json.dumps({"type": "connection_ack"}))
                case {"type": "subscribe", "id": query_id}:
                    data = {"sign_ins": [{}] if opened == 1 else []}
                    await socket.send(json.dumps({"type": "next", "id": query_id, "payload": {"data": data}}))
                    if opened == 1:
                        # Both arrive at once: the pong finds a connection that is closed.
                        await socket.send(json.dumps({"type": "ping"}))
                        await socket.close()

    async with serve(graphql, "127.0.0.1", 0, subprotocols=[PROTOCOL]) as server:
        port = server.sockets[0].getsockname()[1]
        client = HasuraClient(f"http://127.0.0.1:{port}/v1/graphql")
        try:
            async with asyncio.timeout(20), aclosing(client.watch_sign_in("token", uuid4())) as states:
                assert await anext(states) is True
                assert await anext(states) is False  # what the second connection says
        finally:
            await client.aclose()
    gc.collect()  # asyncio tells of what nobody asked for when it is thrown away
    loop.set_exception_handler(None)  # the loop is the session's
    assert unheard == []
