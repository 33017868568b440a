"""Handshakes that are none: refused with a status of 4xx, or cut off; never taken, and nobody waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from tests.fuzz.frames import Refused
from tests.fuzz.places import Place, in_time

_LARGE, _TOO_LARGE = 20_000, 100_000  # bytes
_PIECE = b"x" * 2**18
#: More of these than a server and the kernel take of something that it does not want.
_PIECES = 256
_SLOW = 50


async def broken_handshakes(place: Place) -> list[str | None]:
    """What went wrong with each, or None."""
    large = place.longest_line > _LARGE
    return [
        await _one(place, "another version", place.path, {"Sec-WebSocket-Version": "99"}),
        await _one(place, "a key that is none", place.path, {"Sec-WebSocket-Key": "x"}),
        await _one(place, "a header of 20 KB", place.path, {"Cookie": "x" * _LARGE}, taken=large),
        await _one(place, "a header of 100 KB", place.path, {"Cookie": "x" * _TOO_LARGE}),
        await _one(place, "a thousand headers", place.path, {f"X-{number}": "x" for number in range(1000)}),
        await _one(place, "an address of 100 KB", f"{place.path}&x={'x' * _TOO_LARGE}", {}),
        await _endless(place, "a request line", b"GET "),
        await _endless(place, "a header", f"GET {place.path} HTTP/1.1\r\nUpgrade: websocket\r\nX: ".encode()),
        await _slow(place),
    ]


async def _one(
    place: Place, name: str, path: str, headers: Mapping[str, str], *, taken: bool = False
) -> str | None:
    socket = await place.open()
    was_taken = False
    try:
        await in_time(socket.handshake(path, {**place.headers, **headers}))
        was_taken = True
    except Refused as exc:
        if not str(exc).startswith("HTTP/1.1 4"):
            return f"{name}: {exc}"
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    except TimeoutError:
        return f"{name}: no answer"
    finally:
        await socket.aclose()
    return None if was_taken == taken else f"{name}: was {'taken' if was_taken else 'refused'}"


async def _endless(place: Place, name: str, beginning: bytes) -> str | None:
    """What has no end is not kept for as long as it goes on."""
    socket = await place.open()
    try:
        await in_time(socket.send(beginning))
        sent = await in_time(socket.send_on(_PIECE, _PIECES))
    except TimeoutError:
        return f"{name} without end: neither read nor refused"
    finally:
        await socket.aclose()
    return (
        f"{name} without end: {len(_PIECE) * sent / 2**20:g} MB of it are read" if sent == _PIECES else None
    )


async def _slow(place: Place) -> str | None:
    slow = [await place.open() for _ in range(_SLOW)]
    try:
        for socket in slow:
            await socket.send(f"GET {place.path} HTTP/1.1\r\nHost: x\r\nUpgr".encode())
        quick = await in_time(place.connect())
        served = place.closes_at_once or await in_time(quick.answers_ping())
        await quick.aclose()
    finally:
        for socket in slow:
            await socket.aclose()
    return None if served else f"{_SLOW} that never end their handshake keep others out"
