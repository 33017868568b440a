"""Every WebSocket of the stack under attack, with somebody beside who must not notice."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from tests.fuzz.attacks import BROKEN_FRAMES, GARBAGE, Attack, out_of_order
from tests.fuzz.frames import CLOSE, RawSocket, Refused, frame
from tests.fuzz.world import FuzzWorld

_ANSWERS_WITHIN = 30.0  # seconds, on a machine that does much else
_INTERNAL_ERROR = 1011

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
_SOCKET_IO_ORDERS = (
    out_of_order("40"),
    out_of_order("42"),
    out_of_order('42["event"]'),
    out_of_order("40", '42["event",{}]', '42["event",null]', "42[]", "43", "45", "451-[", "4"),
    out_of_order("40/nowhere,", "41", "0", "1", "2probe", "5", "6", "9" * 1000),
    out_of_order("40", '451-["event",{"_placeholder":true,"num":99}]'),
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

    async def connect(self) -> RawSocket:
        parts = urlsplit(self.url)
        assert parts.hostname
        assert parts.port
        socket = await RawSocket.open(parts.hostname, parts.port)
        await socket.handshake(f"{parts.path}?{parts.query}", self.headers)
        return socket


def places(world: FuzzWorld, *, webapp: bool) -> list[Place]:
    chat = f"{world.url('backend')}/ws/chat/{world.ada.sessions[0]}"
    engine = f"{world.url('engine')}/v1/graphql"
    found = [
        Place("the chat's", chat, world.ada.headers, _CHAT_ORDERS),
        *(
            Place(f"GraphQL's {protocol}", engine, {"Sec-WebSocket-Protocol": protocol}, _ENGINE_ORDERS)
            for protocol in ("graphql-transport-ws", "graphql-ws")
        ),
        Place("the status", chat.replace("/chat/", "/status/"), world.ada.headers, _CHAT_ORDERS),
    ]
    if webapp:
        web = world.url("webapp")
        own = {"Origin": web, "Host": web.removeprefix("http://")}
        event = f"{web}/_event/?token={uuid4()}&EIO=4&transport=websocket"
        live = f"{web}/answers/{world.ada.messages[0]}/live"
        found += [
            Place("Reflex's socket.io", event, own, _SOCKET_IO_ORDERS),
            Place("the web UI's live answer", live, own, closes_at_once=True),
        ]
    return found


async def attack(place: Place) -> list[str]:
    """What went wrong: how it was ended, that a neighbour noticed, that the place is closed afterwards."""
    wrong = []
    neighbour = await place.connect()
    try:
        for each in (*BROKEN_FRAMES, *GARBAGE, *place.orders):
            reason = await _one(place, each)
            if reason:
                wrong.append(f"{place.name}: {each.name}: {reason}")
            if not place.closes_at_once and not await _in_time(neighbour.answers_ping()):
                neighbour = await place.connect()  # it may have been there for long enough
                if not await _in_time(neighbour.answers_ping()):
                    wrong.append(f"{place.name}: {each.name}: nobody else is served any more")
        wrong += [f"{place.name}: {reason}" for reason in await _handshakes(place)]
    finally:
        await neighbour.aclose()
    return wrong


async def _one(place: Place, each: Attack) -> str | None:
    socket = await place.connect()
    try:
        for data in each.sends:
            try:
                await _in_time(socket.send(data))
            except ConnectionError:
                break  # ended already
        if not each.ends:
            await _in_time(socket.answers_ping())  # or it is closed, which `frame(CLOSE)` then finds
            await _in_time(socket.send(frame(CLOSE, b"\x03\xe8")))
        code = await _in_time(socket.close_code())
    except ConnectionError:
        return None
    except TimeoutError:
        return f"neither closed nor answered within {_ANSWERS_WITHIN:g} s"
    finally:
        await socket.aclose()
    exact = each.ends and not place.closes_at_once
    allowed = code in each.ends if exact else code != _INTERNAL_ERROR
    return None if allowed else f"closed with {code}"


async def _handshakes(place: Place) -> list[str]:
    """That are no handshakes: refused with a status of 4xx, or cut off; never taken, and nobody waits for them."""
    parts = urlsplit(place.url)
    assert parts.hostname
    assert parts.port
    path = f"{parts.path}?{parts.query}"
    wrong = []
    given: dict[str, dict[str, str]] = {
        "no version": {"Sec-WebSocket-Version": "99"},
        "a key that is none": {"Sec-WebSocket-Key": "x"},
    }
    for name, headers in given.items():
        socket = await RawSocket.open(parts.hostname, parts.port)
        try:
            await _in_time(socket.handshake(path, {**place.headers, **headers}))
        except Refused as exc:
            if not str(exc).startswith("HTTP/1.1 4"):
                wrong.append(f"{name}: {exc}")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except TimeoutError:
            wrong.append(f"{name}: no answer")
        else:
            wrong.append(f"{name}: was taken")
        finally:
            await socket.aclose()
    slow = [await RawSocket.open(parts.hostname, parts.port) for _ in range(50)]
    try:
        for socket in slow:
            await socket.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgr".encode())
        quick = await _in_time(place.connect())
        if not place.closes_at_once and not await _in_time(quick.answers_ping()):
            wrong.append("fifty that never end their handshake keep others out")
        await quick.aclose()
    finally:
        for socket in slow:
            await socket.aclose()
    return wrong


async def _in_time(coming: Coroutine[Any, Any, _T]) -> _T:
    async with asyncio.timeout(_ANSWERS_WITHIN):
        return await coming
