"""The messages of a session: a conversation as it is read, and its versions.

A conversation is a tree (sql/0008_branches.sql); a page of history is of the path through it that is open: each
question with the current version of its answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from backend.services.hasura_client import cursors, operations
from backend.services.hasura_client.errors import Conflict, NotFound, PermissionDenied
from backend.services.hasura_client.models import ChatMessage, MessagePage, Rating, SessionStatistics
from backend.services.hasura_client.rows import Reread, first, given, only, read

if TYPE_CHECKING:
    from backend.services.hasura_client.transport import Transport


class MessageCalls:
    """The part of `HasuraClient` that a user has for messages."""

    _transport: Transport

    async def get_chat_messages(
        self,
        token: str,
        session_id: UUID,
        *,
        limit: int = 50,
        cursor: str | None = None,
        after: str | None = None,
    ) -> MessagePage:
        """The newest page, the one before `cursor`, or the one `after` one. Raises InvalidInput for a malformed one."""
        if after is not None:
            where = _on_path(session_id, after=cursors.read_message_cursor(after))
            rows, session = await self._list_messages(token, session_id, where, limit + 1, descending=False)
            page, more = rows[:limit], len(rows) > limit
            return MessagePage(
                items=page,
                next_cursor=cursors.at_message(page[0]) if page else None,
                previous_cursor=cursors.at_message(page[-1]) if more else None,
                revision=session["revision"],
            )
        before = cursors.read_message_cursor(cursor) if cursor is not None else None
        rows, session = await self._list_messages(token, session_id, _on_path(session_id, before), limit + 1)
        page = rows[:limit][::-1]
        return MessagePage(
            items=page,
            next_cursor=cursors.at_message(page[0]) if len(rows) > limit else None,
            previous_cursor=cursors.at_message(page[-1]) if page and cursor is not None else None,
            revision=session["revision"],
        )

    async def get_newest_messages(
        self, token: str, session_id: UUID, *, limit: int = 50
    ) -> tuple[MessagePage, int | None]:
        """The newest page, and the row up to which the session was read; None where nothing in it is unread."""
        where = _on_path(session_id)
        rows, session = await self._list_messages(token, session_id, where, limit + 1, read_state=True)
        page = rows[:limit][::-1]
        older = cursors.at_message(page[0]) if len(rows) > limit else None
        read_until = session["last_read_id"] if session["unread_messages"] else None
        return MessagePage(items=page, next_cursor=older, revision=session["revision"]), read_until

    async def get_messages_around(
        self, token: str, session_id: UUID, message_id: UUID, *, limit: int = 50
    ) -> MessagePage:
        """A page with a message in the middle of it. Raises NotFound, also for one that no page has: of a version that
        is not the current one."""
        message = await self.get_chat_message(token, message_id)
        if message is None or message.session_id != session_id or message.off_path:
            raise NotFound("no such message")
        older = max(limit // 2, 1)
        variables = {
            "session_id": str(session_id),
            "older": _on_path(session_id, message.place + 1),
            "older_limit": older + 1,
            "newer": _on_path(session_id, after=message.place),
            "newer_limit": limit - older + 1,
        }
        data = await self._transport.execute(
            token, operations.LIST_MESSAGES_AROUND, variables, idempotent=True
        )
        if not data["chat_sessions"]:
            raise NotFound("no such session")
        before = [read(ChatMessage, row) for row in reversed(data["older"][:older])]
        after = [read(ChatMessage, row) for row in data["newer"][: limit - older]]
        if not before:  # it was deleted in between
            raise NotFound("no such message")
        return MessagePage(
            items=[*before, *after],
            next_cursor=cursors.at_message(before[0]) if len(data["older"]) > older else None,
            previous_cursor=(
                cursors.at_message([*before, *after][-1]) if len(data["newer"]) > limit - older else None
            ),
            revision=data["chat_sessions"][0]["revision"],
        )

    async def get_messages_before(
        self, token: str, session_id: UUID, before: int, *, limit: int
    ) -> list[ChatMessage]:
        """The newest messages before the place `before`, oldest first."""
        rows, _ = await self._list_messages(token, session_id, _on_path(session_id, before), limit)
        return rows[::-1]

    async def get_messages_written_before(
        self, token: str, session_id: UUID, before: int | None, *, limit: int
    ) -> list[ChatMessage]:
        """The messages of a conversation that were written last, before the row `before`, in the order of their ids."""
        where = _on_path(session_id) | ({} if before is None else {"id": {"_lt": before}})
        rows, _ = await self._list_messages(token, session_id, where, limit, by="id")
        return rows[::-1]

    async def find_in_session(
        self, token: str, session_id: UUID, text: str, *, before: int, limit: int = 20
    ) -> list[ChatMessage]:
        """The newest messages before the place `before` that contain `text` in any case, oldest first."""
        pattern = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        where = _on_path(session_id, before) | {"content": {"_ilike": f"%{pattern}%"}}
        rows, _ = await self._list_messages(token, session_id, where, limit)
        return rows[::-1]

    async def get_session_statistics(self, token: str, session_id: UUID) -> SessionStatistics:
        """Counts of a session's messages. Nothing, not an error, where there is no such session."""
        data = await self._transport.execute(
            token, operations.SESSION_STATISTICS, {"session_id": str(session_id)}, idempotent=True
        )
        asked, answered = data["user"]["aggregate"], data["assistant"]["aggregate"]
        return read(
            SessionStatistics,
            {
                "user": asked["count"],
                "assistant": answered["count"],
                "first_at": asked["min"]["timestamp"],
                "last_at": asked["max"]["timestamp"],
            },
        )

    async def get_chat_message(self, token: str, message_id: UUID) -> ChatMessage | None:
        data = await self._transport.execute(
            token, operations.FIND_MESSAGE, {"message_id": str(message_id)}, idempotent=True
        )
        return first(ChatMessage, data["chat_messages"])

    async def get_live_message(self, token: str, message_id: UUID) -> ChatMessage:
        """A message of a session that is not deleted. Raises NotFound."""
        data = await self._transport.execute(
            token, operations.FIND_MESSAGE_IN_SESSION, {"message_id": str(message_id)}, idempotent=True
        )
        rows = [row for row in data["chat_messages"] if row["session"]["is_active"]]
        return only(ChatMessage, rows, "no such message")

    async def add_chat_message(
        self,
        token: str,
        session_id: UUID,
        content: str,
        *,
        message_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        edit_of: UUID | None = None,
    ) -> ChatMessage:
        """The stored message, exactly once: a second call with one `message_id` answers the first one's row.

        With `edit_of` it is another version of that question of the session, and the current one; what followed that
        is kept. Raises Conflict when the id already names another text or another session.
        """
        message_id = message_id or uuid4()
        new = given(
            message_id=str(message_id),
            session_id=str(session_id),
            content=content,
            metadata=metadata,
            edit_of=str(edit_of) if edit_of else None,
        )
        try:
            data = await self._transport.execute(
                token, operations.ADD_MESSAGE, {"object": new}, idempotent=True
            )
        except PermissionDenied:
            raise NotFound("no such session") from None  # it is deleted
        except NotFound:
            raise NotFound("no such session or question" if edit_of else "no such session") from None
        if (row := data["insert_chat_messages_one"]) is not None:
            return read(ChatMessage, row)
        data = await self._transport.execute(
            token, operations.FIND_MESSAGE_IN_SESSION, {"message_id": str(message_id)}, idempotent=True
        )
        stored = None
        for row in data["chat_messages"]:
            stored = read(ChatMessage, row)
            if (stored.session_id, stored.role, stored.content) == (session_id, "user", content):
                if not row["session"]["is_active"]:
                    raise NotFound("no such session")
                return stored
        raise Conflict("this message_id already names another message; choose another", stored=stored)

    async def delete_chat_message(self, token: str, message_id: UUID) -> None:
        """Deletes a message for good, a question with its answers; its other versions stay. Raises NotFound."""
        data = await self._transport.execute(
            token, operations.DELETE_MESSAGE, {"message_id": str(message_id)}, idempotent=False
        )
        if not data["delete_chat_messages"]["affected_rows"]:
            raise NotFound("no such message")

    # Answers and versions, and how far they were read

    async def get_current_answers(self, token: str, questions: list[UUID]) -> dict[UUID, ChatMessage]:
        """The current answer of each question that has one, by the question's id."""
        if not questions:
            return {}
        data = await self._transport.execute(
            token,
            operations.LIST_CURRENT_ANSWERS,
            {"questions": [str(question) for question in questions]},
            idempotent=True,
        )
        answers = [read(ChatMessage, row) for row in data["chat_messages"]]
        return {answer.reply_to: answer for answer in answers if answer.reply_to is not None}

    async def get_answer(self, token: str, message_id: UUID) -> ChatMessage:
        """The answer of that id, or the current answer to the question of that id. Raises NotFound."""
        message = await self.get_live_message(token, message_id)
        if message.role == "user":
            answer = (await self.get_current_answers(token, [message_id])).get(message_id)
            if answer is None:
                raise NotFound("no answer to this message")
            return answer
        if message.role != "assistant":
            raise NotFound("no such answer")
        return message

    async def choose_version(self, token: str, message_id: UUID) -> ChatMessage:
        """Makes one version of a question or answer the current one, with what was last open after it. Any message is
        on the path after it. Raises NotFound."""
        data = await self._transport.execute(
            token, operations.CHOOSE_VERSION, {"message_id": str(message_id)}, idempotent=True
        )
        return only(ChatMessage, data["choose_chat_message_version"], "no such message")

    async def rate_message(self, token: str, message_id: UUID, rating: Rating | None) -> ChatMessage:
        """What the reader thinks of an answer; None for no longer anything. Raises NotFound."""
        variables = {"message_id": str(message_id), "rating": rating}
        data = await self._transport.execute(token, operations.RATE_MESSAGE, variables, idempotent=True)
        return only(ChatMessage, data["rate_chat_message"], "no such answer")

    async def mark_read(self, token: str, session_id: UUID, device_id: UUID, message_row_id: int) -> None:
        """Everything up to the row `message_row_id` was read on this device; a mark never goes back.

        The database keeps it below the first answer that is still being written, so that its end is news.
        """
        mark = {
            "session_id": str(session_id),
            "device_id": str(device_id),
            "last_read_id": message_row_id,
        }
        try:
            await self._transport.execute(
                token,
                operations.MARK_READ,
                {"object": mark, "last_read_id": message_row_id},
                idempotent=True,
            )
        except PermissionDenied:
            raise NotFound("no such session") from None  # it is deleted
        except NotFound:
            raise NotFound("no such session") from None

    async def _list_messages(
        self,
        token: str,
        session_id: UUID,
        where: dict[str, Any],
        limit: int,
        *,
        by: str = "place",
        descending: bool = True,
        read_state: bool = False,
    ) -> tuple[list[ChatMessage], dict[str, Any]]:
        """And what is asked of the session with them. Raises NotFound."""
        variables = {
            "session_id": str(session_id),
            "where": where,
            "order_by": [{by: "desc" if descending else "asc"}],
            "limit": limit,
            "read_state": read_state,
        }
        data = await self._transport.execute(token, operations.LIST_MESSAGES, variables, idempotent=True)
        if not data["chat_sessions"]:
            raise NotFound("no such session")
        rows = [read(ChatMessage, row) for row in data["chat_messages"]]
        return rows, data["chat_sessions"][0]


def newest(
    rows: list[dict[str, Any]], limit: int, revision: int, reread: Reread[ChatMessage] | None = None
) -> MessagePage:
    """The page of `rows`, newest first, one of which more than `limit` says that there are older ones."""
    page = (reread or Reread(ChatMessage))(reversed(rows[:limit]))
    return MessagePage(
        items=page,
        next_cursor=cursors.at_message(page[0]) if len(rows) > limit else None,
        revision=revision,
    )


def _on_path(session_id: UUID, before: int | None = None, *, after: int | None = None) -> dict[str, Any]:
    """:param before: a place, as `after`."""
    where: dict[str, Any] = {"session_id": {"_eq": str(session_id)}, "off_path": {"_eq": False}}
    if before is not None:
        where["place"] = {"_lt": before}
    if after is not None:
        where["place"] = {"_gt": after}
    return where
