"""One method for each thing that can be done with a session or a message."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID, uuid4

from backend.services.hasura_client import cursors, operations
from backend.services.hasura_client.answers import AssistantCalls
from backend.services.hasura_client.errors import Conflict, NotFound, PermissionDenied
from backend.services.hasura_client.live import LiveQueries
from backend.services.hasura_client.models import ChatMessage, MessagePage, SessionStatistics
from backend.services.hasura_client.rows import first, given, only, read
from backend.services.hasura_client.searching import SearchCalls
from backend.services.hasura_client.sessions import SessionCalls
from backend.services.hasura_client.transfers import TransferCalls
from backend.services.hasura_client.transport import Transport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import httpx2


class HasuraClient(SessionCalls, AssistantCalls, SearchCalls, TransferCalls):
    """The GraphQL API of chat-sessions for any number of users: each call carries its caller's token.

    Pooled, so a process needs one: ``async with HasuraClient(url) as client``, or `open` and `aclose`.
    Every method raises a `HasuraError`; a soft-deleted session is NotFound, unless a method says otherwise.

    :param url: of GraphQL, ``http://…/v1/graphql``; subscriptions use the same with ``ws``.
    :param timeout: seconds, for one request.
    :param transport: carries the requests instead of the network.
    """

    def __init__(
        self, url: str, timeout: float = 10.0, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._transport = Transport(url, timeout, transport)
        self._live = LiveQueries(self._transport, timeout)

    async def open(self) -> None:
        await self._transport.open()

    async def aclose(self) -> None:
        await self._live.aclose()
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def ping(self, token: str) -> None:
        """Nothing, when GraphQL answers and accepts the token."""
        await self._transport.execute(token, operations.PING, idempotent=True)

    # Messages

    async def get_chat_messages(
        self, token: str, session_id: UUID, *, limit: int = 50, cursor: str | None = None
    ) -> MessagePage:
        """The newest page, or the one before `cursor`. Raises InvalidInput for a malformed `cursor`."""
        before = cursors.read_message_cursor(cursor) if cursor is not None else None
        rows = await self._list_messages(token, session_id, _older(session_id, before), limit=limit + 1)
        page = rows[:limit]
        return MessagePage(
            items=page[::-1], next_cursor=cursors.before_message(page[-1]) if len(rows) > limit else None
        )

    async def get_messages_before(
        self, token: str, session_id: UUID, before: int, *, limit: int
    ) -> list[ChatMessage]:
        """The newest messages older than row `before`, oldest first."""
        return (await self._list_messages(token, session_id, _older(session_id, before), limit=limit))[::-1]

    async def find_in_session(
        self, token: str, session_id: UUID, text: str, *, before: int, limit: int = 20
    ) -> list[ChatMessage]:
        """The newest messages older than row `before` that contain `text` in any case, oldest first."""
        pattern = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        where = _older(session_id, before) | {"content": {"_ilike": f"%{pattern}%"}}
        return (await self._list_messages(token, session_id, where, limit=limit))[::-1]

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
    ) -> ChatMessage:
        """The stored message, exactly once: a second call with one `message_id` answers the first one's row.

        Raises Conflict when the id already names another text or another session.
        """
        message_id = message_id or uuid4()
        new = given(
            message_id=str(message_id), session_id=str(session_id), content=content, metadata=metadata
        )
        try:
            data = await self._transport.execute(
                token, operations.ADD_MESSAGE, {"object": new}, idempotent=True
            )
        except PermissionDenied:
            raise NotFound("no such session") from None  # it is deleted
        except NotFound:
            raise NotFound("no such session") from None
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

    async def clear_chat_messages(self, token: str, session_id: UUID) -> int:
        """Deletes every message of a session and answers how many there were."""
        await self.get_chat_session(token, session_id)
        data = await self._transport.execute(
            token, operations.CLEAR_MESSAGES, {"session_id": str(session_id)}, idempotent=False
        )
        return int(data["delete_chat_messages"]["affected_rows"])

    # Answers: their versions, and how far they were read

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
        """Makes one version of an answer the current one. Raises NotFound."""
        data = await self._transport.execute(
            token, operations.CHOOSE_VERSION, {"message_id": str(message_id)}, idempotent=True
        )
        return only(ChatMessage, data["choose_chat_message_version"], "no such answer")

    async def count_streaming(self, token: str) -> int:
        """How many answers of the user are being written, by whichever process."""
        data = await self._transport.execute(token, operations.COUNT_STREAMING, idempotent=True)
        return int(data["chat_messages_aggregate"]["aggregate"]["count"])

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

    # Live queries. End them with aclose() (contextlib.aclosing) or by cancelling the task that reads them.

    async def watch_messages(
        self, token: str, session_id: UUID, *, limit: int = 100
    ) -> AsyncGenerator[list[ChatMessage], None]:
        """The newest messages of a session, oldest first: now and after every change."""
        variables = {"session_id": str(session_id), "limit": limit}
        async with aclosing(self._live.watch(token, operations.WATCH_MESSAGES, variables)) as states:
            async for data in states:
                yield [read(ChatMessage, row) for row in reversed(data["chat_messages"])]

    async def watch_session(
        self, token: str, session_id: UUID, *, limit: int = 100
    ) -> AsyncGenerator[list[ChatMessage] | None, None]:
        """As `watch_messages`, of a session that is the caller's and not deleted, and also when an older answer begins
        or ends; None once it is not.
        """
        variables = {"session_id": str(session_id), "limit": limit}
        async with aclosing(self._live.watch(token, operations.WATCH_SESSION, variables)) as states:
            async for data in states:
                rows = data["chat_sessions"]
                yield [read(ChatMessage, row) for row in reversed(rows[0]["messages"])] if rows else None

    async def watch_sign_in(self, token: str, sign_in_id: UUID) -> AsyncGenerator[bool, None]:
        """Whether a sign-in of the caller's holds: now and after every change."""
        variables = {"sign_in_id": str(sign_in_id)}
        async with aclosing(self._live.watch(token, operations.WATCH_SIGN_IN, variables)) as states:
            async for data in states:
                yield bool(data["sign_ins"])

    async def _list_messages(
        self, token: str, session_id: UUID, where: dict[str, Any], *, limit: int
    ) -> list[ChatMessage]:
        data = await self._transport.execute(
            token,
            operations.LIST_MESSAGES,
            {"session_id": str(session_id), "where": where, "limit": limit},
            idempotent=True,
        )
        if not data["chat_sessions"]:
            raise NotFound("no such session")
        return [read(ChatMessage, row) for row in data["chat_messages"]]


def _older(session_id: UUID, before: int | None) -> dict[str, Any]:
    where: dict[str, Any] = {"session_id": {"_eq": str(session_id)}}
    return where if before is None else where | {"id": {"_lt": before}}
