"""One answer while it is written: the text so far, whoever listens to it, and its row in the database."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import stamina
import structlog

from backend.services import assistant_errors as errors
from backend.services.conversation import Conversation
from backend.services.hasura_client import ChatMessage, HasuraClient, HasuraError, Status, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from uuid import UUID

    from backend.services.conversation import Assistant
    from backend.services.tokens import Tokens, User

#: How often the text so far is saved: other tabs see it grow, and a crash loses no more than this. Seconds.
CHECKPOINT_EVERY = 1.0
#: The database's lease lasts 10 s; renewed so often, two renewals may fail. Seconds.
RENEW_EVERY = 3.0
#: How long the end of an answer is tried to be saved while the database is away, in seconds.
SAVE_FOR = 30.0
#: The same for an answer that the end of the process interrupts.
SAVE_AT_END_FOR = 3.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at an answer; its id fences off an earlier attempt that is still alive somewhere."""

    id: UUID
    model: str


def beginning(run: Run) -> dict[str, Any]:
    """The metadata of an answer that is being written."""
    return {"model": run.model, "run": str(run.id)}


class Gone(Exception):
    """The answer's row was deleted (the conversation was cleared), or another run has taken it over."""


class Reply:
    """Runs as a task of its own from `start` on, whoever listens.

    Once `finished`: `saved` is the row as stored, None when it is gone or could not be stored; `error` is why
    the answer failed, if it did.
    """

    def __init__(
        self,
        *,
        client: HasuraClient,
        tokens: Tokens,
        assistant: Assistant,
        user: User,
        question: ChatMessage,
        message_id: UUID,
        run: Run,
        total_timeout: float,
        answer_chars: int,
        slots: asyncio.Semaphore,
    ) -> None:
        self.user = user
        self.task: asyncio.Task[None] | None = None
        self.saved: ChatMessage | None = None
        self.error: errors.AssistantError | HasuraError | Gone | None = None
        self.finished = asyncio.Event()
        self._client = client
        self._tokens = tokens
        self._assistant = assistant
        self._conversation = Conversation(client, user.token, question)
        self._message_id = message_id
        self._run = run
        self._total_timeout = total_timeout
        self._answer_chars = answer_chars
        self._slots = slots
        self._text = ""
        self._grown = asyncio.Event()

    def start(self, on_end: Callable[[], object]) -> None:
        self.task = asyncio.create_task(self._work(), name=f"reply-{self._message_id}")
        self.task.add_done_callback(lambda _: on_end())

    async def deltas(self) -> AsyncGenerator[str, None]:
        """The text so far, then what is added, until the answer has ended. Any number may listen."""
        shown = 0
        while True:
            grown = self._grown
            if len(self._text) > shown:
                piece, shown = self._text[shown:], len(self._text)
                yield piece
            elif self.finished.is_set():
                return
            else:
                await grown.wait()

    async def _work(self) -> None:
        outcome: errors.AssistantError | None = errors.Interrupted()
        try:
            outcome = await self._generate_while_ours()
            await self._finish(outcome)
        except Gone as gone:
            self.error = gone
            log.info("reply_gone", message_id=str(self._message_id))
        except asyncio.CancelledError:
            # The process ends. A cancelled task may still await: this is the last thing it does.
            with suppress(TimeoutError, Gone):
                async with asyncio.timeout(SAVE_AT_END_FOR):
                    await self._finish(outcome)
            raise
        finally:
            self.finished.set()
            self._wake()

    async def _generate_while_ours(self) -> errors.AssistantError | None:
        """Why it failed, if it did. Raises Gone."""
        generating = asyncio.create_task(self._generate())
        checkpoints = asyncio.create_task(self._checkpoints())
        try:
            await asyncio.wait({generating, checkpoints}, return_when=asyncio.FIRST_COMPLETED)
            if checkpoints.done():
                checkpoints.result()
            return await generating
        finally:
            generating.cancel()
            checkpoints.cancel()
            await asyncio.gather(generating, checkpoints, return_exceptions=True)

    async def _generate(self) -> errors.AssistantError | None:
        """Why it failed, if it did."""
        try:
            async with (
                self._slots,
                asyncio.timeout(self._total_timeout),
                aclosing(self._assistant.answer(self._conversation)) as pieces,
            ):
                async for piece in pieces:
                    if self._add(piece):
                        break
        except errors.AssistantError as exc:
            return exc
        except TimeoutError:
            return errors.TimedOut()
        except HasuraError as exc:
            log.warning("history_unavailable", message_id=str(self._message_id), cause=repr(exc))
            return errors.HistoryUnavailable()
        except Exception as exc:
            # A defect of an assistant: its question still gets an answer that says so.
            log.exception("assistant_defect", message_id=str(self._message_id), exc_info=exc)
            return errors.Unexpected()
        return None if self._text.strip() else errors.Empty()

    def _add(self, piece: str) -> bool:
        """Whether the answer is as long as it may be."""
        # PostgreSQL's text takes neither NUL nor half of a surrogate pair; a model may send both.
        clean = piece.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        self._text += clean[: self._answer_chars - len(self._text)]
        self._wake()
        return len(self._text) >= self._answer_chars

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()

    async def _checkpoints(self) -> None:
        """Runs until cancelled. Raises Gone."""
        written, waited = "", 0.0
        while True:
            await asyncio.sleep(CHECKPOINT_EVERY)
            waited += CHECKPOINT_EVERY
            if self._text == written and waited < RENEW_EVERY:
                continue
            text = self._text
            try:
                renewed = await self._client.renew_answer(
                    self._tokens.assistant(self.user.id),
                    self._message_id,
                    run=str(self._run.id),
                    content=text if text != written else None,
                )
            except HasuraError as exc:
                log.warning("checkpoint_failed", message_id=str(self._message_id), cause=repr(exc))
                continue
            if not renewed:
                raise Gone
            written, waited = text, 0.0

    async def _finish(self, error: errors.AssistantError | None) -> None:
        self.error = error
        metadata: dict[str, Any] = {"model": self._run.model, "run": str(self._run.id)}
        if len(self._text) >= self._answer_chars:
            metadata["truncated"] = True
        if error is not None:
            metadata["error"] = errors.saved(error)
            log.warning(
                "reply_failed", message_id=str(self._message_id), kind=error.kind, cause=_cause(error)
            )
        try:
            async for attempt in stamina.retry_context(
                on=Unavailable, attempts=None, timeout=SAVE_FOR, wait_initial=0.2, wait_max=3.0
            ):
                with attempt:
                    self.saved = await self._save(
                        "complete" if error is None else "failed", metadata, self._text
                    )
        except HasuraError as exc:
            self.error = exc
            log.exception("reply_not_saved", message_id=str(self._message_id), exc_info=exc)

    async def _save(self, status: Status, metadata: dict[str, Any], text: str) -> ChatMessage:
        saved = await self._client.end_answer(
            self._tokens.assistant(self.user.id),
            self._message_id,
            run=str(self._run.id),
            content=text,
            status=status,
            metadata=metadata,
        )
        if saved is None:
            raise Gone
        return saved


def _cause(error: errors.AssistantError) -> str | None:
    # The type alone: a provider's message may repeat the prompt or the key.
    return type(error.__cause__).__name__ if error.__cause__ is not None else None
