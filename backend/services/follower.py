"""Answers that other processes write, as this one hears of them: over the bus, and from the row where it is silent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from backend.services import deadlines
from backend.services.assistant_errors import Interrupted
from backend.services.broadcast import WANT_EVERY, say, topic_of
from backend.services.bus import Lost
from backend.services.growth import Growth, Superseded
from backend.services.hasura_client import HasuraError, Unavailable
from backend.services.tasks import end
from telemetry.safe import told

if TYPE_CHECKING:
    from uuid import UUID

    from backend.services.bus import Bus
    from backend.services.hasura_client import ChatMessage, HasuraClient
    from backend.services.tokens import Tokens

#: After so many seconds without a word the row is read.
LOOK_AFTER = 1.0
#: Seconds that an answer is followed on when its last reader has left: a reload comes back.
LINGER = 5.0

log = structlog.get_logger(__name__)


class Followers:
    """One for each answer, shared by all of its readers in this process. A reader has shown that it is theirs."""

    def __init__(self, client: HasuraClient, tokens: Tokens, bus: Bus) -> None:
        self._client = client
        self._tokens = tokens
        self._bus = bus
        self._following: dict[UUID, Growth] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def follow(self, answer: ChatMessage) -> Growth:
        growth = self._following.get(answer.message_id)
        if growth is None or growth.ended.is_set() or growth.run != _run_of(answer):
            growth = self._following[answer.message_id] = Growth.of(answer)
            task = asyncio.create_task(
                self._run(answer, growth), name=f"follow-{answer.message_id}", context=deadlines.detached()
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return growth

    async def aclose(self) -> None:
        await end(*self._tasks)

    async def _run(self, answer: ChatMessage, growth: Growth) -> None:
        try:
            await self._follow(answer, growth)
        finally:
            if self._following.get(answer.message_id) is growth:
                del self._following[answer.message_id]
            growth.end(None, Interrupted())  # where nothing else has ended it: this process ends

    async def _follow(self, answer: ChatMessage, growth: Growth) -> None:
        loop = asyncio.get_running_loop()
        asked, alone_since = float("-inf"), loop.time()
        async with self._bus.subscribe(topic_of(answer.message_id)) as messages:
            # What was said between the reading of the row and the subscription is in the row, or asked for.
            await self._look(answer, growth)
            while not growth.ended.is_set():
                if growth.readers:
                    alone_since = loop.time()
                elif loop.time() - alone_since > LINGER:
                    growth.end(None, Superseded())  # who has come this very moment looks again
                    return
                if loop.time() - asked > WANT_EVERY:
                    await say(self._bus, answer.message_id, {"want": len(growth.text)})
                    asked = loop.time()
                try:
                    async with asyncio.timeout(LOOK_AFTER):
                        message = await anext(messages, None)
                except TimeoutError:
                    await self._look(answer, growth)
                    continue
                match message:
                    case None:
                        return  # the bus is closed: this process ends
                    case {"run": growth.run, "offset": int(offset), "text": str(text)}:
                        known = len(growth.text)
                        if offset > known:
                            asked = float("-inf")
                        elif offset + len(text) > known:
                            growth.add(text[known - offset :])
                    case {"ended": True}:
                        await self._look(answer, growth)
                    case Lost():
                        await self._look(answer, growth)
                        asked = float("-inf")
                    case _:
                        pass

    async def _look(self, answer: ChatMessage, growth: Growth) -> None:
        token = self._tokens.assistant(answer.user_id)
        try:
            row = await self._client.get_chat_message(token, answer.message_id)
        except Unavailable as exc:
            log.warning("follower_blind", message_id=str(answer.message_id), cause=told(exc))
            return
        except HasuraError as exc:
            growth.end(None, exc)
            return
        if row is None or _run_of(row) != growth.run:
            growth.end(None, Superseded())
        elif row.status != "streaming":
            growth.end(row)
        elif len(row.content) > len(growth.text):
            growth.add(row.content[len(growth.text) :])


def _run_of(answer: ChatMessage) -> str:
    return str(answer.metadata.get("run", ""))
