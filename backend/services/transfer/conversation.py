"""A conversation of any origin: a tree of messages, and which of its leaves is open."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

#: The bounds of sql/0002 and sql/0003; what is longer is cut.
LONGEST_TITLE, LONGEST_CATEGORY, LONGEST_PROMPT, LONGEST_MESSAGE = 200, 50, 8000, 100_000
#: Characters of a message's metadata as JSON: below the database's bound in bytes, with what an import adds.
LARGEST_METADATA = 16_000

Status = Literal["complete", "stopped", "failed"]
Rating = Literal["up", "down"]


class Reason(StrEnum):
    """Why a file, or a conversation of it, cannot be imported; the value is for programs."""

    NOT_JSON = "not-json"
    NO_LIST = "no-list"
    TOO_DEEP = "too-deep"
    NOT_IN_ZIP = "not-in-zip"
    BAD_ZIP = "bad-zip"
    ENDLESS_ZIP = "endless-zip"
    NEWER = "newer"
    UNKNOWN = "unknown"
    NO_ID = "no-id"
    EMPTY = "empty"
    TOO_LARGE = "too-large"
    TOO_LONG = "too-long"
    REFUSED = "refused"


_SENTENCES = {
    Reason.NOT_JSON: "This is no JSON, or it breaks off in the middle.",
    Reason.NO_LIST: "This JSON holds no list of chats.",
    Reason.TOO_DEEP: "This JSON is nested deeper than any chat.",
    Reason.NOT_IN_ZIP: "This zip holds no conversations.json.",
    Reason.BAD_ZIP: "This zip is damaged, or locked with a password.",
    Reason.ENDLESS_ZIP: "This zip unpacks to more than may be.",
    Reason.NEWER: "It was written by a newer version of this program.",
    Reason.UNKNOWN: "It is no chat of ChatGPT, Open WebUI or this program.",
    Reason.NO_ID: "It has no id.",
    Reason.EMPTY: "It has no messages.",
    Reason.TOO_LARGE: "It is too large.",
    Reason.TOO_LONG: "It has more messages, or more versions of them, than may be.",
    Reason.REFUSED: "It holds a value that cannot be stored.",
}


class NotReadable(Exception):
    """The text is the reason, for the file's owner."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(_SENTENCES[reason])
        self.reason = reason


@dataclass(slots=True)
class Message:
    """`source_id` and `parent` are the origin's own ids; `role` may be one that no chat of ours shows."""

    source_id: str
    parent: str | None
    role: str
    content: str
    timestamp: datetime | None = None
    status: Status = "complete"
    rating: Rating | None = None
    #: Of several versions, the one with the latest is current.
    chosen_at: datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Conversation:
    origin: str
    source_id: str
    title: str
    category: str
    #: In the origin's order: of two versions the older one first.
    messages: dict[str, Message]
    #: The last message of the path that is open.
    current: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    #: Of our own: pinned, archived, …, as the columns are called.
    settings: dict[str, Any] = field(default_factory=dict)
    #: Our own id of it, where it comes from here.
    session_id: str | None = None


def text_of(value: Any, longest: int) -> str:
    """What PostgreSQL can hold of it, up to `longest` characters: no NUL, no half of a surrogate pair."""
    if not isinstance(value, str):
        return ""
    if "\x00" in value:
        value = value.replace("\x00", "\ufffd")
    try:
        value.encode()
    except UnicodeEncodeError:
        value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return str(value[:longest])


def line_of(value: Any, longest: int) -> str:
    """The same on one line, and nothing around it."""
    return " ".join(text_of(value, 4 * longest).split())[:longest].strip()


def moment_of(value: Any) -> datetime | None:
    """Of an ISO text, or of seconds or milliseconds since 1970; None for anything else."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    seconds = value / 1000 if abs(value) > 1e11 else value
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def prompt_of(value: Any) -> str | None:
    return text_of(value, LONGEST_PROMPT).strip() or None


def temperature_of(value: Any) -> float | None:
    """What a session may have: 0 to 2; None, the model's own, for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= 2 else None


def metadata_of(value: Any) -> dict[str, Any]:
    """What a message may have: an object that PostgreSQL can hold, not too large; else nothing."""
    if not isinstance(value, dict):
        return {}
    kept: dict[str, Any] = _plain(value)
    if not isinstance(kept.get("error", {}), dict):
        del kept["error"]
    return kept if len(json.dumps(kept)) <= LARGEST_METADATA else {}


def _plain(value: Any) -> Any:
    """Recursion is safe: `json_items` bounds how deep a value is."""
    match value:
        case dict():
            return {text_of(key, LARGEST_METADATA): _plain(each) for key, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case str():
            return text_of(value, LARGEST_METADATA)
        case float():
            return value if math.isfinite(value) else None
        case _:
            return value
