"""A conversation as rows of sql/0010_import.sql, in an order in which they can be stored, with ids that stay the same.

A message comes after the one that it follows. Of several after the same one, the first goes on in its branch; each
other is a version (``edit_of`` of a question, the same ``reply_to`` of an answer) that opens a branch of its own.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from backend.services.transfer.conversation import NotReadable, Reason
from backend.services.transfer.tree import Tree

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from backend.services.transfer.conversation import Conversation

#: Of one conversation.
MOST_MESSAGES = 50_000
#: Rows, and characters of JSON, that are stored at a time: half of what a user's GraphQL request may have.
MOST_ROWS, LARGEST_BATCH = 500, 2 * 2**20
#: Versions that are stored at a time, and versions times messages of one conversation.
MOST_VERSIONS, MOST_WORK = 50, 2_000_000
#: The namespace of the ids of what is imported: another one would not know again what is there.
_IMPORTS = UUID("6f1d2c0e-0f57-4a29-9a52-0c5b4e0c7c11")
_UNNAMED = "Imported chat"


class Rows:
    """`session` and `messages` as the database takes them; ``left_out`` counts messages by reason."""

    def __init__(self, conversation: Conversation, user_id: UUID) -> None:
        """Raises NotReadable for a conversation without messages, or with too many."""
        if not conversation.source_id:
            raise NotReadable(Reason.NO_ID)
        tree = Tree(conversation)
        if not tree.messages:
            raise NotReadable(Reason.EMPTY)
        if len(tree.messages) > MOST_MESSAGES:
            raise NotReadable(Reason.TOO_LONG)
        self.left_out: Counter[str] = tree.left_out
        times = [message.timestamp for message in tree.messages.values() if message.timestamp]
        created = conversation.created_at or min(times, default=datetime.now(UTC))
        updated = conversation.updated_at or max(times, default=created)
        here = uuid5(_IMPORTS, f"{user_id} {conversation.origin} {conversation.source_id}")
        self.session: dict[str, Any] = {
            "session_id": str(here),
            "origin_id": conversation.session_id,
            "from": conversation.origin,
            "title": conversation.title or _UNNAMED,
            "category": conversation.category,
            "created_at": created.isoformat(),
            "updated_at": updated.isoformat(),
            **conversation.settings,
        }
        ids = {key: str(uuid5(here, key)) for key in tree.messages}
        self.messages = list(_messages(tree, ids, created))
        self.current = ids[tree.leaf] if tree.leaf is not None else None
        # Opening a branch lays the path anew: work for the database that grows with both.
        if sum(row["is_version"] for row in self.messages) * len(self.messages) > MOST_WORK:
            raise NotReadable(Reason.TOO_LONG)

    def batches(self) -> Iterator[dict[str, Any]]:
        """Arguments of ``import_chat_session``, to be sent in this order."""
        batch: list[dict[str, Any]] = []
        size = versions = done = 0
        for row in self.messages:
            length = len(json.dumps(row))
            full = len(batch) >= MOST_ROWS or size + length > LARGEST_BATCH or versions >= MOST_VERSIONS
            if batch and full:
                yield {"session": self.session, "position": done, "messages": batch, "last": False}
                done += len(batch)
                batch, size, versions = [], 0, 0
            batch.append(row)
            size += length
            versions += row["is_version"]
        yield {
            "session": self.session,
            "position": done,
            "messages": batch,
            "last": True,
            "current": self.current,
        }


def _messages(tree: Tree, ids: dict[str, str], created: datetime) -> Iterator[dict[str, Any]]:
    chosen: dict[str, datetime] = {}
    for key, siblings in tree.walk():
        message = tree.messages[key]
        is_version = key != siblings[0]
        if not is_version:
            chosen |= _chosen(tree, siblings, created)
        question = message.parent if message.role == "assistant" else None
        yield {
            "message_id": ids[key],
            "role": message.role,
            "content": message.content,
            "timestamp": (message.timestamp or created).isoformat(),
            "chosen_at": chosen[key].isoformat(),
            "status": message.status,
            "reply_to": ids[question] if question is not None else None,
            "edit_of": ids[siblings[0]] if message.role == "user" and is_version else None,
            "is_version": is_version,
            "rating": message.rating if message.role == "assistant" else None,
            "metadata": message.metadata,
        }


def _chosen(tree: Tree, siblings: list[str], created: datetime) -> dict[str, datetime]:
    """When each version was chosen: as the origin knows, but the one that is open there as the latest."""
    times = {key: tree.messages[key].chosen_at or tree.messages[key].timestamp or created for key in siblings}
    open_one = next((key for key in siblings if key in tree.path), None)
    others = [time for key, time in times.items() if key != open_one]
    if open_one is not None and others and times[open_one] <= max(others):
        times[open_one] = max(others) + timedelta(milliseconds=1)
    return times
