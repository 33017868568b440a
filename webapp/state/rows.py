"""What a page shows of a session and of a message, and how what arrives live joins what is shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backend.services.hasura_client import ChatMessage, ChatSession

LONGEST_MESSAGE = 100_000
LONGEST_TITLE = 200
#: Of a title that is made of a message.
TITLE_LENGTH = 60
DEFAULT_TITLE = "New chat"
#: Messages that a page shows at first, follows live, and adds at a time when the reader asks for older ones.
PAGE = 50
#: Sessions that the list follows live, and adds at a time; and the most it ever shows.
LIST = 100
LONGEST_LIST = 2_000


@dataclass(frozen=True)
class SessionRow:
    """A session in the list. Times are ISO 8601; the browser shows them in the reader's zone."""

    session_id: str = ""
    title: str = ""
    category: str = ""
    total_messages: int = 0
    updated_at: str = ""
    row_id: int = 0

    @property
    def rank(self) -> tuple[str, int]:
        """Greater is higher in the list."""
        return self.updated_at, self.row_id

    @classmethod
    def of(cls, session: ChatSession) -> SessionRow:
        return cls(
            session_id=str(session.session_id),
            title=session.title,
            category=session.category,
            total_messages=session.total_messages,
            updated_at=session.updated_at.isoformat(),
            row_id=session.id,
        )


@dataclass(frozen=True)
class MessageRow:
    """A bubble. ``row_id`` is 0 until GraphQL has shown the message; ``status`` is the stored one, or
    ``sending`` for what is on its way; ``live`` is an answer that this page has seen grow.
    """

    message_id: str = ""
    role: str = "user"
    content: str = ""
    timestamp: str = ""
    status: str = "complete"
    problem: str = ""
    reply_to: str = ""
    row_id: int = 0
    live: bool = False

    @classmethod
    def of(cls, message: ChatMessage) -> MessageRow:
        error = message.metadata.get("error")
        problem = error.get("message") if isinstance(error, dict) else None
        return cls(
            message_id=str(message.message_id),
            role=message.role,
            content=message.content,
            timestamp=message.timestamp.isoformat(),
            status=message.status,
            problem=str(problem or "The answer broke off.") if message.status == "failed" else "",
            reply_to=str(message.reply_to or ""),
            row_id=message.id,
        )


def uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def shorten(title: str, length: int = 40) -> str:
    return title if len(title) <= length else title[: length - 1] + "…"


def title_from(text: str) -> str:
    """A session's name, from its first message: its first line, cut at a word."""
    line = " ".join(text.strip().splitlines()[0].split()) if text.strip() else ""
    if not line:
        return DEFAULT_TITLE
    if len(line) <= TITLE_LENGTH:
        return line
    cut = line[: TITLE_LENGTH - 1]
    whole_words = cut[: cut.rfind(" ")] if " " in cut[20:] else cut
    return whole_words.rstrip(" ,.;:") + "…"


def merge_sessions(shown: Sequence[SessionRow], window: Sequence[SessionRow]) -> list[SessionRow]:
    """The list when GraphQL says that `window` are now the latest sessions: older ones that are shown stay below."""
    if len(window) < LIST:
        return list(window)
    newest = {row.session_id for row in window}
    return [
        *window,
        *(row for row in shown if row.session_id not in newest and row.rank < window[-1].rank),
    ]


def has_gap(shown: Sequence[MessageRow], window: Sequence[MessageRow]) -> bool:
    """Whether messages may be missing between what is shown and a full window of the newest ones."""
    stored = [row.row_id for row in shown if row.row_id]
    return len(window) >= PAGE and bool(stored) and max(stored) < window[0].row_id


def merge(shown: Sequence[MessageRow], window: Sequence[MessageRow]) -> list[MessageRow]:
    """What to show when GraphQL says that `window` are now the newest messages, oldest first.

    Older pages stay, unless the window proves that there are none. What only this page knows yet (just sent,
    just answered) stays at the end until GraphQL has it. An answer never becomes unfinished again.
    """
    by_id = {row.message_id: row for row in shown}
    newest = {row.message_id for row in window}
    older = []
    if len(window) >= PAGE:
        older = [row for row in shown if 0 < row.row_id < window[0].row_id]
    local = [row for row in shown if row.row_id == 0 and row.message_id not in newest]
    return [*older, *(_newer(by_id.get(row.message_id), row) for row in window), *local]


def _newer(shown: MessageRow | None, arrived: MessageRow) -> MessageRow:
    if shown and shown.status == "complete" and arrived.status == "streaming":
        return replace(shown, row_id=arrived.row_id)
    return replace(arrived, live=True) if shown and shown.live else arrived


def put(rows: Sequence[MessageRow], row: MessageRow) -> list[MessageRow]:
    """`rows` with this one: in the place of the one with its id, or at the end."""
    if any(other.message_id == row.message_id for other in rows):
        return [row if other.message_id == row.message_id else other for other in rows]
    return [*rows, row]


def change(rows: Sequence[MessageRow], message_id: str, **values: Any) -> list[MessageRow]:
    """`rows` with values of one of them changed; the same rows when it is not there."""
    return [replace(row, **values) if row.message_id == message_id else row for row in rows]


def without(rows: Sequence[MessageRow], message_id: str) -> list[MessageRow]:
    return [row for row in rows if row.message_id != message_id]
