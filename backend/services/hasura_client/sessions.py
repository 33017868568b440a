"""What is done with sessions: made, listed, changed one or many at a time, deleted and watched."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypedDict, Unpack
from uuid import UUID, uuid4

from backend.services.hasura_client import cursors
from backend.services.hasura_client import session_operations as operations
from backend.services.hasura_client.errors import Conflict, InvalidInput, NotFound, Unavailable
from backend.services.hasura_client.models import CategoryCount, ChatSession, SessionPage, Shelf
from backend.services.hasura_client.rows import given, only, read

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection

    from backend.services.hasura_client.live import LiveQueries
    from backend.services.hasura_client.transport import Transport

#: Sessions that one call may change.
MOST_AT_ONCE = 500
#: Seconds between two looks at how many sessions lie where.
COUNT_AGAIN = 2.0


class ChangesOfMany(TypedDict, total=False):
    """What can be done with any number of sessions; None, or nothing, leaves a value as it is."""

    category: str | None
    is_pinned: bool | None
    is_archived: bool | None
    #: False puts into the trash, True takes out of it.
    is_active: bool | None


class SessionChanges(ChangesOfMany, total=False):
    """What can be changed of a session; None, or nothing, leaves a value as it is, unless said otherwise."""

    title: str | None
    #: Whether `title` is a machine's choice, which another may replace; somebody's, unless True. Without a title
    #: only False: no machine shall name it.
    auto_title: bool | None
    #: None removes it.
    system_prompt: str | None
    #: None leaves it to the model.
    temperature: float | None


class SessionCalls:
    """The part of `HasuraClient` that is about sessions."""

    _transport: Transport
    _live: LiveQueries

    async def create_chat_session(
        self,
        token: str,
        *,
        title: str | None = None,
        category: str | None = None,
        session_id: UUID | None = None,
        auto_title: bool | None = None,
        system_prompt: str | None = None,
        temperature: float | None = None,
    ) -> ChatSession:
        """A new session; with a `session_id` that the caller already has, that session as it is.

        :param auto_title: whether a machine chose `title`, so that another may replace it.

        Raises Conflict when the id is somebody else's, NotFound when it is a deleted one of the caller's.
        """
        session_id = session_id or uuid4()
        if title is None and auto_title:
            auto_title = None  # as it is for the title that the database gives
        new = given(
            session_id=str(session_id),
            title=title,
            category=category,
            machine_title=_machine_title(title, auto_title) if auto_title is not None else None,
            system_prompt=system_prompt,
            temperature=temperature,
        )
        data = await self._transport.execute(
            token, operations.CREATE_SESSION, {"object": new}, idempotent=True
        )
        if (row := data["insert_chat_sessions_one"]) is not None:
            return read(ChatSession, row)
        where = {"session_id": {"_eq": str(session_id)}}
        rows = await self._list_sessions(token, where, limit=1)
        if not rows:
            raise Conflict("this session_id is taken; choose another")
        if not rows[0].is_active:
            raise NotFound("no such session")
        return rows[0]

    async def get_user_chat_sessions(
        self,
        token: str,
        *,
        user_id: UUID | None = None,
        shelf: Shelf = "active",
        category: str | None = None,
        pinned: bool | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> SessionPage:
        """A page of one shelf, latest activity first. Raises InvalidInput for a malformed `cursor`."""
        where: dict[str, Any] = {"shelf": {"_eq": shelf}}
        if user_id is not None:
            where["user_id"] = {"_eq": str(user_id)}
        if category is not None:
            where["category"] = {"_eq": category}
        if pinned is not None:
            where["is_pinned"] = {"_eq": pinned}
        if cursor is not None:
            moment, row_id = cursors.read_session_cursor(cursor)
            when = moment.isoformat()
            # Not the textbook "a < x or (a = x and b < y)": this form lets the index start at the cursor.
            where["_and"] = [
                {"updated_at": {"_lte": when}},
                {"_or": [{"updated_at": {"_lt": when}}, {"id": {"_lt": row_id}}]},
            ]
        rows = await self._list_sessions(token, where, limit=limit + 1)
        more = len(rows) > limit
        return SessionPage(
            items=rows[:limit], next_cursor=cursors.after_session(rows[limit - 1]) if more else None
        )

    async def get_chat_session(self, token: str, session_id: UUID) -> ChatSession:
        where = {"session_id": {"_eq": str(session_id)}, "is_active": {"_eq": True}}
        rows = await self._list_sessions(token, where, limit=1)
        if not rows:
            raise NotFound("no such session")
        return rows[0]

    async def update_chat_session(
        self, token: str, session_id: UUID, **changes: Unpack[SessionChanges]
    ) -> ChatSession:
        """The session as changed; only ``is_active=True`` reaches a deleted one."""
        values = _set_of(changes)
        if not values:
            return await self.get_chat_session(token, session_id)
        rows = await self._update_sessions(token, {"_eq": str(session_id)}, values)
        if not rows:
            raise NotFound("no such session")
        return rows[0]

    async def update_chat_sessions(
        self, token: str, session_ids: Collection[UUID], **changes: Unpack[ChangesOfMany]
    ) -> list[ChatSession]:
        """Those of the sessions that were changed, latest activity first: the caller's, and not deleted ones unless
        ``is_active=True``. Raises InvalidInput for more than `MOST_AT_ONCE`.
        """
        values = given(**changes)
        if not session_ids or not values:
            return []
        return await self._update_sessions(token, _any_of(session_ids), values)

    async def delete_chat_session(self, token: str, session_id: UUID) -> ChatSession:
        """Into the trash: it leaves the lists and takes no messages until ``is_active=True`` restores it."""
        return await self.update_chat_session(token, session_id, is_active=False)

    async def delete_forever(self, token: str, session_ids: Collection[UUID]) -> int:
        """Deletes what of the sessions is in the trash, messages and all; answers how many.

        Raises InvalidInput for more than `MOST_AT_ONCE`.
        """
        if not session_ids:
            return 0
        variables = {"session_ids": _any_of(session_ids)["_in"]}
        data = await self._transport.execute(token, operations.DELETE_SESSIONS, variables, idempotent=False)
        return int(data["delete_chat_sessions"]["affected_rows"])

    async def name_chat_session(self, token: str, session_id: UUID, title: str) -> ChatSession | None:
        """The session with the title that a machine found for it; None where somebody has named it, or deleted it."""
        where = {
            "session_id": {"_eq": str(session_id)},
            "is_active": {"_eq": True},
            "auto_title": {"_eq": True},
        }
        data = await self._transport.execute(
            token,
            operations.UPDATE_SESSIONS,
            {"where": where, "set": {"title": title, "machine_title": title}},
            idempotent=True,
        )
        rows = data["update_chat_sessions"]["returning"]
        return read(ChatSession, rows[0]) if rows else None

    async def update_session_message_count(self, token: str, session_id: UUID) -> ChatSession:
        """Recounts ``total_messages``, repairs it, and answers the session, deleted or not."""
        data = await self._transport.execute(
            token, operations.RECOUNT_SESSION, {"session_id": str(session_id)}, idempotent=True
        )
        return only(ChatSession, data["update_session_message_count"], "no such session")

    # Live queries. End them with aclose() (contextlib.aclosing) or by cancelling the task that reads them.

    async def watch_sessions(
        self, token: str, *, limit: int = 200
    ) -> AsyncGenerator[list[ChatSession], None]:
        """The active sessions, latest activity first: now and after every change."""
        async with aclosing(self._live.watch(token, operations.WATCH_SESSIONS, {"limit": limit})) as states:
            async for data in states:
                yield [read(ChatSession, row) for row in data["chat_sessions"]]

    async def watch_changed_sessions(
        self, token: str, *, limit: int = 100
    ) -> AsyncGenerator[list[ChatSession], None]:
        """The sessions that changed last, of all shelves, latest change first: now and after every change.

        One that was deleted forever is missing from then on, and another takes the last place.
        """
        variables = {"limit": limit}
        async with aclosing(self._live.watch(token, operations.WATCH_CHANGED_SESSIONS, variables)) as states:
            async for data in states:
                yield [read(ChatSession, row) for row in data["chat_sessions"]]

    async def get_categories(self, token: str) -> list[CategoryCount]:
        """How many sessions lie where, by shelf and category."""
        data = await self._transport.execute(token, operations.LIST_CATEGORIES, idempotent=True)
        return [read(CategoryCount, row) for row in data["chat_session_categories"]]

    async def watch_categories(self, token: str) -> AsyncGenerator[list[CategoryCount], None]:
        """The same: now and after every change, but not more often than every `COUNT_AGAIN` seconds: a message is
        several changes of its session, and hardly ever one of its category.
        """
        told, changed = None, asyncio.Event()

        async def listen() -> None:
            # A view announces no changes: a live query of it would be polled, for everybody who looks at a list.
            async with aclosing(self._live.watch(token, operations.WATCH_ANY_SESSION, {})) as changes:
                async for _ in changes:
                    changed.set()

        listening = asyncio.create_task(listen())
        listening.add_done_callback(lambda _: changed.set())
        try:
            while True:
                await changed.wait()
                changed.clear()
                if listening.done():
                    await listening
                    return
                try:
                    counts = await self.get_categories(token)
                except Unavailable:
                    continue  # the live query goes through the same outage, and says everything again after it
                if counts != told:
                    yield counts
                    told = counts
                await asyncio.sleep(COUNT_AGAIN)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _list_sessions(self, token: str, where: dict[str, Any], *, limit: int) -> list[ChatSession]:
        data = await self._transport.execute(
            token, operations.LIST_SESSIONS, {"where": where, "limit": limit}, idempotent=True
        )
        return [read(ChatSession, row) for row in data["chat_sessions"]]

    async def _update_sessions(
        self, token: str, which: dict[str, Any], values: dict[str, Any]
    ) -> list[ChatSession]:
        where: dict[str, Any] = {"session_id": which}
        if values.get("is_active") is not True:
            where["is_active"] = {"_eq": True}
        data = await self._transport.execute(
            token,
            operations.UPDATE_SESSIONS,
            {"where": where, "set": values},
            # Said twice, a deletion finds nothing the second time.
            idempotent=values.get("is_active") is not False,
        )
        rows = [read(ChatSession, row) for row in data["update_chat_sessions"]["returning"]]
        return sorted(rows, key=lambda session: (session.updated_at, session.id), reverse=True)


def _set_of(changes: SessionChanges) -> dict[str, Any]:
    """Raises InvalidInput."""
    values: dict[str, Any] = dict(changes)
    title, auto_title = values.get("title"), values.pop("auto_title", None)
    kept = {name: values.pop(name) for name in ("system_prompt", "temperature") if name in values}
    if title is not None or auto_title is not None:
        values["machine_title"] = _machine_title(title, auto_title)
    return given(**values) | kept


def _machine_title(title: str | None, auto_title: bool | None) -> str:
    """No session's title is empty: that one is never the session's."""
    if not auto_title:
        return ""
    if title is None:
        raise InvalidInput("auto_title needs a title")
    return title


def _any_of(session_ids: Collection[UUID]) -> dict[str, list[str]]:
    if len(session_ids) > MOST_AT_ONCE:
        raise InvalidInput(f"at most {MOST_AT_ONCE} sessions at once")
    return {"_in": [str(session_id) for session_id in session_ids]}
