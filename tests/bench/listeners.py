"""A process full of WebSocket clients that tells when the kernel got the last of the bytes they wait for.

Linux stamps what a socket receives (``SO_TIMESTAMPNS``), so this process may be slow without the engine seeming so.
"""

from __future__ import annotations

import json
import multiprocessing
import select
import socket
import struct
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection

#: Linux's number; Python has no name for it before 3.14.
_SO_TIMESTAMPNS = 35
#: Seconds that a change may take to reach everybody before it counts as lost.
_LOST = 30.0


@dataclass(frozen=True)
class Subscription:
    """One client's token and question."""

    token: str
    query: str
    variables: dict[str, Any]


class Listeners:
    """The process as its parent sees it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def expect(self, text: str, listeners: int) -> None:
        """So many clients will hear ``text``; call before it can be said."""
        self._pipe.send((text, listeners))

    def last_heard(self) -> int:
        """When the last of them had: nanoseconds since 1970.

        :raises TimeoutError: some did not.
        """
        heard = self._pipe.recv()
        if heard is None:
            raise TimeoutError(f"a change did not reach everybody within {_LOST} s")
        return int(heard)


@contextmanager
def listening(engine: str, subprotocol: str, subscriptions: Sequence[Subscription]) -> Iterator[Listeners]:
    """All of them subscribed, each with its first answer, for as long as the block lasts."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_listen, args=(engine, subprotocol, subscriptions, theirs), daemon=True
    )
    process.start()
    try:
        ours.recv()
        yield Listeners(ours)
    finally:
        ours.send(None)
        process.join(20)


def _listen(engine: str, subprotocol: str, subscriptions: Sequence[Subscription], pipe: Connection) -> None:
    clients = _Clients()
    for subscription in subscriptions:
        clients.add(_subscribe(engine, subprotocol, subscription))
        clients.read(0)
    pipe.send("ready")
    while True:
        # A change comes some time after its announcement here.
        clients.read(0.01)
        if pipe.poll():
            expected = pipe.recv()
            if expected is None:
                break
            pipe.send(_hear(clients, *expected))
    clients.close()


def _hear(clients: _Clients, text: str, listeners: int) -> int | None:
    wanted, last, heard = text.encode(), 0, set[int]()
    until = time.monotonic() + _LOST
    while len(heard) < listeners:
        if time.monotonic() > until:
            return None
        for number, message, at in clients.read(1.0):
            if wanted in message:
                last = max(last, at)
                heard.add(number)
    return last


class _Clients:
    """Open sockets of which only text frames are looked at, and pings answered."""

    def __init__(self) -> None:
        self._sockets: dict[int, socket.socket] = {}
        self._buffers: dict[int, bytearray] = {}
        self._poll = select.epoll()

    def add(self, client: socket.socket) -> None:
        self._sockets[client.fileno()] = client
        self._buffers[client.fileno()] = bytearray()
        self._poll.register(client, select.EPOLLIN)

    def read(self, seconds: float) -> list[tuple[int, bytes, int]]:
        """The messages that are there, waited for if there are none: whose, what, and when the kernel had it all."""
        found = []
        for number, _ in self._poll.poll(seconds):
            data, control, _, _ = self._sockets[number].recvmsg(1 << 18, 64)
            if not data:
                raise ConnectionError("the engine closed a connection")
            stamp = struct.unpack("qq", control[0][2])
            buffer = self._buffers[number]
            buffer += data
            for opcode, payload in _frames(buffer):
                if opcode == Opcode.PING:
                    self._sockets[number].sendall(Frame(Opcode.PONG, payload).serialize(mask=True))
                elif opcode == Opcode.TEXT:
                    found.append((number, payload, stamp[0] * 1_000_000_000 + stamp[1]))
        return found

    def close(self) -> None:
        for client in self._sockets.values():
            client.close()


def _frames(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Takes a server's whole frames from the buffer: https://www.rfc-editor.org/rfc/rfc6455#section-5.2."""
    while len(buffer) >= 2:
        size, start = buffer[1], 2
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(buffer[2:start])
        if len(buffer) < start + size:
            return
        yield buffer[0] & 15, bytes(buffer[start : start + size])
        del buffer[: start + size]


def _subscribe(engine: str, subprotocol: str, subscription: Subscription) -> socket.socket:
    parts = urlsplit(engine)
    client = socket.create_connection((str(parts.hostname), parts.port or 80))
    protocol = ClientProtocol(parse_uri(engine.replace("http", "ws", 1)), subprotocols=[subprotocol])  # type: ignore[list-item]
    protocol.send_request(protocol.connect())

    def say(**message: Any) -> None:
        protocol.send_text(json.dumps(message).encode())

    def hear_until(*kinds: str) -> None:
        while True:
            for data in protocol.data_to_send():
                client.sendall(data)
            for event in protocol.events_received():
                if not isinstance(event, Frame):
                    # The answer to the handshake.
                    if not kinds:
                        return
                elif event.opcode is Opcode.TEXT and json.loads(bytes(event.data))["type"] in kinds:
                    return
            received = client.recv(1 << 18)
            if not received:
                raise ConnectionError("the engine closed a connection")
            protocol.receive_data(received)

    hear_until()
    say(type="connection_init", payload={"headers": {"Authorization": f"Bearer {subscription.token}"}})
    hear_until("connection_ack")
    payload = {"query": subscription.query, "variables": subscription.variables}
    modern = subprotocol == "graphql-transport-ws"
    say(id="1", type="subscribe" if modern else "start", payload=payload)
    hear_until("next" if modern else "data")
    client.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    return client
