"""A turn: a question is stored, an answer is written, and both outlive whoever asked.

The order makes a lost question impossible: the question's row, then the answer's row (``streaming``, empty),
then the model. An answer's id follows from its question's, so the database decides who answers when one
question is sent twice, to one process or to several. Whoever writes an answer renews its lease; after a crash the
lease runs out, the answer is marked as failed (`sweeper`), and the next send of the same question begins anew.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4, uuid5

import structlog

from backend.services.assistant_errors import Interrupted, error_of
from backend.services.hasura_client import ChatMessage, Conflict, HasuraClient
from backend.services.reply import Gone, Reply, Run, beginning

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from backend.services.conversation import Assistant
    from backend.services.tokens import Tokens, User

_ANSWERS = UUID("6f1f3a86-6f0a-4e0c-9f0e-2f6c1f0f9b52")
#: How often an answer that another process writes is looked at, in seconds.
FOLLOW_EVERY = 0.5
#: Another send may take over a failed answer at the same time: look again, at most so often.
_TAKEOVERS = 3

log = structlog.get_logger(__name__)


class TooManyReplies(Exception):
    """This user has as many answers under way as are allowed."""


class ShuttingDown(Exception):
    """This process takes no new questions."""


def answer_id(question_id: UUID) -> UUID:
    """The message id of a question's answer."""
    return uuid5(_ANSWERS, str(question_id))


@dataclass(frozen=True, slots=True)
class Turn:
    """A stored question and its answer, being written or there already."""

    user_message_id: UUID
    assistant_message_id: UUID
    reply: Reply | None
    stored: ChatMessage | None


class Replies:
    """The answers under way in this process. Built by the app, ended by `drain`."""

    def __init__(
        self,
        client: HasuraClient,
        tokens: Tokens,
        assistant: Assistant,
        *,
        total_timeout: float,
        answer_chars: int,
        at_once: int,
        per_user: int,
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._assistant = assistant
        self._total_timeout = total_timeout
        self._answer_chars = answer_chars
        self._slots = asyncio.Semaphore(at_once)
        self._per_user = per_user
        self._running: dict[UUID, Reply] = {}
        self._draining = False

    async def ask(self, user: User, session_id: UUID, content: str, message_id: UUID | None) -> Turn:
        """Stores the question and sees to its answer.

        A question that was asked before is not asked again: its answer is the turn's, unless that failed.
        Raises TooManyReplies or ShuttingDown, with nothing stored, or a HasuraError.
        """
        if self._draining:
            raise ShuttingDown
        message_id = message_id or uuid4()
        running = self._running.get(answer_id(message_id))
        if running is None and self._count(user.id) >= self._per_user:
            raise TooManyReplies
        question = await self._client.add_chat_message(user.token, session_id, content, message_id=message_id)
        return await self._answer(user, question)

    async def deltas(self, user: User, turn: Turn) -> AsyncGenerator[str, None]:
        """The text of the answer so far, then as it grows. Whoever stops listening stops nothing."""
        if turn.reply is not None:
            async with aclosing(turn.reply.deltas()) as pieces:
                async for piece in pieces:
                    yield piece
            return
        shown = ""
        async with aclosing(self._states(user, turn)) as states:
            async for message in states:
                if len(message.content) > len(shown):
                    yield message.content[len(shown) :]
                    shown = message.content

    async def outcome(self, user: User, turn: Turn) -> ChatMessage:
        """The saved answer, once it has ended.

        Raises why it failed: an AssistantError, Gone, or the HasuraError that kept it from being saved.
        """
        if turn.reply is not None:
            await turn.reply.finished.wait()
            if turn.reply.error is not None:
                raise turn.reply.error
            message = turn.reply.saved
        else:
            message = None
            async for message in self._states(user, turn):  # noqa: B007  the last one is the outcome
                pass
        if message is None:
            raise Gone
        if message.status == "failed":
            raise error_of(message.metadata)
        if message.status == "streaming":
            raise Interrupted
        return message

    async def _states(self, user: User, turn: Turn) -> AsyncGenerator[ChatMessage, None]:
        """An answer that is stored already, or that another process writes: each state until it has ended."""
        message = turn.stored
        while message is not None:
            yield message
            if message.status != "streaming":
                return
            await asyncio.sleep(FOLLOW_EVERY)
            message = await self._client.get_chat_message(user.token, turn.assistant_message_id)

    async def drain(self, seconds: float) -> None:
        """Lets answers finish for so long, then saves the rest as failed; no new ones begin."""
        self._draining = True
        tasks = {reply.task for reply in self._running.values() if reply.task is not None}
        if tasks:
            log.info("draining", replies=len(tasks))
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._assistant.aclose()

    async def _answer(self, user: User, question: ChatMessage) -> Turn:
        message_id = answer_id(question.message_id)
        run = Run(uuid4(), self._assistant.name)
        token = self._tokens.assistant(user.id)
        if (running := self._running.get(message_id)) is not None:
            return Turn(question.message_id, message_id, running, None)
        stored = await self._client.add_assistant_message(
            token,
            question.session_id,
            message_id=message_id,
            reply_to=question.message_id,
            metadata=beginning(run),
        )
        if stored is not None:
            return self._start(user, question, stored, run)
        for _ in range(_TAKEOVERS):
            stored = await self._client.get_chat_message(user.token, message_id)
            if stored is None or stored.reply_to != question.message_id or stored.role != "assistant":
                raise Conflict("this message_id cannot be answered; choose another")
            if stored.metadata.get("run") == str(run.id):
                # The answer to our own insert or takeover was lost, and the client repeated it.
                return self._start(user, question, stored, run)
            if stored.status != "failed":
                return Turn(question.message_id, message_id, self._running.get(message_id), stored)
            taken = await self._client.begin_answer_again(token, stored, content="", metadata=beginning(run))
            if taken is not None:
                return self._start(user, question, taken, run)
        raise Conflict("this question is being answered elsewhere; look again shortly")

    def _start(self, user: User, question: ChatMessage, answer: ChatMessage, run: Run) -> Turn:
        reply = Reply(
            client=self._client,
            tokens=self._tokens,
            assistant=self._assistant,
            user=user,
            question=question,
            message_id=answer.message_id,
            run=run,
            total_timeout=self._total_timeout,
            answer_chars=self._answer_chars,
            slots=self._slots,
        )
        self._running[answer.message_id] = reply
        reply.start(on_end=lambda: self._running.pop(answer.message_id, None))
        return Turn(question.message_id, answer.message_id, reply, None)

    def _count(self, user_id: UUID) -> int:
        return sum(reply.user.id == user_id for reply in self._running.values())
