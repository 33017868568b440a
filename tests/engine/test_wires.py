"""What a client may send before there is a request: a head too large is answered, and never waited for."""

import asyncio
import gc

import pytest

from hasura.engine.serve.http_wire import LARGEST_HEAD, HttpWire
from tests.engine.conftest import ADMIN, RunningEngine
from tests.fuzz.frames import RawSocket, Refused


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/graphql", {"Cookie": "x" * 20_000}, "431"),
        (f"/v1/graphql?{'x' * 20_000}", {}, "414"),
        ("/v1/graphql", {"Sec-WebSocket-Version": "99"}, "400"),
    ],
    ids=["a long header", "a long address", "another version"],
)
async def test_a_handshake_that_cannot_be_taken_is_answered_and_over(
    engine: RunningEngine, path: str, headers: dict[str, str], status: str
) -> None:
    socket = await RawSocket.open("127.0.0.1", engine.port)
    async with asyncio.timeout(10):
        with pytest.raises(Refused, match=status):
            await socket.handshake(path, headers)
        await socket.reader.read()  # to its end


async def test_what_took_a_handshake_is_gone_at_once(engine: RunningEngine) -> None:
    def alive() -> int:
        return sum(type(each) is HttpWire for each in gc.get_objects())

    before = alive()
    gc.disable()
    try:
        socket = await RawSocket.open("127.0.0.1", engine.port)
        await socket.handshake("/v1/graphql", {"Sec-WebSocket-Protocol": "graphql-transport-ws"})
        assert await socket.answers_ping()
        assert alive() <= before
    finally:
        gc.enable()


@pytest.mark.parametrize("beginning", [b"GET /", b"GET / HTTP/1.1\r\nCookie: "])
async def test_a_head_without_end_is_cut_off(engine: RunningEngine, beginning: bytes) -> None:
    socket = await RawSocket.open("127.0.0.1", engine.port)
    async with asyncio.timeout(20):
        await socket.send(beginning)
        # One is too much already, and the kernel holds some.
        assert await socket.send_on(b"x" * LARGEST_HEAD, 64) < 32


async def test_a_large_head_and_a_large_body_are_taken(engine: RunningEngine) -> None:
    answer = await engine.client.post(
        "/v1/graphql",
        json={"query": "{ __typename }", "extensions": {"x": "x" * 2 * LARGEST_HEAD}},
        headers={"Cookie": "x" * 200_000, **ADMIN},
    )
    assert answer.json() == {"data": {"__typename": "query_root"}}
