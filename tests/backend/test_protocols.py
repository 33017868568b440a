"""What a client may send before there is a request: a head too large is answered, and never waited for."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request, WebSocket

from backend.protocols import LARGEST_HEAD, HttpProtocol
from tests.backend.conftest import serving
from tests.fuzz.frames import CONTINUATION, TEXT, RawSocket, Refused, frame

APP = FastAPI()


@APP.websocket("/ws")
async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


@APP.api_route("/length", methods=["GET", "POST"])
async def length(request: Request) -> int:
    return len(await request.body())


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[httpx.AsyncClient]:
    async with serving(APP) as client:
        yield client


async def connect(server: httpx.AsyncClient) -> RawSocket:
    assert server.base_url.port
    return await RawSocket.open("127.0.0.1", server.base_url.port)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/ws", {"Cookie": "x" * 20_000}, "431"),
        ("/ws", {f"X-{number}": "x" for number in range(200)}, "431"),
        (f"/ws?{'x' * 20_000}", {}, "414"),
        ("/ws", {"Sec-WebSocket-Version": "99"}, "400"),
        ("/ws", {"Sec-WebSocket-Key": "x"}, "400"),
    ],
    ids=["a long header", "many headers", "a long address", "another version", "a key that is none"],
)
async def test_a_handshake_that_cannot_be_taken_is_answered_and_over(
    server: httpx.AsyncClient, path: str, headers: dict[str, str], status: str
) -> None:
    socket = await connect(server)
    async with asyncio.timeout(10):
        with pytest.raises(Refused, match=status):
            await socket.handshake(path, headers)
        await socket.reader.read()  # to its end


async def test_what_took_a_handshake_is_gone_at_once(server: httpx.AsyncClient) -> None:
    def alive() -> int:
        return sum(type(each) is HttpProtocol for each in gc.get_objects())

    before = alive()
    gc.disable()  # a thousand of them a minute would be all that it finds, while everybody waits
    try:
        socket = await connect(server)
        await socket.handshake("/ws", {})
        assert await socket.answers_ping()
        assert alive() <= before
    finally:
        gc.enable()


async def test_a_handshake_with_a_header_of_8_kb_is_taken(server: httpx.AsyncClient) -> None:
    socket = await connect(server)
    await socket.handshake("/ws", {"Cookie": "x" * 8_000})
    assert await socket.answers_ping()


@pytest.mark.parametrize(
    "sent",
    [
        frame(TEXT, b"\xff"),
        frame(TEXT, b"\xe2\x82", fin=False) + frame(CONTINUATION),
        frame(TEXT, b"\xe2", fin=False) + frame(CONTINUATION, b"x"),
    ],
    ids=["no UTF-8", "half a character", "half a character in two frames"],
)
async def test_text_that_is_none_ends_the_connection_and_is_no_error_of_ours(
    server: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    socket = await connect(server)
    await socket.handshake("/ws", {})
    await socket.send(sent)
    assert await socket.close_code() == 1007
    assert [line for line in caplog.records if line.levelname == "ERROR"] == []


async def test_a_character_in_two_frames_is_one(server: httpx.AsyncClient) -> None:
    socket = await connect(server)
    await socket.handshake("/ws", {})
    await socket.send(frame(TEXT, b"\xe2\x82", fin=False) + frame(CONTINUATION, b"\xac"))
    assert (await socket.receive()).payload == "€".encode()


@pytest.mark.parametrize(
    "beginning",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nCookie: ",
        b"POST /length HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        b"POST /length HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
    ],
    ids=["a request line", "a header", "a chunk's extension", "a trailer"],
)
async def test_what_has_no_end_is_cut_off(server: httpx.AsyncClient, beginning: bytes) -> None:
    socket = await connect(server)
    async with asyncio.timeout(20):
        await socket.send(beginning)
        # One is too much already, and the kernel holds some.
        assert await socket.send_on(b"x" * LARGEST_HEAD, 64) < 32


async def test_a_large_head_and_a_large_body_in_small_pieces_are_taken(server: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20_000):
            yield b"xy"

    # 7 bytes around each piece are of no body: many times what a head may have, but each is read to its end.
    answers = [
        await server.post("/length", content=b"x" * 4 * LARGEST_HEAD, headers={"Cookie": "x" * 200_000}),
        await server.post("/length", content=pieces()),
    ]
    assert [answer.json() for answer in answers] == [4 * LARGEST_HEAD, 40_000]
