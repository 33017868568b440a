"""What a tab may say on Reflex's WebSocket: what pages say passes, whoever says anything else is hung up on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from webapp.event_line import LONGEST_PATH, REFUSED, EventLine

AT = {"pathname": "/chat", "asPath": "/chat?x=1", "query": {"x": "1"}}
EVENT = {"name": "state.handler", "payload": {"a": [1]}, "router_data": AT}


def call(*data: Any) -> str:
    return "42/_event," + json.dumps(data)


def event(**changes: Any) -> str:
    return call("event", {**EVENT, **changes})


def at(**changes: Any) -> str:
    return event(router_data={**AT, **changes})


HELLO = "40/_event," + json.dumps({"event": EVENT, "state_schema": "5f"})


async def heard(
    *messages: Message, pings: int = 0, path: str = "/_event/"
) -> tuple[list[Message], list[Message]]:
    """What came through, to an app that has sent pings before; and what was sent."""
    coming = iter([*messages, {"type": "websocket.disconnect", "code": 1005}])
    through: list[Message] = []
    sent: list[Message] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(pings):
            await send({"type": "websocket.send", "text": "2"})
        while not through or through[-1]["type"] == "websocket.receive":
            through.append(await receive())

    async def receive() -> Message:
        return next(coming)

    async def send(message: Message) -> None:
        sent.append(message)

    await EventLine(app, lambda: {EVENT["name"]})({"type": "websocket", "path": path}, receive, send)
    return through, sent


def text(said: str) -> Message:
    return {"type": "websocket.receive", "text": said}


@pytest.mark.parametrize(
    ("said", "pings"),
    [
        ([HELLO, event()], 0),
        (["40/_event,", event(payload={})], 0),
        ([HELLO, "3", event(), "3"], 2),
        ([HELLO, "41/_event,"], 0),
        ([HELLO, "1"], 0),
        ([HELLO, call("event", {"name": "state.handler"})], 0),
        (
            [
                HELLO,
                call("event", {**EVENT, "traceparent": "00-1-2-01", "event_actions": {}, "handler": None}),
            ],
            0,
        ),
        ([HELLO, at(pathname=None), at(pathname="x" * LONGEST_PATH)], 0),
        ([HELLO, call("client_error", {"error_type": "x"})], 0),
    ],
)
async def test_what_pages_say_passes_as_it_is(said: list[str], pings: int) -> None:
    through, sent = await heard(*map(text, said), pings=pings)
    assert [message.get("text") for message in through] == [*said, None]
    assert len(sent) == pings


@pytest.mark.parametrize(
    "said",
    [
        "",
        "x",
        "2",
        "3",
        "5",
        "9" * 1000,
        "b4AAAA",
        "4",
        "42",
        "40",
        "41",
        "43/_event,[]",
        '451-/_event,["event",{"_placeholder":true,"num":0}]',
        HELLO,
        "40/nowhere,",
        "42/_event,",
        "42/_event,{",
        "42/_event," + "[" * 100_000,
        "42/_event,[]",
        '42/_event,7["event",{}]',
        call("connect", {}),
        call("disconnect"),
        call("event"),
        call("event", "text"),
        call("event", {}, {}),
        call("event", {"payload": {}}),
        call("client_error", "text"),
        event(name=7),
        event(payload=None),
        event(payload=[]),
        event(router_data=None),
        at(pathname="x" * (LONGEST_PATH + 1)),
        at(pathname=7),
        at(asPath=[]),
        at(query=None),
        at(headers={"cookie": "x"}),
    ],
    ids=lambda said: said[:40],
)
async def test_whoever_says_anything_else_is_hung_up_on(said: str) -> None:
    through, sent = await heard(text(HELLO), text(said), text(event()))
    assert [message.get("text") for message in through] == [HELLO, None]
    assert through[-1] == {"type": "websocket.disconnect", "code": REFUSED}
    assert sent == [{"type": "websocket.close", "code": REFUSED}]


@pytest.mark.parametrize(
    "first",
    [
        text(event()),
        text("41/_event,"),
        text("40/_event,null"),
        text("40/_event," + json.dumps({"event": {"name": 7}})),
        {"type": "websocket.receive", "bytes": b"\x00"},
        {"type": "websocket.receive", "bytes": b"\x00", "text": None},
    ],
)
async def test_whoever_does_not_begin_as_a_page_is_hung_up_on(first: Message) -> None:
    through, _ = await heard(first)
    assert through == [{"type": "websocket.disconnect", "code": REFUSED}]


async def test_who_calls_what_is_not_there_is_not_heard_and_stays() -> None:
    """A page of an older version; Reflex would log it with its cookies and all that it says."""
    through, sent = await heard(text(HELLO), text(event(name="gone")), text(event()))
    assert [message.get("text") for message in through] == [HELLO, event(), None]
    assert sent == []


async def test_who_begins_with_what_is_not_there_still_tells_its_version() -> None:
    through, _ = await heard(
        text("40/_event," + json.dumps({"event": {"name": "gone"}, "state_schema": "5f"}))
    )
    assert through[0]["text"] == '40/_event,{"state_schema": "5f"}'


async def test_a_pong_answers_one_ping() -> None:
    through, _ = await heard(text(HELLO), text("3"), text("3"), pings=1)
    assert [message.get("text") for message in through] == [HELLO, "3", None]


async def test_other_lines_say_what_they_like() -> None:
    through, _ = await heard(text("anything"), path="/answers/x/live")
    assert through[0] == text("anything")
