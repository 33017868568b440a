"""WebSocket frames byte by byte, in order and out of it. https://www.rfc-editor.org/rfc/rfc6455#section-5.2"""

from __future__ import annotations

import asyncio
import base64
import secrets
import struct
from collections.abc import Mapping
from typing import NamedTuple

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


class Frame(NamedTuple):
    opcode: int
    payload: bytes

    @property
    def close_code(self) -> int | None:
        if self.opcode != CLOSE:
            return None
        return struct.unpack("!H", self.payload[:2])[0] if len(self.payload) >= 2 else 1005


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    masked: bool = True,
    claimed: int | None = None,
) -> bytes:
    """`claimed` is a length that is not the payload's."""
    length = len(payload) if claimed is None else claimed
    head = bytes([(fin << 7) | (reserved << 4) | opcode])
    bit = masked << 7
    if length < 126:
        head += bytes([bit | length])
    elif length < 2**16:
        head += bytes([bit | 126]) + struct.pack("!H", length)
    else:
        head += bytes([bit | 127]) + struct.pack("!Q", length)
    if not masked:
        return head + payload
    mask = secrets.token_bytes(4)
    stretched = mask * (len(payload) // 4 + 1)
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(stretched[: len(payload)], "big")
    return head + mask + mixed.to_bytes(len(payload), "big")


class Refused(Exception):
    """The handshake got another answer than 101."""


class RawSocket:
    """A client that sends what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.closed_with: int | None = None

    @classmethod
    async def open(cls, host: str, port: int) -> RawSocket:
        return cls(*await asyncio.open_connection(host, port))

    async def handshake(self, path: str, headers: Mapping[str, str]) -> None:
        """Raises Refused."""
        own = {
            "Host": "localhost",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
        }
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in {**own, **headers}.items())]
        await self.send("\r\n".join([*lines, "", ""]).encode())
        answer = await self.reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 101"):
            raise Refused(answer.partition(b"\r\n")[0].decode("latin-1"))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send_on(self, data: bytes, times: int) -> int:
        """How many times it went, before the other end had enough of it."""
        for sent in range(times):
            try:
                await self.send(data)
            except ConnectionError:
                return sent
        return times

    async def receive(self) -> Frame:
        """Raises asyncio.IncompleteReadError and ConnectionError at the end."""
        first, second = await self.reader.readexactly(2)
        length = second & 127
        if length == 126:
            (length,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
        return Frame(first & 15, await self.reader.readexactly(length))

    async def close_code(self) -> int | None:
        """Reads on to the server's close; None when the connection ended without one."""
        if self.closed_with is not None:
            return self.closed_with
        try:
            while (code := (await self.receive()).close_code) is None:
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return code

    async def answers_ping(self) -> bool:
        """False when it was closed, or is now."""
        if self.closed_with is not None:
            return False
        mark = secrets.token_bytes(8)
        try:
            await self.send(frame(PING, mark))
            while (heard := await self.receive()) != Frame(PONG, mark):
                if heard.opcode == CLOSE:
                    self.closed_with = heard.close_code
                    return False
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        return True

    async def aclose(self) -> None:
        self.writer.transport.abort()
