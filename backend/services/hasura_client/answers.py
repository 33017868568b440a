"""What the assistant writes, with a token of role ``assistant``: an answer begins, grows and ends.

Each write names what it expects to find, so that of several writers one prevails and the others learn of it:
a writer its own run and status ``streaming``; whoever begins anew the row as it was seen; whoever gives up on a dead
writer the very lease that has run out. The database renews the lease with every write (sql/0005_turns.sql).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backend.services.hasura_client import operations
from backend.services.hasura_client.errors import NotFound, PermissionDenied
from backend.services.hasura_client.models import ChatMessage, Status
from backend.services.hasura_client.rows import first, read

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from backend.services.hasura_client.transport import Transport


class AssistantCalls:
    """The part of `HasuraClient` that writes answers."""

    _transport: Transport

    async def add_assistant_message(
        self, token: str, session_id: UUID, *, message_id: UUID, reply_to: UUID, metadata: dict[str, Any]
    ) -> ChatMessage | None:
        """An empty answer in status ``streaming``; None when the id is taken: somebody else is answering."""
        new = {
            "message_id": str(message_id),
            "session_id": str(session_id),
            "reply_to": str(reply_to),
            "content": "",
            "status": "streaming",
            "metadata": metadata,
        }
        try:
            data = await self._transport.execute(
                token, operations.ADD_MESSAGE, {"object": new}, idempotent=True
            )
        except PermissionDenied:
            raise NotFound("no such session") from None
        row = data["insert_chat_messages_one"]
        return None if row is None else read(ChatMessage, row)

    async def renew_answer(
        self, token: str, message_id: UUID, *, run: str, content: str | None = None
    ) -> bool:
        """Renews the lease, and saves the text so far where one is given; False when it is no longer this run's."""
        changes = {"status": "streaming"} | ({} if content is None else {"content": content})
        data = await self._transport.execute(
            token,
            operations.RENEW_ANSWER,
            {"where": _of_run(message_id, run), "set": changes},
            idempotent=True,
        )
        return bool(data["update_chat_messages"]["affected_rows"])

    async def end_answer(
        self,
        token: str,
        message_id: UUID,
        *,
        run: str,
        content: str,
        status: Status,
        metadata: dict[str, Any],
    ) -> ChatMessage | None:
        """The answer in its final state; None when it is no longer this run's, or gone."""
        changes = {"content": content, "status": status, "metadata": metadata}
        return await self._change(token, _of_run(message_id, run), changes)

    async def stop_answer(self, token: str, seen: ChatMessage) -> ChatMessage | None:
        """As it is, ``stopped``, without its writer; None when it has ended, or another run has begun, since `seen`."""
        return await self._change(token, _as_seen(seen), {"status": "stopped"})

    async def fail_abandoned_answer(
        self, token: str, message_id: UUID, *, lease_until: datetime, error: dict[str, Any]
    ) -> ChatMessage | None:
        """As it is, ``failed``; None when its writer has renewed the lease or ended it after all."""
        where = {
            "message_id": {"_eq": str(message_id)},
            "status": {"_eq": "streaming"},
            "lease_until": {"_eq": lease_until.isoformat()},
        }
        return await self._change(token, where, {"status": "failed"}, {"metadata": {"error": error}})

    async def begin_answer_again(
        self, token: str, seen: ChatMessage, *, content: str, metadata: dict[str, Any]
    ) -> ChatMessage | None:
        """An answer that had ended, ``streaming`` once more; None when somebody else has changed it since `seen`."""
        changes = {"content": content, "status": "streaming", "metadata": metadata}
        return await self._change(token, _as_seen(seen), changes)

    async def _change(
        self,
        token: str,
        where: dict[str, Any],
        changes: dict[str, Any],
        append: dict[str, Any] | None = None,
    ) -> ChatMessage | None:
        variables = {"where": where, "set": changes, "append": append or {}}
        data = await self._transport.execute(token, operations.UPDATE_MESSAGE, variables, idempotent=True)
        return first(ChatMessage, data["update_chat_messages"]["returning"])


def _of_run(message_id: UUID, run: str) -> dict[str, Any]:
    return {
        "message_id": {"_eq": str(message_id)},
        "status": {"_eq": "streaming"},
        "metadata": {"_contains": {"run": run}},
    }


def _as_seen(message: ChatMessage) -> dict[str, Any]:
    return {
        "message_id": {"_eq": str(message.message_id)},
        "status": {"_eq": message.status},
        "metadata": {"_eq": message.metadata},
    }
