"""The conversations of a JSON file, one at a time: never the file in memory, and none that is larger than may be."""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, BinaryIO

import ijson

from backend.services.transfer.conversation import NotReadable, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Characters and values of one conversation.
LARGEST_CONVERSATION = 32 * 2**20
DEEPEST = 100
_FIRST_HALF = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}")
#: A backslash, or a whole pair, in the group; outside of it the half of one.
_HALF = re.compile(
    rb"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)
#: An escape, in the group what makes it whole.
_ESCAPE = re.compile(rb"\\(?:([^u]|u[0-9a-fA-F]{4})|u[0-9a-fA-F]{0,3}|)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Item:
    """`head` has the plain values beside the list that it is in; `value` is None where it is too large."""

    head: dict[str, Any]
    value: Any


def items(file: BinaryIO, lists: frozenset[str]) -> Iterator[Item]:
    """The items of a file that is one array, or an object with one under a name of `lists`.

    Raises NotReadable for anything else, when it gets there.
    """
    try:
        yield from _items(ijson.basic_parse(_WholePairs(file)), lists)
    except (ijson.JSONError, ValueError) as exc:
        raise NotReadable(Reason.NOT_JSON) from exc


class _WholePairs:
    """A file without the half of a surrogate pair: cut texts have one, and the parser gives up on it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._kept = b""

    def read(self, size: int = -1) -> bytes:
        while True:
            piece = self._file.read(size)
            data, self._kept = self._kept + piece, b""
            if piece and b"\\" in data:
                end = _whole_until(data)
                data, self._kept = data[:end], data[end:]
            if data or not piece:
                return _HALF.sub(lambda found: found[0] if found[1] else b"\\ufffd", data)


def _whole_until(data: bytes) -> int:
    """Where the last escape begins, if it goes on in the next piece or may be the first half of a pair."""
    last = deque(_ESCAPE.finditer(data), maxlen=2)
    first_half = None
    for escape in last:
        if first_half is not None and escape.start() != first_half.end():
            first_half = None
        if escape.end() == len(data) and (escape[1] is None or _FIRST_HALF.fullmatch(escape[0])):
            return first_half.start() if first_half is not None else escape.start()
        first_half = escape if _FIRST_HALF.fullmatch(escape[0]) else None
    return len(data)


def _items(events: Iterator[tuple[str, Any]], lists: frozenset[str]) -> Iterator[Item]:
    first, _ = next(events, ("", None))
    if first == "start_array":
        yield from _of_array(events, {})
    elif first == "start_map":
        head: dict[str, Any] = {}
        found = False
        for kind, key in events:
            if kind == "end_map":
                break
            opening = next(events, ("", None))
            if opening[0] == "start_array" and key in lists:
                found = True
                yield from _of_array(events, head)
            elif opening[0] in ("start_map", "start_array"):
                _build(opening, events)
            elif len(head) < DEEPEST:
                head[key] = _plain(opening[1])
        if not found:
            raise NotReadable(Reason.NO_LIST)
    else:
        raise NotReadable(Reason.NO_LIST)


def _of_array(events: Iterator[tuple[str, Any]], head: dict[str, Any]) -> Iterator[Item]:
    for opening in events:
        if opening[0] == "end_array":
            return
        yield Item(head, _build(opening, events))


def _build(opening: tuple[str, Any], events: Iterator[tuple[str, Any]]) -> Any:
    """The value that begins with `opening`; None for one that is larger than may be, read to its end all the same."""
    kind, value = opening
    if kind not in ("start_map", "start_array"):
        return _plain(value)
    root: Any = {} if kind == "start_map" else []
    open_values, keys, size = [root], [""], 0
    depth = 1
    for kind, value in events:
        size += 1 + (len(value) if isinstance(value, str) else 0)
        if kind in ("end_map", "end_array"):
            depth -= 1
            if depth == 0:
                return root if size <= LARGEST_CONVERSATION else None
        elif kind in ("start_map", "start_array"):
            depth += 1
            if depth > DEEPEST:
                raise NotReadable(Reason.TOO_DEEP)
        if size > LARGEST_CONVERSATION:
            root, open_values = None, []
            continue
        if kind == "map_key":
            keys[-1] = value
        elif kind in ("end_map", "end_array"):
            open_values.pop()
            keys.pop()
        else:
            new = {} if kind == "start_map" else [] if kind == "start_array" else _plain(value)
            inside = open_values[-1]
            if isinstance(inside, dict):
                inside[keys[-1]] = new
            else:
                inside.append(new)
            if kind in ("start_map", "start_array"):
                open_values.append(new)
                keys.append("")
    raise NotReadable(Reason.NOT_JSON)


def _plain(value: Any) -> Any:
    """Numbers as Python's own; one that no float can hold is infinite."""
    if isinstance(value, Decimal) or (isinstance(value, int) and abs(value) >= 2**63):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    return value
