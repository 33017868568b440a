"""The WebSockets of the stack, and the messages of each in an order that its protocol does not have."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from tests.fuzz.attacks import Attack, out_of_order
from tests.fuzz.frames import RawSocket
from tests.fuzz.world import FuzzWorld
from webapp.__main__ import LONGEST_LINE

ANSWERS_WITHIN = 30.0  # seconds, on a machine that does much else

_T = TypeVar("_T")

_INIT = {"type": "connection_init", "payload": {}}
_ENGINE_ORDERS = (
    out_of_order({"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }"}}),
    out_of_order({"type": "start", "id": "1", "payload": {"query": "{ __typename }"}}),
    out_of_order({"type": "complete", "id": "none"}, {"type": "stop", "id": "none"}),
    out_of_order({"type": "connection_init", "payload": {"headers": {"Authorization": "Bearer x"}}}),
    out_of_order({"type": "connection_init", "payload": []}),
    out_of_order(_INIT, _INIT),
    out_of_order({"type": "pong"}, {"type": "ping", "payload": {"a": [1]}}, {"type": "ka"}),
    out_of_order({"type": "connection_ack"}, {"type": "next", "id": "1"}, {"type": "data", "id": "1"}),
)
_CHAT_ORDERS = (
    out_of_order({"type": "send"}),
    out_of_order({"type": "send", "id": "x", "content": 7}),
    out_of_order({"type": "send", "id": "0b6f3f1e-6b7c-4a3e-9d53-0d9b7c1f2a11", "content": "\u0000"}),
    out_of_order({"type": "stop", "message_id": "0b6f3f1e-6b7c-4a3e-9d53-0d9b7c1f2a11"}),
    out_of_order({"type": "auth", "token": "x"}),
    out_of_order({"type": "auth", "token": None}),
    out_of_order(*[{"type": "typing"}] * 50),
    out_of_order({"type": "message"}, {"type": "done"}, {"type": "read", "last_read_id": 2**70}),
)
_HELLO = "40/_event,{}"
_SOCKET_IO_ORDERS = (
    out_of_order("40"),
    out_of_order("42"),
    out_of_order('42["event"]'),
    out_of_order("40", '42["event",{}]', '42["event",null]', "42[]", "43", "45", "451-[", "4"),
    out_of_order("40/nowhere,", "41", "0", "1", "2probe", "5", "6", "9" * 1000),
    out_of_order("40", '451-["event",{"_placeholder":true,"num":99}]'),
    out_of_order(_HELLO, _HELLO),
    out_of_order(*["3"] * 1000),
    *(
        out_of_order(_HELLO, text)
        for text in (
            "42/_event,",
            "42/_event,[]",
            '42/_event,["event"]',
            '42/_event,["event","x"]',
            '42/_event,["event",{"name":7}]',
            '42/_event,["event",{"name":"nowhere.nothing"}]',
            '42/_event,["event",{"name":"x","payload":[]}]',
            '42/_event,["event",{"name":"x","router_data":{"pathname":{}}}]',
            '42/_event,["disconnect"]',
            '42/_event,["client_error",{"error_type":{}}]',
            '459999999999-/_event,["event",{"_placeholder":true,"num":0}]',
        )
    ),
    out_of_order('40/_event,{"event":{"name":"nowhere.nothing"},"state_schema":7}'),
    out_of_order('40/_event,{"event":[]}'),
)


@dataclass(frozen=True)
class Place:
    """A WebSocket of the stack."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    orders: Sequence[Attack] = ()
    #: Who is not signed in has nothing to hear there.
    closes_at_once: bool = False
    #: Bytes of a header, or of the request line, that are taken.
    longest_line: int = 8192

    @property
    def path(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.path}?{parts.query}"

    async def open(self) -> RawSocket:
        """Before its handshake."""
        parts = urlsplit(self.url)
        assert parts.hostname
        assert parts.port
        return await RawSocket.open(parts.hostname, parts.port)

    async def connect(self) -> RawSocket:
        socket = await self.open()
        await socket.handshake(self.path, self.headers)
        return socket


def places(world: FuzzWorld, *, webapp: bool) -> list[Place]:
    chat = f"{world.url('backend')}/ws/chat/{world.eve.sessions[0]}"
    engine = f"{world.url('engine')}/v1/graphql"
    found = [
        Place("the chat's", chat, world.eve.headers, _CHAT_ORDERS),
        *(
            Place(f"GraphQL's {protocol}", engine, {"Sec-WebSocket-Protocol": protocol}, _ENGINE_ORDERS)
            for protocol in ("graphql-transport-ws", "graphql-ws")
        ),
        Place("the status", chat.replace("/chat/", "/status/"), world.eve.headers, _CHAT_ORDERS),
    ]
    if webapp:
        web = world.url("webapp")
        own = {"Origin": web, "Host": web.removeprefix("http://")}
        event = f"{web}/_event/?token={uuid4()}&EIO=4&transport=websocket"
        live = f"{web}/answers/{world.eve.messages[0]}/live"
        found += [
            Place("Reflex's socket.io", event, own, _SOCKET_IO_ORDERS, longest_line=LONGEST_LINE),
            Place("the web UI's live answer", live, own, closes_at_once=True, longest_line=LONGEST_LINE),
        ]
    return found


async def in_time(coming: Coroutine[Any, Any, _T]) -> _T:
    async with asyncio.timeout(ANSWERS_WITHIN):
        return await coming
