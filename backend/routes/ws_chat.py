"""The WebSocket API of one session: send, and hear of messages, answers as they are written, and typing."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, WebSocket
from pydantic import StringConstraints

from backend.deps import CurrentServices
from backend.errors import EXPECTED, Invalid, NotFound, Unauthenticated, problem_of
from backend.route_limits import MESSAGES
from backend.routes.text import PlainText
from backend.routes.ws_connection import Socket, serve, until_one_ends
from backend.routes.ws_events import (
    CHAT_CLIENT,
    Ack,
    Auth,
    ChatClientEvent,
    Delta,
    Failed,
    Message,
    Ping,
    Removed,
    Reset,
    Send,
    Stop,
    Turn,
    Typing,
    TypingSeen,
)
from backend.services import deadlines, feed, growth
from backend.services.assistant_errors import AssistantError
from backend.services.hasura_client import ChatMessage, HasuraError
from backend.services.presence import Present, Room
from backend.services.rate_limits import Claim
from backend.services.tasks import end
from backend.services.turn import Began
from backend.services.turn import Delta as Grown

router = APIRouter()

#: Messages of a live state, and how many at most a reader who comes back is caught up with: else it begins anew.
NEWEST, FURTHEST = 30, 1000

#: Seconds until an answer that could not be followed is followed again.
FOLLOW_AGAIN = 1.0

Answers = Annotated[list[Annotated[str, StringConstraints(max_length=150)]], Query(max_length=20)]
ClientName = Annotated[str | None, Query(max_length=50), PlainText]


@router.websocket("/ws/chat/{session_id}")
async def chat(
    websocket: WebSocket,
    session_id: UUID,
    services: CurrentServices,
    cursor: Annotated[str | None, Query(max_length=feed.LONGEST_CURSOR)] = None,
    answer: Answers = [],  # noqa: B006  FastAPI copies it
    client: ClientName = None,
) -> None:
    async def talk(socket: Socket) -> None:
        seen, read = _cursor_of(cursor), _read_of(answer)
        async with (
            services.presence.room(session_id) as room,
            room.joined(socket.user.id, client) as connection_id,
        ):
            await Talk(socket, room, connection_id, seen, read).run()

    await serve(websocket, services, session_id, talk)


class Talk:
    """One client and one session."""

    def __init__(
        self,
        socket: Socket,
        room: Room,
        connection_id: str,
        cursor: feed.Cursor | None,
        read: dict[UUID, growth.Cursor],
    ) -> None:
        self._socket = socket
        self._services = socket.services
        self._session_id = socket.session_id
        self._room = room
        self._connection_id = connection_id
        self._feed = feed.Feed(cursor)
        #: How much the client has of the text of an answer.
        self._read = read
        self._following: dict[UUID, asyncio.Task[None]] = {}
        self._failed: asyncio.Queue[Exception] = asyncio.Queue()

    async def run(self) -> None:
        """Until one side ends it. Raises why, or WebSocketDisconnect."""
        try:
            await self._begin()
            await until_one_ends(
                self._listen(),
                self._show_messages(),
                self._show_typing(),
                self._end_as_followers_do(),
                self._socket.until_expiry(),
            )
        finally:
            await end(*self._following.values())

    # What the client does

    async def _listen(self) -> None:
        while True:
            event = await self._socket.receive(CHAT_CLIENT)
            try:
                with self._socket.span(event):
                    async with deadlines.within(self._services.request_timeout), self._socket.doing:
                        await self._do(event)
            except EXPECTED as exc:
                problem = problem_of(exc)
                if isinstance(problem, NotFound | Unauthenticated):
                    # Is it the event alone that failed, or may this client do nothing here any more?
                    await self._socket.still_allowed()
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
                self._room.typing(self._connection_id, typing)
            case Stop(message_id=message_id):
                await services.replies.stop(user, message_id)
            case Send(id=message_id, content=content, ask=ask, edit_of=edit_of):
                await services.limits.hit(Claim(MESSAGES, str(user.id)))
                if ask:
                    turn = await services.replies.ask(
                        user, self._session_id, content, message_id, edit_of=edit_of
                    )
                    answer_id = turn.assistant_message_id
                else:
                    await services.hasura.add_chat_message(
                        user.token, self._session_id, content, message_id=message_id, edit_of=edit_of
                    )
                    services.metrics.messages.labels("user").inc()
                    answer_id = None
                await self._socket.send(Ack(id=message_id, assistant_message_id=answer_id))

    # What the client hears

    async def _begin(self) -> None:
        """What is known before `ready` is said is what it says: whatever happens after it is heard."""
        resumed = self._feed.cursor
        state = await self._services.hasura.get_messages_written_before(
            self._socket.user.token, self._session_id, None, limit=NEWEST
        )
        changes = await self._changes(state)
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
            older = await self._services.hasura.get_messages_written_before(
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
                for message_id in message_ids:
                    self._stop_following(message_id)
                    self._read.pop(message_id, None)
                await self._socket.send(Removed(cursor=cursor, message_ids=message_ids))
            case feed.Shown(message=message):
                self._stop_following(message.message_id)
                if message.status != "streaming":
                    if message.message_id in self._read:  # it may go on: what the client has now is this
                        run = str(message.metadata.get("run", ""))
                        self._read[message.message_id] = growth.Cursor(run, len(message.content))
                    await self._socket.send(Message(cursor=cursor, message=message))
                    return
                shown = message.model_copy(update={"content": ""})
                await self._socket.send(Message(cursor=cursor, message=shown))
                self._following[message.message_id] = asyncio.create_task(self._follow(message.message_id))

    def _stop_following(self, message_id: UUID) -> None:
        if (follower := self._following.pop(message_id, None)) is not None:
            follower.cancel()

    async def _follow(self, message_id: UUID) -> None:
        """The text of an answer as it is written; the message itself comes whole when it has ended."""
        try:
            while True:
                try:
                    await self._show_text(message_id)
                except HasuraError:
                    # GraphQL is away: what is missing comes when it is back.
                    await asyncio.sleep(FOLLOW_AGAIN)
                else:
                    return
        except Exception as exc:  # noqa: BLE001  the whole connection ends with it
            self._failed.put_nowait(exc)

    async def _show_text(self, message_id: UUID) -> None:
        """Raises HasuraError."""
        user, replies = self._socket.user, self._services.replies
        turn = await replies.resume(user, message_id)
        with suppress(AssistantError, growth.Gone):  # which the message says too
            async with aclosing(replies.events(user, turn, self._read.get(message_id))) as events:
                async for event in events:
                    match event:
                        case Began(user_message_id=question, run=run, offset=offset):
                            shown: Turn | Delta = Turn(
                                user_message_id=question,
                                assistant_message_id=message_id,
                                run=run,
                                offset=offset,
                            )
                        case Grown(run=run, offset=offset, text=text):
                            shown = Delta(message_id=message_id, run=run, offset=offset, text=text)
                        case _:
                            return
                    await self._socket.send(shown)
                    self._read[message_id] = growth.Cursor(run, offset)

    async def _end_as_followers_do(self) -> None:
        raise await self._failed.get()

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


def _read_of(answers: list[str]) -> dict[UUID, growth.Cursor]:
    read = {}
    for text in answers:
        message_id, _, position = text.partition(":")
        cursor = growth.Cursor.parse(position)
        try:
            answer_id = UUID(message_id)
        except ValueError:
            cursor = None
        if cursor is None:
            raise Invalid("An answer is given as message_id:run:offset.")
        read[answer_id] = cursor
    return read
