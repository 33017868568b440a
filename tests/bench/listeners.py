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
    sockets = {
        client.fileno(): client for client in (_subscribe(engine, subprotocol, s) for s in subscriptions)
    }
    poll = select.epoll()
    for number in sockets:
        poll.register(number, select.EPOLLIN)
    pipe.send("ready")
    while (expected := pipe.recv()) is not None:
        pipe.send(_hear(sockets, poll, *expected))
    for client in sockets.values():
        client.close()


def _hear(sockets: dict[int, socket.socket], poll: select.epoll, text: str, listeners: int) -> int | None:
    wanted, last, heard = text.encode(), 0, set[int]()
    # What a frame's end may leave for the next turn is short: the text stands in one piece.
    until = time.monotonic() + _LOST
    while len(heard) < listeners:
        if time.monotonic() > until:
            return None
        for number, _ in poll.poll(1.0):
            data, control, _, _ = sockets[number].recvmsg(1 << 18, 64)
            if wanted in data:
                seconds, nanoseconds = struct.unpack("qq", control[0][2])
                last = max(last, seconds * 1_000_000_000 + nanoseconds)
                heard.add(number)
    return last


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
            protocol.receive_data(client.recv(1 << 18))

    hear_until()
    say(type="connection_init", payload={"headers": {"Authorization": f"Bearer {subscription.token}"}})
    hear_until("connection_ack")
    payload = {"query": subscription.query, "variables": subscription.variables}
    modern = subprotocol == "graphql-transport-ws"
    say(id="1", type="subscribe" if modern else "start", payload=payload)
    hear_until("next" if modern else "data")
    client.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    return client
