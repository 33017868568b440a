"""What whoever takes chats away reads, and whoever brings them along writes: with the user's own token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backend.services.hasura_client import transfer_operations as operations
from backend.services.hasura_client.models import ChatMessage, ChatSession, WholeMessage
from backend.services.hasura_client.rows import read

if TYPE_CHECKING:
    from uuid import UUID

    from backend.services.hasura_client.transport import Transport


class TransferCalls:
    """The part of `HasuraClient` for whole sessions."""

    _transport: Transport

    async def list_own_sessions(
        self, token: str, *, deleted: bool, after: int = 0, limit: int = 100
    ) -> list[ChatSession]:
        """Those after the row `after`, the oldest first; with the deleted ones or without."""
        where: dict[str, Any] = _own(deleted) | {"id": {"_gt": after}}
        data = await self._transport.execute(
            token, operations.LIST_OWN_SESSIONS, {"where": where, "limit": limit}, idempotent=True
        )
        return [read(ChatSession, row) for row in data["chat_sessions"]]

    async def count_own_sessions(self, token: str, *, deleted: bool) -> int:
        data = await self._transport.execute(
            token, operations.COUNT_OWN_SESSIONS, {"where": _own(deleted)}, idempotent=True
        )
        return int(data["chat_sessions_aggregate"]["aggregate"]["count"])

    async def list_whole_history(
        self, token: str, session_id: UUID, *, after: int = 0, limit: int = 200
    ) -> list[WholeMessage]:
        """Messages after the row `after` in the order in which they came, every version among them."""
        data = await self._transport.execute(
            token,
            operations.LIST_WHOLE_HISTORY,
            {"session_id": str(session_id), "after": after, "limit": limit},
            idempotent=True,
        )
        return [read(WholeMessage, row) for row in data["chat_messages"]]

    async def list_open_path(
        self, token: str, session_id: UUID, *, after: int = -1, limit: int = 200
    ) -> list[ChatMessage]:
        """What a reader of the session sees after the place `after`."""
        data = await self._transport.execute(
            token,
            operations.LIST_OPEN_PATH,
            {"session_id": str(session_id), "after": after, "limit": limit},
            idempotent=True,
        )
        return [read(ChatMessage, row) for row in data["chat_messages"]]

    async def import_chat_session(self, token: str, payload: dict[str, Any]) -> bool:
        """Stores a part of a session from elsewhere; False where that session is there already.

        For the payload see sql/0010_import.sql. Raises InvalidInput for values that the database refuses.
        """
        data = await self._transport.execute(
            token, operations.IMPORT_SESSION, {"payload": payload}, idempotent=True
        )
        return bool(data["import_chat_session"])


def _own(deleted: bool) -> dict[str, Any]:
    return {} if deleted else {"is_active": {"_eq": True}}
