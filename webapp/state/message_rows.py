"""What a page shows of a message, and what it is told of the newest ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backend.services.hasura_client import ChatMessage, MessagePage

LONGEST_MESSAGE = 100_000
#: Messages that a page shows at first and follows live.
PAGE = 50


@dataclass(frozen=True)
class MessageRow:
    """A bubble: a question, or an answer. ``place`` orders them; ``id`` grows with time.

    ``content`` is empty while an answer is being written: the page hears the words from elsewhere. ``versions`` are the
    message ids of all versions of it, oldest first; none where there is but one. ``problem`` is why an answer failed,
    as far as somebody said; ``cut`` is an answer that reached its longest length.
    """

    id: int
    place: int
    message_id: str
    role: str
    content: str
    timestamp: str
    status: str
    problem: str = ""
    cut: bool = False
    versions: tuple[str, ...] = ()
    rating: str = ""

    @classmethod
    def of(cls, message: ChatMessage) -> MessageRow:
        status = message.status
        error = message.metadata.get("error")
        problem = error.get("message") if isinstance(error, dict) else None
        return cls(
            id=message.id,
            place=message.place,
            message_id=str(message.message_id),
            role=message.role,
            content="" if status == "streaming" else message.content,
            timestamp=message.timestamp.isoformat(),
            status=status,
            problem=str(problem or "") if status == "failed" else "",
            cut=bool(message.metadata.get("truncated")),
            versions=tuple(map(str, message.versions or ())),
            rating=message.rating or "",
        )

    def as_json(self) -> dict[str, Any]:
        """For the page: with a stamp, which is another one whenever anything else is."""
        values = dict(vars(self))
        return values | {"stamp": f"{crc32(json.dumps(values).encode()):x}"}


#: Of messages, by their ids: what a page is told of each.
Made = dict[int, tuple["ChatMessage", dict[str, Any]]]


@dataclass(frozen=True)
class Window:
    """The newest messages of a session, as a page is told of them: which they are, and those that it does not know.

    The page asks for whatever it lacks (webapp.routes.history), so that nothing depends on its hearing every change;
    those that it opens a session with it has asked for already.
    """

    session_id: str
    #: `ChatSession.revision`: older pages of another one are old.
    revision: int
    #: ``[id, stamp]`` of each, oldest first.
    ids: list[tuple[int, str]]
    rows: list[dict[str, Any]]
    #: Whether there are older ones.
    full: bool

    @classmethod
    def of(
        cls, session_id: str, page: MessagePage, known: Mapping[int, str] | None, made: Made | None = None
    ) -> Window:
        """:param known: stamps of the rows that the page was told of; None where this is the first it is told.
        :param made: what was made of messages before; it is brought up to date.
        """
        rows = _rows(page.items, {} if made is None else made)
        return cls(
            session_id=session_id,
            revision=page.revision,
            ids=[(row["id"], row["stamp"]) for row in rows],
            rows=[] if known is None else [row for row in rows if known.get(row["id"]) != row["stamp"]],
            full=page.next_cursor is not None,
        )

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


def _rows(messages: Sequence[ChatMessage], made: Made) -> list[dict[str, Any]]:
    rows: Made = {}
    for message in messages:
        before = made.get(message.id)
        # The same object, not an equal one: a live query passes on what has not changed.
        rows[message.id] = (
            before if before and before[0] is message else (message, MessageRow.of(message).as_json())
        )
    made.clear()
    made.update(rows)
    return [row for _, row in rows.values()]


def read_up_to(stored: Sequence[ChatMessage]) -> int:
    """The row id up to which a reader of these has read: nothing beyond an answer that is still being written."""
    written = min((message.id for message in stored if message.status == "streaming"), default=None)
    return max((message.id for message in stored if written is None or message.id < written), default=0)
