"""The conversations of a JSON file, one at a time: never the file in memory, and none that is larger than may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import ijson

from backend.services.transfer.conversation import NotReadable

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Characters and values of one conversation.
LARGEST_CONVERSATION = 32 * 2**20
DEEPEST = 100


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
        yield from _items(ijson.basic_parse(file, use_float=True), lists)
    except (ijson.JSONError, ValueError, OverflowError) as exc:
        raise NotReadable("This is no JSON, or it breaks off in the middle.") from exc


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
                head[key] = opening[1]
        if not found:
            raise NotReadable("This JSON holds no list of chats.")
    else:
        raise NotReadable("This JSON holds no list of chats.")


def _of_array(events: Iterator[tuple[str, Any]], head: dict[str, Any]) -> Iterator[Item]:
    for opening in events:
        if opening[0] == "end_array":
            return
        yield Item(head, _build(opening, events))


def _build(opening: tuple[str, Any], events: Iterator[tuple[str, Any]]) -> Any:
    """The value that begins with `opening`; None for one that is larger than may be, read to its end all the same."""
    kind, value = opening
    if kind not in ("start_map", "start_array"):
        return value
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
                raise NotReadable("This JSON is nested deeper than any chat.")
        if size > LARGEST_CONVERSATION:
            root, open_values = None, []
            continue
        if kind == "map_key":
            keys[-1] = value
        elif kind in ("end_map", "end_array"):
            open_values.pop()
            keys.pop()
        else:
            new = {} if kind == "start_map" else [] if kind == "start_array" else value
            inside = open_values[-1]
            if isinstance(inside, dict):
                inside[keys[-1]] = new
            else:
                inside.append(new)
            if kind in ("start_map", "start_array"):
                open_values.append(new)
                keys.append("")
    raise NotReadable("This is no JSON, or it breaks off in the middle.")
