"""The WebSocket API of one session: send, and hear of messages, answers as they are written, and typing."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, WebSocket

from backend.deps import CurrentServices
from backend.errors import EXPECTED, Invalid, problem_of
from backend.routes.text import PlainText
from backend.routes.ws_connection import Socket, admitted, until_one_ends
from backend.routes.ws_events import (
    CHAT_CLIENT,
    Ack,
    Auth,
    ChatClientEvent,
    Failed,
    Message,
    Ping,
    Removed,
    Reset,
    Send,
    Typing,
    TypingSeen,
)
from backend.services import feed
from backend.services.hasura_client import ChatMessage
from backend.services.presence import Present, Room

router = APIRouter()

#: Messages of a live state, and how many at most a reader who comes back is caught up with: else it begins anew.
NEWEST, FURTHEST = 30, 1000

ClientName = Annotated[str | None, Query(max_length=50), PlainText]


@router.websocket("/ws/chat/{session_id}")
async def chat(
    websocket: WebSocket,
    session_id: UUID,
    services: CurrentServices,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    client: ClientName = None,
) -> None:
    async with (
        admitted(websocket, services, session_id) as socket,
        services.presence.room(session_id) as room,
        room.joined(socket.user.id, client) as connection_id,
    ):
        await Talk(socket, room, connection_id, _cursor_of(cursor)).run()


class Talk:
    """One client and one session."""

    def __init__(self, socket: Socket, room: Room, connection_id: str, cursor: feed.Cursor | None) -> None:
        self._socket = socket
        self._services = socket.services
        self._session_id = socket.session_id
        self._room = room
        self._connection_id = connection_id
        self._feed = feed.Feed(cursor)

    async def run(self) -> None:
        """Until one side ends it. Raises why, or WebSocketDisconnect."""
        await self._begin()
        await until_one_ends(
            self._listen(), self._show_messages(), self._show_typing(), self._socket.until_expiry()
        )

    # What the client does

    async def _listen(self) -> None:
        while True:
            event = await self._socket.receive(CHAT_CLIENT)
            try:
                await self._do(event)
            except EXPECTED as exc:
                # Is it the event alone that failed, or may this client do nothing here any more?
                await self._socket.still_allowed()
                problem = problem_of(exc)
                await self._socket.send(
                    Failed(id=event.id if isinstance(event, Send) else None, problem=problem.body())
                )

    async def _do(self, event: ChatClientEvent) -> None:
        services, user = self._services, self._socket.user
        match event:
            case Auth(token=token):
                await self._socket.authenticate(token)
                await self._socket.greet(self._connection_id)
            case Ping():
                await self._socket.pong(event)
            case Typing(typing=typing):
                await self._socket.still_allowed()
                await self._room.typing(self._connection_id, typing)
            case Send(id=message_id, content=content, ask=ask):
                await services.message_limits.count(user.id)
                if ask:
                    turn = await services.replies.ask(user, self._session_id, content, message_id)
                    answer_id = turn.assistant_message_id
                else:
                    await services.hasura.add_chat_message(
                        user.token, self._session_id, content, message_id=message_id
                    )
                    answer_id = None
                await self._socket.send(Ack(id=message_id, assistant_message_id=answer_id))

    # What the client hears

    async def _begin(self) -> None:
        """What is known before `ready` is said is what it says: whatever happens after it is heard."""
        resumed = self._feed.cursor
        page = await self._services.hasura.get_chat_messages(
            self._socket.user.token, self._session_id, limit=NEWEST
        )
        changes = await self._changes(page.items)
        await self._socket.greet(self._connection_id, str(resumed or self._feed.cursor))
        await self._tell(changes)

    async def _show_messages(self) -> None:
        async with aclosing(self._socket.states(NEWEST)) as states:
            async for state in states:
                await self._tell(await self._changes(state))

    async def _changes(self, state: list[ChatMessage]) -> list[tuple[feed.Change, feed.Cursor]]:
        messages, whole = state, len(state) < NEWEST
        while not whole and len(messages) < FURTHEST:
            before = self._feed.lacks(messages)
            if before is None:
                break
            older = await self._services.hasura.get_messages_before(
                self._socket.user.token, self._session_id, before, limit=NEWEST
            )
            messages, whole = [*older, *messages], len(older) < NEWEST
        return self._feed.update(messages, whole=whole)

    async def _tell(self, changes: list[tuple[feed.Change, feed.Cursor]]) -> None:
        for change, cursor in changes:
            await self._tell_one(change, str(cursor))

    async def _tell_one(self, change: feed.Change, cursor: str) -> None:
        match change:
            case feed.Reset():
                await self._socket.send(Reset(cursor=cursor))
            case feed.Removed(message_ids=message_ids):
                await self._socket.send(Removed(cursor=cursor, message_ids=message_ids))
            case feed.Shown(message=message):
                under_way = message.status == "streaming"
                shown = message.model_copy(update={"content": ""}) if under_way else message
                await self._socket.send(Message(cursor=cursor, message=shown))

    async def _show_typing(self) -> None:
        shown: dict[str, Present] = {}
        async for present in self._room.states():
            typing = {
                each.connection_id: each
                for each in present
                if each.typing and each.connection_id != self._connection_id
            }
            for each in [shown[gone] for gone in shown if gone not in typing]:
                await self._socket.send(_typing_seen(each, typing=False))
            for each in [typing[new] for new in typing if new not in shown]:
                await self._socket.send(_typing_seen(each, typing=True))
            shown = typing


def _typing_seen(present: Present, *, typing: bool) -> TypingSeen:
    return TypingSeen(
        connection_id=present.connection_id,
        user_id=UUID(present.user_id),
        client=present.client,
        typing=typing,
    )


def _cursor_of(text: str | None) -> feed.Cursor | None:
    if text is None:
        return None
    try:
        return feed.Cursor.read(text)
    except ValueError as exc:
        raise Invalid(f"{str(exc).capitalize()}.") from None
