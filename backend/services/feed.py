"""What a reader of one session has been shown, and what a new state of it adds: the session's live query, as events.

A state is the newest messages; a later one replaces it, so nothing queues up for a slow reader. The cursor says what a
reader has, and proves it: whoever comes back is told what is missing, or to begin anew.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from backend.services.hasura_client import ChatMessage

#: Messages before the cursor that a reader who comes back is checked on: has one changed since?
CHECKED = 20
LONGEST_CURSOR = 2000


@dataclass(frozen=True, slots=True)
class Cursor:
    """A reader has every row up to `seen`, but of the rows `under_way` only that they are; of the others the last
    few, `checked` in number, look as in `digest`."""

    seen: int
    under_way: tuple[int, ...]
    checked: int
    digest: str

    def __str__(self) -> str:
        text = f"{self.seen} {','.join(map(str, self.under_way))} {self.checked} {self.digest}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Raises ValueError for anything that is no cursor."""
        try:
            padded = text[:LONGEST_CURSOR] + "=" * (-len(text) % 4)
            plain = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
            seen, under_way, checked, digest = plain.split(" ")
            rows = tuple(int(row) for row in under_way.split(",")) if under_way else ()
            cursor = cls(int(seen), rows, int(checked), digest)
        except (binascii.Error, ValueError):
            raise ValueError("the cursor is malformed") from None
        if str(cursor) != text or cursor.seen < 0 or not 0 <= cursor.checked <= CHECKED:
            raise ValueError("the cursor is malformed")
        return cursor

    def known(self, state: Sequence[ChatMessage]) -> list[ChatMessage]:
        """What such a reader need not be shown again, if it fits."""
        return [message for message in state if message.id <= self.seen and message.id not in self.under_way]


@dataclass(frozen=True, slots=True)
class Shown:
    """A message that is new or has changed; of an answer that is being written the text comes by other means."""

    message: ChatMessage


@dataclass(frozen=True, slots=True)
class Removed:
    message_ids: list[UUID]


@dataclass(frozen=True, slots=True)
class Reset:
    """What the reader has does not lead here: forget it, the newest messages follow."""


Change = Shown | Removed | Reset
_Seen = tuple["UUID", bytes]


class Feed:
    """:param cursor: of a reader that comes back; without one it is shown what happens from now on."""

    def __init__(self, cursor: Cursor | None) -> None:
        self.cursor = cursor
        self._shown: dict[int, _Seen] | None = None
        #: Whether that was the whole session.
        self._whole = False
        #: Rows up to here were out of the last state's sight: they are nothing new when they slide back into it.
        self._floor = 0
        #: The oldest answer that was under way: its end is to be heard however many messages have come after it.
        self._oldest_under_way: int | None = None

    def lacks(self, state: Sequence[ChatMessage]) -> int | None:
        """The row before which messages are missing in `state`; None when it reaches back far enough."""
        if not state:
            return None
        oldest = state[0].id
        if self._shown is not None:
            wanted = max(self._shown, default=0)
            if self._oldest_under_way is not None:
                wanted = min(wanted, self._oldest_under_way)
            reaches = oldest <= wanted
        elif self.cursor is not None:
            reaches = (
                oldest <= min(self.cursor.seen + 1, *self.cursor.under_way)
                if self.cursor.under_way
                else oldest <= self.cursor.seen + 1
            ) and len(self.cursor.known(state)) >= self.cursor.checked
        else:
            reaches = True
        return None if reaches else oldest

    def update(self, state: Sequence[ChatMessage], *, whole: bool) -> list[tuple[Change, Cursor]]:
        """What changed, in the order of the messages, each with the cursor of a reader that got so far.

        :param state: the newest messages, oldest first, back to where `lacks` wanted them.
        :param whole: whether there are no older ones.
        """
        new = {message.id: (message.message_id, _fingerprint(message)) for message in state}
        old = self._seen_before(state, new) if self._shown is None else self._shown
        changes: list[Change] = []
        # What comes before a message that both states have is the same. Without one another branch may be open.
        apart = bool(old and new) and not (whole and self._whole) and not (old or {}).keys() & new.keys()
        if old is None or apart or (not whole and self.lacks(state) is not None):
            changes, old = [Reset()], {}
        oldest = 0 if whole or not state else state[0].id
        if gone := [seen[0] for row, seen in old.items() if row >= oldest and row not in new]:
            changes.append(Removed(gone))
        changes += [
            Shown(message)
            for message in state
            if (old[message.id] != new[message.id] if message.id in old else message.id > self._floor)
        ]
        cursors = self._cursors(changes, state, new, max(old, default=0))
        self._shown, self._whole = new, whole
        self._oldest_under_way = next((each.id for each in state if each.status == "streaming"), None)
        self._floor = 0 if whole or not state else state[0].id - 1
        self.cursor = cursors[-1]
        return list(zip(changes, cursors, strict=False))

    def _seen_before(self, state: Sequence[ChatMessage], new: dict[int, _Seen]) -> dict[int, _Seen] | None:
        """What the reader has at its first state; None when its cursor does not fit."""
        if self.cursor is None:
            return {
                message.id: (message.message_id, b"") if message.status == "streaming" else new[message.id]
                for message in state
            }
        known = self.cursor.known(state)
        fits = _digest(known[-CHECKED:], new) == self.cursor.digest
        if not fits or not new.keys() >= set(self.cursor.under_way):
            return None
        seen = {message.id: new[message.id] for message in known}
        return seen | {row: (new[row][0], b"") for row in self.cursor.under_way}

    def _cursors(
        self, changes: list[Change], state: Sequence[ChatMessage], new: dict[int, _Seen], newest_old: int
    ) -> list[Cursor]:
        """After each change; the last one is that of the whole state."""
        # In the midst of changes to what the reader has is no place to come back to: it would begin anew.
        nowhere = Cursor(0, (), 0, "")
        cursors = []
        for change in changes[:-1]:
            if isinstance(change, Shown) and change.message.id > newest_old:
                cursors.append(_cursor([each for each in state if each.id <= change.message.id], new))
            else:
                cursors.append(nowhere)
        return [*cursors, _cursor(state, new)]


def _cursor(state: Sequence[ChatMessage], new: dict[int, _Seen]) -> Cursor:
    final = [message for message in state if message.status != "streaming"][-CHECKED:]
    return Cursor(
        state[-1].id if state else 0,
        tuple(message.id for message in state if message.status == "streaming"),
        len(final),
        _digest(final, new),
    )


def _digest(messages: Sequence[ChatMessage], new: dict[int, _Seen]) -> str:
    return hashlib.blake2b(b"".join(new[message.id][1] for message in messages), digest_size=8).hexdigest()


def _fingerprint(message: ChatMessage) -> bytes:
    streaming = message.status == "streaming"
    seen = [
        str(message.message_id),
        message.status,
        message.metadata.get("run") if streaming else message.metadata,
        None if streaming else message.content,
        message.chosen_at.isoformat(),
    ]
    return hashlib.blake2b(orjson.dumps(seen, option=orjson.OPT_SORT_KEYS), digest_size=8).digest()
