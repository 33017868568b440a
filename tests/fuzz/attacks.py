"""What a broken or hostile WebSocket client sends after its handshake, and how a server may end it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from tests.fuzz.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

#: RFC 6455, 7.4.1. That a connection ends without a close frame is allowed to whoever was broken first (7.1.7).
PROTOCOL, NOT_TEXT, TOO_BIG = {1002, None}, {1007, None}, {1009, None}


@dataclass(frozen=True)
class Attack:
    name: str
    sends: Sequence[bytes]
    #: Close codes of which one must come; empty where the server may go on, or close with any but 1011.
    ends: frozenset[int | None] = frozenset()


def _breaks(name: str, ends: set[int | None], *sends: bytes) -> Attack:
    return Attack(name, sends, frozenset(ends))


BROKEN_FRAMES = (
    _breaks("text that is not UTF-8", NOT_TEXT, frame(TEXT, b"\xff\xfe\xfd")),
    _breaks("text that ends within a character", NOT_TEXT, frame(TEXT, b"\xe2\x82")),
    _breaks("a surrogate in UTF-8", NOT_TEXT, frame(TEXT, b"\xed\xa0\x80")),
    _breaks("an opcode that is reserved", PROTOCOL, frame(3, b"x")),
    _breaks("a control opcode that is reserved", PROTOCOL, frame(11, b"x")),
    _breaks("reserved bits", PROTOCOL, frame(TEXT, b"x", reserved=7)),
    _breaks("compressed, which nobody agreed on", PROTOCOL, frame(TEXT, b"x", reserved=4)),
    _breaks("not masked", PROTOCOL, frame(TEXT, b"{}", masked=False)),
    _breaks("a ping in pieces", PROTOCOL, frame(PING, b"x", fin=False)),
    _breaks("a ping of 126 bytes", PROTOCOL, frame(PING, b"x" * 126)),
    _breaks("goes on with nothing", PROTOCOL, frame(CONTINUATION, b"x")),
    _breaks("a text within another", PROTOCOL, frame(TEXT, b"{", fin=False), frame(TEXT, b"}")),
    _breaks("closes with half a code", PROTOCOL, frame(CLOSE, b"\x03")),
    _breaks("closes with a code that is none", PROTOCOL, frame(CLOSE, b"\x03\xed")),
    _breaks("closes with a reason that is not UTF-8", NOT_TEXT | PROTOCOL, frame(CLOSE, b"\x03\xe8\xff")),
    _breaks("claims four exabytes", TOO_BIG | PROTOCOL, frame(TEXT, b"x", claimed=2**62)),
    _breaks("claims a negative length", TOO_BIG | PROTOCOL, frame(TEXT, b"x", claimed=2**63 + 1)),
    _breaks("claims 64 MB", TOO_BIG, frame(TEXT, b"x", claimed=64 * 2**20)),
    _breaks(
        "64 MB in pieces",
        TOO_BIG,
        frame(TEXT, b"x" * 2**20, fin=False),
        *[frame(CONTINUATION, b"x" * 2**20, fin=False)] * 63,
        frame(CONTINUATION),
    ),
)

GARBAGE = (
    Attack("a flood of pings", [frame(PING, b"x" * 125) * 3000]),
    Attack("pongs that nobody asked for", [frame(PONG, b"x") * 1000]),
    Attack("empty", [frame(TEXT)]),
    Attack("empty and binary", [frame(BINARY)]),
    Attack("binary", [frame(BINARY, bytes(range(256)))]),
    Attack(
        "one message in a thousand pieces",
        [
            frame(TEXT, b"[", fin=False),
            *[frame(CONTINUATION, b"0,", fin=False)] * 1000,
            frame(CONTINUATION, b"0]"),
        ],
    ),
    Attack(
        "pieces with a ping between", [frame(TEXT, b"{", fin=False), frame(PING), frame(CONTINUATION, b"}")]
    ),
    *(
        Attack(f"JSON that is no message: {text[:20]!r}", [frame(TEXT, text)])
        for text in (
            b"{",
            b"null",
            b"7",
            b'""',
            b"[]",
            b"{}",
            b"\x00",
            b'{"type": null}',
            b'{"type": {"a": 1}}',
            b'{"type": "\\ud800"}',
            b'{"type": "send", "type": "auth"}',
            b'{"type": ' + b"9" * 5000 + b"}",
            b'{"type": 1e999}',
            b'{"type":' * 20_000,
            b"[" * 100_000,
            json.dumps({"type": "x" * 100_000}).encode(),
            json.dumps({"type": "connection_init", "payload": {"headers": {"a": 1}}}).encode(),
        )
    ),
)


def out_of_order(*texts: object) -> Attack:
    """Messages of the protocol, in an order that it does not have."""
    said = ", ".join(str(text.get("type")) if isinstance(text, dict) else str(text)[:20] for text in texts)
    return Attack(
        f"says {said}",
        [
            frame(TEXT, text.encode() if isinstance(text, str) else json.dumps(text).encode())
            for text in texts
        ],
    )
