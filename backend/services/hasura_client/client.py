"""One method for each thing that can be done with a session or a message."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Self

from backend.services.hasura_client import operations
from backend.services.hasura_client.answers import AssistantCalls
from backend.services.hasura_client.live import LiveQueries
from backend.services.hasura_client.messages import MessageCalls, newest
from backend.services.hasura_client.models import ChatMessage, MessagePage
from backend.services.hasura_client.rows import Reread, read
from backend.services.hasura_client.searching import SearchCalls
from backend.services.hasura_client.sessions import SessionCalls
from backend.services.hasura_client.transfers import TransferCalls
from backend.services.hasura_client.transport import Transport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from uuid import UUID

    from backend.services.breakers import Breaker
    from backend.services.hasura_client.observer import Observer


class HasuraClient(SessionCalls, MessageCalls, AssistantCalls, SearchCalls, TransferCalls):
    """The GraphQL API of chat-sessions for any number of users: each call carries its caller's token.

    Pooled, so a process needs one: ``async with HasuraClient(url) as client``, or `open` and `aclose`.
    Every method raises a `HasuraError`; a soft-deleted session is NotFound, unless a method says otherwise.

    :param url: of GraphQL, ``http://…/v1/graphql``; subscriptions use the same with ``ws``.
    :param timeout: seconds, for one request.
    :param observer: is told what becomes of them.
    """

    def __init__(
        self,
        url: str,
        timeout: float = 10.0,
        *,
        observer: Observer | None = None,
    ) -> None:
        self._transport = Transport(url, timeout, observer)
        self._live = LiveQueries(self._transport, timeout)

    @property
    def breaker(self) -> Breaker:
        """Of GraphQL; to be closed by whoever sees that it answers."""
        return self._transport.breaker

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

    async def rows_of_others(self, token: str, user_id: UUID, *, assistant: bool = False) -> list[str]:
        """The tables in which the caller, this user, sees rows of anybody else: none, unless permissions are broken.

        :param assistant: the token is of the role `assistant`.
        """
        document = operations.MESSAGES_OF_OTHERS if assistant else operations.ROWS_OF_OTHERS
        data = await self._transport.execute(token, document, {"me": str(user_id)}, idempotent=True)
        return sorted(table for table, rows in data.items() if rows)

    async def clear_chat_messages(self, token: str, session_id: UUID) -> int:
        """Deletes every message of a session and answers how many there were."""
        await self.get_chat_session(token, session_id)
        data = await self._transport.execute(
            token, operations.CLEAR_MESSAGES, {"session_id": str(session_id)}, idempotent=False
        )
        return int(data["delete_chat_messages"]["affected_rows"])

    # Live queries. End them with aclose() (contextlib.aclosing) or by cancelling the task that reads them.

    async def watch_messages(
        self, token: str, session_id: UUID, *, limit: int = 100
    ) -> AsyncGenerator[list[ChatMessage], None]:
        """The newest messages of a session as it is read, oldest first: now and after every change."""
        variables = {"session_id": str(session_id), "limit": limit}
        async with aclosing(self._live.watch(token, operations.WATCH_MESSAGES, variables)) as states:
            async for data in states:
                yield [read(ChatMessage, row) for row in reversed(data["chat_messages"])]

    async def watch_page(
        self, token: str, session_id: UUID, *, limit: int = 50
    ) -> AsyncGenerator[MessagePage | None, None]:
        """The newest page of a session, None once it is deleted or none of the caller's: now, and after every change of
        it or of the session's revision."""
        variables = {"session_id": str(session_id), "limit": limit + 1}
        reread = Reread(ChatMessage)
        async with aclosing(self._live.watch(token, operations.WATCH_PAGE, variables)) as states:
            async for data in states:
                rows = data["chat_sessions"]
                yield newest(rows[0]["messages"], limit, rows[0]["revision"], reread) if rows else None

    async def watch_session(
        self, token: str, session_id: UUID, *, limit: int = 100
    ) -> AsyncGenerator[list[ChatMessage] | None, None]:
        """The messages of a conversation that were written last, in the order of their ids: now, after every change,
        and when an older answer begins or ends; None once the session is deleted or none of the caller's.
        """
        variables = {"session_id": str(session_id), "limit": limit}
        reread = Reread(ChatMessage)
        async with aclosing(self._live.watch(token, operations.WATCH_SESSION, variables)) as states:
            async for data in states:
                rows = data["chat_sessions"]
                yield reread(reversed(rows[0]["messages"])) if rows else None

    async def watch_sign_in(self, token: str, sign_in_id: UUID) -> AsyncGenerator[bool, None]:
        """Whether a sign-in of the caller's holds: now and after every change."""
        variables = {"sign_in_id": str(sign_in_id)}
        async with aclosing(self._live.watch(token, operations.WATCH_SIGN_IN, variables)) as states:
            async for data in states:
                yield bool(data["sign_ins"])
