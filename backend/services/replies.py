"""Turns: a question is stored, an answer is written, and both outlive whoever asked.

The order makes a lost question impossible: the question's row, then the answer's row (``streaming``, empty), then
the model. The first answer's id follows from its question's, so the database decides who answers when one question
is sent twice, to one process or to several; further versions have ids of the client's choice.

                        ask, regenerate                          (lease renewed every 2 s, text saved)
    (no row) ────────────────────────────► streaming ◄──────────────┐
                                            │  │  │ └───────────────┘
                        the model has ended │  │  │ stop: by the writer, or by whoever is asked after 2 s of silence
                                            │  │  └──────────────────────────► stopped ──┐
                                            │  └─ the model failed, or the lease ran out ┼─► failed
                                            ▼     (`sweeper`)                            │     │
                                        complete                                         │     │
                                            │ truncated                                  │     │
                                            └────────────────► continue: streaming ◄─────┴─────┘
                                                               (the text is kept; ask, where there is none)

Each arrow is one update that names the state it leaves and the run it knows, so that of two only one happens.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING
from uuid import UUID, uuid4, uuid5

import structlog

from backend.services.assistant_errors import error_of
from backend.services.broadcast import say, topic_of
from backend.services.follower import Followers
from backend.services.growth import Cursor, Gone, Growth, Superseded
from backend.services.hasura_client import ChatMessage, Conflict, NotFound
from backend.services.reply import LONGEST_MESSAGE, Means, Reply, Run, run_after
from backend.services.turn import Began, Delta, Done, Event, Turn

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from backend.services.places import Places
    from backend.services.tokens import User

_ANSWERS = UUID("6f1f3a86-6f0a-4e0c-9f0e-2f6c1f0f9b52")
#: Somebody else may change an answer at the same time: look again, at most so often.
_ATTEMPTS = 3
#: How long the writer of an answer has to end it when it is told to stop, in seconds.
STOP_WITHIN = 2.0
#: While it does, the row is looked at so often, in seconds: the word of its end may be lost.
_LOOK_EVERY = 0.5

log = structlog.get_logger(__name__)


class ShuttingDown(Exception):
    """This process takes no new questions."""


def answer_id(question_id: UUID) -> UUID:
    """The message id of a question's first answer."""
    return uuid5(_ANSWERS, str(question_id))


