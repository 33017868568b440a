"""What a page shows of a message, and how what arrives live joins what is shown."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from backend.services.hasura_client import ChatMessage

LONGEST_MESSAGE = 100_000
#: Messages that a page shows at first, follows live, and adds at a time when the reader asks for older ones.
PAGE = 50


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
