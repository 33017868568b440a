"""What a page shows of a session and of a message, and how what arrives live joins what is shown."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
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
    unread: int = 0
    last_read_id: int = 0
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
            unread=session.unread_messages,
            last_read_id=session.last_read_id,
            updated_at=session.updated_at.isoformat(),
            row_id=session.id,
        )


@dataclass(frozen=True)
class MessageRow:
    """A bubble: a question, or one version of an answer.

    ``content`` is empty while an answer is being written: the page hears the words from elsewhere. ``version`` counts
    from 1; ``earlier`` and ``later`` are the message ids of the versions beside it. ``first_new`` is where the
    reader, who opens the session, left off. ``cut`` is an answer that reached its longest length.
    """

    message_id: str = ""
    role: str = "user"
    content: str = ""
    timestamp: str = ""
    status: str = "complete"
    problem: str = ""
    cut: bool = False
    version: int = 1
    versions: int = 1
    earlier: str = ""
    later: str = ""
    first_new: bool = False

    @classmethod
    def of(
        cls, message: ChatMessage, versions: Sequence[ChatMessage] = (), *, first_new: bool = False
    ) -> MessageRow:
        """`versions` of the answer, oldest first."""
        status = message.status
        error = message.metadata.get("error")
        problem = error.get("message") if isinstance(error, dict) else None
        ids = [str(version.message_id) for version in versions] or [str(message.message_id)]
        place = ids.index(str(message.message_id))
        return cls(
            message_id=str(message.message_id),
            role=message.role,
            content="" if status == "streaming" else message.content,
            timestamp=message.timestamp.isoformat(),
            status=status,
            problem=str(problem or "The answer broke off.") if status == "failed" else "",
            cut=bool(message.metadata.get("truncated")),
            version=place + 1,
            versions=len(ids),
            earlier=ids[place - 1] if place else "",
            later=ids[place + 1] if place + 1 < len(ids) else "",
            first_new=first_new,
        )


def arrange(stored: Sequence[ChatMessage], read_until: int | None = None) -> list[MessageRow]:
    """The bubbles of stored messages, which are in the order of their ids: each answer, in its current version,
    below its question.

    :param read_until: the row id after which all is new; None where nothing is to be marked as new.
    """
    asked = {message.message_id for message in stored if message.reply_to is None}
    answers: defaultdict[UUID, list[ChatMessage]] = defaultdict(list)
    for message in stored:
        if message.reply_to in asked:
            answers[message.reply_to].append(message)
    rows: list[MessageRow] = []
    marked = read_until is None

    def add(message: ChatMessage, versions: Sequence[ChatMessage] = ()) -> None:
        nonlocal marked
        first_new = not marked and message.role == "assistant" and message.id > (read_until or 0)
        marked = marked or first_new
        rows.append(MessageRow.of(message, versions, first_new=first_new))

    for message in stored:
        if message.message_id in asked:
            add(message)
            if versions := answers[message.message_id]:
                add(max(versions, key=lambda version: (version.chosen_at, version.id)), versions)
        elif message.reply_to not in asked and not rows:
            add(
                message
            )  # its question is just above what is loaded; further down it is a version of an older one
    return rows


def read_up_to(stored: Sequence[ChatMessage]) -> int:
    """The row id up to which a reader of these has read: nothing beyond an answer that is still being written."""
    last = 0
    for message in stored:
        if message.status == "streaming":
            break
        last = message.id
    return last


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


def has_gap(shown: Sequence[ChatMessage], window: Sequence[ChatMessage]) -> bool:
    """Whether messages may be missing between what is shown and a full window of the newest ones."""
    return len(window) >= PAGE and bool(shown) and shown[-1].id < window[0].id


def merge(shown: Sequence[ChatMessage], window: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The stored messages when GraphQL says that `window` are now the newest ones, oldest first.

    Older pages stay, unless the window proves that there are none.
    """
    if len(window) < PAGE:
        return list(window)
    return [*(message for message in shown if message.id < window[0].id), *window]


def put(shown: Sequence[ChatMessage], message: ChatMessage) -> list[ChatMessage]:
    """With `message` in the place of what was known of it; unchanged where it was not."""
    return [message if other.message_id == message.message_id else other for other in shown]
