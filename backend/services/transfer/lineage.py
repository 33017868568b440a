"""Which message each one follows, of rows in the order in which they came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from backend.services.hasura_client import ChatMessage


@dataclass(frozen=True, slots=True)
class Kept:
    """A message, the one that it follows, and whether it is on the path that is open."""

    message: ChatMessage
    parent: UUID | None
    on_path: bool


class Lineage:
    def __init__(self) -> None:
        self._last: UUID | None = None

    def place(self, message: ChatMessage) -> Kept:
        parent = message.reply_to or self._last
        self._last = message.message_id
        return Kept(message, parent, on_path=True)
