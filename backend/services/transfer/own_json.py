"""Our own JSON, whole: every version, rating, category and time. docs/transfer.md is its description.

``{"format": "chat-sessions", "version": 1, …, "sessions": [{…, "messages": [{…}]}]}``
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from backend.services.transfer.conversation import (
    LONGEST_CATEGORY,
    LONGEST_MESSAGE,
    LONGEST_TITLE,
    Conversation,
    Message,
    NotReadable,
    Rating,
    Reason,
    Status,
    line_of,
    metadata_of,
    moment_of,
    prompt_of,
    temperature_of,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable
    from datetime import datetime

    from backend.services.hasura_client import ChatSession, WholeMessage

ORIGIN = "chat-sessions"
FORMAT, VERSION = "chat-sessions", 1
#: Where a file has its conversations.
LISTS = frozenset({"sessions"})
#: The columns of a session that its owner sets.
SETTINGS = ("is_active", "is_archived", "is_pinned", "auto_title", "system_prompt", "temperature")

#: Those of a message that are its own; where it stands says ``parent``.
KEPT = {"message_id", "role", "content", "timestamp", "chosen_at", "status", "rating", "metadata"}


def _dumps(value: Any) -> bytes:
    # Not orjson: a number of somebody's metadata may have more than 64 bits.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain).encode()


def _plain(value: UUID | datetime) -> str:
    return str(value) if isinstance(value, UUID) else value.isoformat().replace("+00:00", "Z")


def beginning(exported_at: datetime) -> bytes:
    head = {"format": FORMAT, "version": VERSION, "exported_at": exported_at}
    return _dumps(head)[:-1] + b',"sessions":['


ENDING = b"\n]}\n"


async def written(
    session: ChatSession, messages: AsyncIterable[list[WholeMessage]]
) -> AsyncGenerator[bytes, None]:
    """A session as an item of ``sessions``, a page of its messages at a time."""
    about = session.model_dump(
        include={"session_id", "title", "category", "created_at", "updated_at", "last_message_at", *SETTINGS}
    )
    yield b"\n" + _dumps(about)[:-1] + b',"messages":['
    first, current, last_place = True, None, -1
    async for page in messages:
        lines = []
        for message in page:
            # An answer may have begun after the next question: what is last is so by its place.
            if not message.off_path and message.place > last_place:
                current, last_place = message.message_id, message.place
            lines.append(_dumps({"parent": message.follows} | message.model_dump(include=KEPT)))
        yield (b"" if first else b",") + b"\n" + b",\n".join(lines)
        first = False
    yield b'\n],"current":' + _dumps(current) + b"}"


def reads(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("messages"), list) and "session_id" in item


def read(item: dict[str, Any], head: dict[str, Any]) -> Conversation:
    """Raises NotReadable for a session of a later version of the format."""
    if isinstance(version := head.get("version"), int) and version > VERSION:
        raise NotReadable(Reason.NEWER)
    source_id = item["session_id"]
    messages = {
        key: _message(key, each)
        for each in item["messages"]
        if isinstance(each, dict) and isinstance(key := each.get("message_id"), str)
    }
    return Conversation(
        origin=ORIGIN,
        source_id=source_id if isinstance(source_id, str) else "",
        title=line_of(item.get("title"), LONGEST_TITLE),
        category=line_of(item.get("category"), LONGEST_CATEGORY) or "general",
        messages=messages,
        current=current if isinstance(current := item.get("current"), str) else None,
        created_at=moment_of(item.get("created_at")),
        updated_at=moment_of(item.get("updated_at")),
        settings={
            "is_active": item.get("is_active") is not False,
            "is_archived": item.get("is_archived") is True,
            "is_pinned": item.get("is_pinned") is True,
            "auto_title": item.get("auto_title") is True,
            "system_prompt": prompt_of(item.get("system_prompt")),
            "temperature": temperature_of(item.get("temperature")),
        },
        session_id=_uuid_of(source_id),
    )


def _uuid_of(value: Any) -> str | None:
    try:
        return str(UUID(value))
    except (ValueError, TypeError, AttributeError):
        return None


def _message(key: str, item: dict[str, Any]) -> Message:
    parent, role, status, rating = (item.get(name) for name in ("parent", "role", "status", "rating"))
    return Message(
        key,
        parent if isinstance(parent, str) else None,
        role if isinstance(role, str) else "",
        text_of(item.get("content"), LONGEST_MESSAGE + 1),
        timestamp=moment_of(item.get("timestamp")),
        # One that was being written: its writer is elsewhere.
        status=cast("Status", status) if status in ("complete", "stopped", "failed") else "stopped",
        rating=cast("Rating", rating) if rating in ("up", "down") else None,
        chosen_at=moment_of(item.get("chosen_at")),
        metadata=metadata_of(item.get("metadata")),
    )
