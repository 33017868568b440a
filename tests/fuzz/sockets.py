"""Every WebSocket of the stack under attack, with somebody beside who must not notice."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.fuzz.attacks import BROKEN_FRAMES, GARBAGE, Attack
from tests.fuzz.frames import CLOSE, frame
from tests.fuzz.handshakes import broken_handshakes
from tests.fuzz.places import ANSWERS_WITHIN, Place, in_time

_INTERNAL_ERROR = 1011


@dataclass
class Found:
    tried: int = 0
    #: How it was ended, that a neighbour noticed, that the place is closed afterwards.
    wrong: list[str] = field(default_factory=list)


async def attack(place: Place) -> Found:
    found = Found()
    neighbour = await place.connect()
    try:
        for each in (*BROKEN_FRAMES, *GARBAGE, *place.orders):
            reason = await _one(place, each)
            found.tried += 1
            if reason:
                found.wrong.append(f"{place.name}: {each.name}: {reason}")
            if not place.closes_at_once and not await in_time(neighbour.answers_ping()):
                neighbour = await place.connect()  # it may have been there for long enough
                if not await in_time(neighbour.answers_ping()):
                    found.wrong.append(f"{place.name}: {each.name}: nobody else is served any more")
        for reason in await broken_handshakes(place):
            found.tried += 1
            if reason:
                found.wrong.append(f"{place.name}: {reason}")
    finally:
        await neighbour.aclose()
    return found


async def _one(place: Place, each: Attack) -> str | None:
    socket = await place.connect()
    try:
        for data in each.sends:
            try:
                await in_time(socket.send(data))
            except ConnectionError:
                break  # ended already
        if not each.ends:
            await in_time(socket.answers_ping())  # or it is closed, which `frame(CLOSE)` then finds
            await in_time(socket.send(frame(CLOSE, b"\x03\xe8")))
        code = await in_time(socket.close_code())
    except ConnectionError:
        return None
    except TimeoutError:
        return f"neither closed nor answered within {ANSWERS_WITHIN:g} s"
    finally:
        await socket.aclose()
    exact = each.ends and not place.closes_at_once
    allowed = code in each.ends if exact else code != _INTERNAL_ERROR
    return None if allowed else f"closed with {code}"
