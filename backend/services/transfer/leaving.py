"""What an export reads: sessions and their messages, a page at a time, with their owner's token."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from uuid import UUID

    from backend.services.hasura_client import ChatMessage, ChatSession, HasuraClient, WholeMessage

SESSIONS_A_PAGE, MESSAGES_A_PAGE = 100, 200


class Leaving:
    """What one user takes away; nothing of it is held but a page."""

    def __init__(self, client: HasuraClient, token: str) -> None:
        self._client = client
        self._token = token

    async def count(self, *, deleted: bool) -> int:
        return await self._client.count_own_sessions(self._token, deleted=deleted)

    async def sessions(self, *, deleted: bool) -> AsyncGenerator[ChatSession, None]:
        """All, the oldest first."""
        after = 0
        while page := await self._client.list_own_sessions(
            self._token, deleted=deleted, after=after, limit=SESSIONS_A_PAGE
        ):
            for session in page:
                yield session
            if len(page) < SESSIONS_A_PAGE:
                return
            after = page[-1].id

    async def whole(self, session_id: UUID) -> AsyncGenerator[list[WholeMessage], None]:
        """Every message, of every version."""
        after = 0
        while page := await self._client.list_whole_history(
            self._token, session_id, after=after, limit=MESSAGES_A_PAGE
        ):
            yield page
            if len(page) < MESSAGES_A_PAGE:
                return
            after = page[-1].id

    async def open_path(self, session_id: UUID) -> AsyncGenerator[list[ChatMessage], None]:
        """What a reader of the session sees."""
        after = -1
        while page := await self._client.list_open_path(
            self._token, session_id, after=after, limit=MESSAGES_A_PAGE
        ):
            yield page
            if len(page) < MESSAGES_A_PAGE:
                return
            after = page[-1].place