class Replies:
    """The turns of this process, and a view of those of the others. Built by the app, ended by `drain` and `aclose`."""

    def __init__(self, means: Means, places: Places) -> None:
        self._means = means
        self._client = means.client
        self._places = places
        self._running: dict[UUID, Reply] = {}
        self._followers = Followers(means.client, means.tokens, means.bus)
        self._draining = False

    @property
    def running(self) -> int:
        """Answers that this process writes."""
        return len(self._running)

    # Beginning. Each raises TooManyReplies, TokensSpent or ShuttingDown, with nothing stored, a HasuraError, or
    # psycopg's errors.

    async def ask(
        self,
        user: User,
        session_id: UUID,
        content: str,
        message_id: UUID | None,
        *,
        edit_of: UUID | None = None,
    ) -> Turn:
        """Stores the question, with `edit_of` as another version of that one, and sees to its answer.

        A question that was asked before is not asked again: its answer is the turn's, unless that failed without
        a word.
        """
        self._refuse_when_draining()
        message_id = message_id or uuid4()
        async with self._places.one(user, answer_id(message_id)):
            question = await self._client.add_chat_message(
                user.token, session_id, content, message_id=message_id, edit_of=edit_of
            )
            self._means.metrics.messages.labels("user").inc()
            return await self._answered(user, question, answer_id(message_id))

    async def regenerate(self, user: User, message_id: UUID, new_id: UUID | None) -> Turn:
        """Another version of an answer (`message_id` is its id, or its question's), in a row of its own.

        Raises Conflict while one is being written, or when `new_id` is something else.
        """
        self._refuse_when_draining()
        new_id = new_id or uuid4()
        question = await self._question(user, message_id)
        async with self._places.one(user, new_id):
            current = (await self._client.get_current_answers(user.token, [question.message_id])).get(
                question.message_id
            )
            if current is not None and current.status == "streaming" and current.message_id != new_id:
                raise Conflict("an answer to this message is being written; stop it first", stored=current)
            return await self._answered(user, question, new_id)

    async def continue_(self, user: User, message_id: UUID) -> Turn:
        """Goes on where an answer broke off, in the same row; one that is being written is joined. It becomes the
        current version: the model is told the conversation that leads to it.

        Raises Conflict for an answer that is whole, and when its question was deleted.
        """
        self._refuse_when_draining()
        answer = await self._client.get_answer(user.token, message_id)
        async with self._places.one(user, answer.message_id, goes_on=True):
            for _ in range(_ATTEMPTS):
                if answer.status == "streaming":
                    return self._turn(answer)
                if answer.status == "complete" and not answer.metadata.get("truncated"):
                    raise Conflict("this answer is complete; ask for another version of it", stored=answer)
                if len(answer.content) >= LONGEST_MESSAGE:
                    raise Conflict("this answer is as long as a message may be", stored=answer)
                if answer.off_path:
                    await self._client.choose_version(user.token, answer.message_id)
                question = await self._question(user, answer.message_id)
                run = run_after(answer, uuid4(), self._means.assistant.name)
                begun = await self._client.begin_answer_again(
                    self._token(user.id), answer, content=answer.content, metadata=run.metadata
                )
                if begun is not None:
                    return self._start(user, question, begun, run)
                answer = await self._client.get_answer(user.token, answer.message_id)
                if answer.metadata.get("run") == str(run.id):
                    return self._start(user, question, answer, run)  # the answer to our update was lost
        raise Conflict("this answer is being changed elsewhere; look again shortly")

    # Reading

    async def resume(self, user: User, message_id: UUID) -> Turn:
        """The turn of an answer, or of a question's current answer. Raises a HasuraError."""
        return self._turn(await self._client.get_answer(user.token, message_id))

    async def events(
        self, user: User, turn: Turn, cursor: Cursor | None = None
    ) -> AsyncGenerator[Event, None]:
        """What a reader who stopped at `cursor` has missed, then the rest as it grows. Who stops reading stops nothing.

        Raises why the answer failed: an AssistantError, Gone, or the HasuraError that kept it from being saved.
        """
        while True:
            growth = turn.growth
            offset = growth.start_of(cursor)
            yield Began(turn.user_message_id, turn.assistant_message_id, growth.run, offset)
            async with aclosing(growth.pieces(offset)) as pieces:
                async for text in pieces:
                    offset += len(text)
                    yield Delta(growth.run, offset, text)
            if not isinstance(growth.error, Superseded):
                break
            row = await self._client.get_chat_message(self._token(user.id), turn.assistant_message_id)
            if row is None:
                raise Gone
            turn, cursor = self._turn(row), Cursor(growth.run, offset)
        if offset > len(growth.text):
            # Its writer died, and had told more than it had saved.
            yield Began(turn.user_message_id, turn.assistant_message_id, growth.run, len(growth.text))
        if growth.saved is None:
            raise growth.error or Gone()
        if growth.saved.status == "failed":
            raise error_of(growth.saved.metadata)
        yield Done(growth.saved)

    # Ending

    async def stop(self, user: User, message_id: UUID) -> ChatMessage:
        """The answer once it has ended, with what there is of it; one that had ended before is as it is."""
        answer = await self._client.get_answer(user.token, message_id)
        for _ in range(_ATTEMPTS):
            if answer.status != "streaming":
                return answer
            await self._tell_to_stop(answer)
            # Read with a token of our own: the row is the caller's, and their token may expire meanwhile.
            token = self._token(user.id)
            seen = await self._client.get_chat_message(token, answer.message_id)
            if seen is not None and seen.status == "streaming":
                seen = await self._client.stop_answer(token, seen) or seen
                await say(self._means.bus, answer.message_id, {"ended": True})
            if seen is None:
                raise NotFound("no such answer")
            answer = seen
        if answer.status == "streaming":
            raise Conflict("this answer is being changed elsewhere; look again shortly")
        return answer

    def writes(self, turn: Turn) -> bool:
        """Whether this process writes the answer; else it only hears of it, and another can tell it as well."""
        running = self._running.get(turn.assistant_message_id)
        return running is not None and running.growth is turn.growth

    async def drain(self, seconds: float) -> None:
        """Lets answers finish for so long, also those that begin meanwhile; then saves the rest as failed, and no new
        ones begin."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (tasks := self._tasks()) and (left := deadline - loop.time()) > 0:
            log.info("draining", replies=len(tasks))
            await asyncio.wait(tasks, timeout=left)
        self._draining = True
        late = self._tasks()
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def aclose(self) -> None:
        """Call it last."""
        await self._means.titles.aclose()
        await self._followers.aclose()
        await self._means.assistant.aclose()

    def _tasks(self) -> set[asyncio.Task[None]]:
        return {reply.task for reply in self._running.values() if reply.task is not None}

    async def _answered(self, user: User, question: ChatMessage, message_id: UUID) -> Turn:
        # Whoever asked may be gone by now: a row that says that it is being written must have its writer all the same.
        return await asyncio.shield(self._answer(user, question, message_id))

    async def _answer(self, user: User, question: ChatMessage, message_id: UUID) -> Turn:
        run = Run(uuid4(), self._means.assistant.name)
        token = self._token(user.id)
        stored = await self._client.add_assistant_message(
            token,
            question.session_id,
            message_id=message_id,
            reply_to=question.message_id,
            metadata=run.metadata,
        )
        if stored is not None:
            return self._start(user, question, stored, run)
        for _ in range(_ATTEMPTS):
            stored = await self._client.get_chat_message(user.token, message_id)
            if stored is None or stored.reply_to != question.message_id or stored.role != "assistant":
                raise Conflict("this message_id cannot be answered; choose another", stored=stored)
            if stored.metadata.get("run") == str(run.id):
                # The answer to our own insert or update was lost, and the client repeated it.
                return self._start(user, question, stored, run)
            if stored.status != "failed" or stored.content.strip():
                return self._turn(stored)
            begun = await self._client.begin_answer_again(token, stored, content="", metadata=run.metadata)
            if begun is not None:
                return self._start(user, question, begun, run)
        raise Conflict("this question is being answered elsewhere; look again shortly")

    def _start(self, user: User, question: ChatMessage, answer: ChatMessage, run: Run) -> Turn:
        reply = Reply(self._means, user, question, answer, run)
        self._running[answer.message_id] = reply
        reply.start(on_end=lambda: self._forget(answer.message_id, reply))
        return Turn(question.message_id, answer.message_id, reply.growth)

    def _forget(self, message_id: UUID, reply: Reply) -> None:
        if self._running.get(message_id) is reply:
            del self._running[message_id]

    def _turn(self, answer: ChatMessage) -> Turn:
        running = self._running.get(answer.message_id)
        if running is not None and not running.growth.ended.is_set():
            growth = running.growth
        elif answer.status == "streaming":
            growth = self._followers.follow(answer)
        else:
            growth = Growth.of(answer)
        return Turn(answer.reply_to, answer.message_id, growth)

    async def _question(self, user: User, message_id: UUID) -> ChatMessage:
        """That a message is, or answers. Raises NotFound or Conflict."""
        message = await self._client.get_live_message(user.token, message_id)
        if message.role == "user":
            return message
        if message.role != "assistant":
            raise NotFound("no such answer")
        if message.reply_to is None:
            raise Conflict("the question of this answer was deleted")
        return await self._client.get_live_message(user.token, message.reply_to)

    async def _tell_to_stop(self, answer: ChatMessage) -> None:
        """Returns when the writer has ended it, or has had its time."""
        if (running := self._running.get(answer.message_id)) is not None:
            running.stop()
            await asyncio.wait({asyncio.create_task(running.growth.ended.wait())}, timeout=STOP_WITHIN)
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + STOP_WITHIN
        async with self._means.bus.subscribe(topic_of(answer.message_id)) as messages:
            await say(self._means.bus, answer.message_id, {"stop": answer.metadata.get("run")})
            while (left := deadline - loop.time()) > 0:
                try:
                    async with asyncio.timeout(min(left, _LOOK_EVERY)):
                        if await anext(messages, None) in ({"ended": True}, None):
                            return
                except TimeoutError:
                    row = await self._client.get_chat_message(self._token(answer.user_id), answer.message_id)
                    if row is None or row.status != "streaming":
                        return

    def _refuse_when_draining(self) -> None:
        if self._draining:
            raise ShuttingDown

    def _token(self, user_id: UUID) -> str:
        return self._means.tokens.assistant(user_id)
