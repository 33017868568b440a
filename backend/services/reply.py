"""One answer while this process writes it: from its empty row to its final state."""

from __future__ import annotations

import asyncio
import codecs
import time
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import structlog

from backend.services import assistant_errors as errors
from backend.services import deadlines
from backend.services.broadcast import broadcasting
from backend.services.conversation import Conversation, Usage, estimated_tokens
from backend.services.growth import Growth, Superseded
from backend.services.hasura_client import ChatMessage, HasuraClient, HasuraError, Status, Unavailable
from backend.services.repeating import repeated
from backend.services.tasks import end
from telemetry import traces
from telemetry.safe import told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from uuid import UUID

    from backend.metrics import Metrics
    from backend.services.bus import Bus
    from backend.services.conversation import Assistant
    from backend.services.titles import Titles
    from backend.services.tokens import Tokens, User

#: How often the text so far is saved, and with it the lease of 10 s renewed. A crash loses no more. Seconds.
CHECKPOINT_EVERY = 2.0
#: A checkpoint that takes longer is given up, so that another is tried while the lease still lasts. Seconds.
CHECKPOINT_WITHIN = 3.0
#: An answer that finds no free place for so long fails, and can be asked for again. Seconds.
PLACE_WITHIN = 60.0
#: How long the end of an answer is tried to be saved while the database is away, in seconds.
SAVE_FOR = 300.0
#: The same for an answer that the end of the process interrupts.
SAVE_AT_END_FOR = 3.0
#: Characters that the database takes for one message.
LONGEST_MESSAGE = 100_000
#: Earlier runs whose readers can still resume.
_EARLIER_RUNS = 8

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at an answer; its id fences off any other that is still alive somewhere.

    :param earlier_runs: of a continued answer: how much of each earlier run's text was kept.
    """

    id: UUID
    model: str
    earlier_runs: dict[str, int] = field(default_factory=dict)

    @property
    def metadata(self) -> dict[str, Any]:
        """Of an answer that begins."""
        earlier = {"earlier_runs": self.earlier_runs} if self.earlier_runs else {}
        return {"model": self.model, "run": str(self.id), **earlier}


def run_after(answer: ChatMessage, run_id: UUID, model: str) -> Run:
    """The run that goes on where `answer` ends."""
    past = Growth.of(answer)
    kept = len(answer.content)
    earlier = {run: min(length, kept) for run, length in past.earlier_runs.items()} | {past.run: kept}
    return Run(run_id, model, dict(list(earlier.items())[-_EARLIER_RUNS:]))


@dataclass(frozen=True, slots=True)
class Means:
    """What all replies of a process share."""

    client: HasuraClient
    metrics: Metrics
    tokens: Tokens
    assistant: Assistant
    bus: Bus
    titles: Titles
    total_timeout: float
    answer_chars: int
    slots: asyncio.Semaphore


@dataclass(frozen=True, slots=True)
class _End:
    status: Status
    error: errors.AssistantError | None = None


class Reply:
    """Runs as a task of its own from `start` on, whoever reads its `growth`."""

    def __init__(
        self, means: Means, user: User, question: ChatMessage, answer: ChatMessage, run: Run
    ) -> None:
        self.growth = Growth(str(run.id), answer.content, earlier_runs=run.earlier_runs)
        self.task: asyncio.Task[None] | None = None
        self._means = means
        self._user = user
        self._conversation = Conversation(means.client, user.token, question, answer.content)
        self._message_id = answer.message_id
        self._run = run
        self._longest = min(LONGEST_MESSAGE, len(answer.content) + means.answer_chars)
        # PostgreSQL's text takes no half of a surrogate pair; a model may send one, or a pair in two pieces.
        self._decoder = codecs.getincrementaldecoder("utf-16-le")("replace")
        self._stopping = asyncio.Event()
        self._usage = Usage()
        self._began_at = self._first_at = time.monotonic()

    def start(self, on_end: Callable[[], object]) -> None:
        self.task = asyncio.create_task(
            self._told(), name=f"reply-{self._message_id}", context=deadlines.detached()
        )
        self.task.add_done_callback(lambda _: on_end())

    def stop(self) -> None:
        """The answer ends here, as ``stopped``, with what there is of it."""
        self._stopping.set()

    async def _told(self) -> None:
        """Below the request that asked, though it outlives that."""
        with traces.span("answer", attributes={"gen_ai.request.model": self._run.model}):
            await self._work()

    async def _work(self) -> None:
        async with broadcasting(self._means.bus, self._message_id, self.growth, on_stop=self.stop):
            end = _End("failed", errors.Interrupted())
            try:
                end = await self._write()
                await self._finish(end)
            except Superseded as exc:
                self.growth.end(None, exc)
                log.info("reply_superseded", message_id=str(self._message_id))
            except asyncio.CancelledError:
                # The process ends. A cancelled task may still await: this is the last thing it does.
                with suppress(TimeoutError, Superseded):
                    async with asyncio.timeout(SAVE_AT_END_FOR):
                        await self._finish(end)
                raise
            finally:
                self.growth.end(None, errors.Interrupted())  # where nothing else has ended it

    async def _write(self) -> _End:
        """Raises Superseded."""
        generating = asyncio.create_task(self._generate())
        keeping = asyncio.create_task(self._keep())
        stopping = asyncio.create_task(self._stopping.wait())
        tasks = (generating, keeping, stopping)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if keeping.done():
                keeping.result()
            return generating.result() if generating.done() else _End("stopped")
        finally:
            await end(*tasks)

    async def _generate(self) -> _End:
        try:
            async with self._place(), asyncio.timeout(self._means.total_timeout):
                self._began_at = self._first_at = time.monotonic()
                calling = traces.span(f"chat {self._run.model}", "client", {"gen_ai.operation.name": "chat"})
                with calling:
                    await self._read_model()
        except errors.AssistantError as exc:
            return _End("failed", exc)
        except TimeoutError:
            return _End("failed", errors.TimedOut())
        except HasuraError as exc:
            log.warning("history_unavailable", message_id=str(self._message_id), cause=told(exc))
            return _End("failed", errors.HistoryUnavailable())
        except Exception as exc:
            # A defect of an assistant: its question still gets an answer that says so.
            log.exception("assistant_defect", message_id=str(self._message_id), exc_info=exc)
            return _End("failed", errors.Unexpected())
        return _End("complete") if self.growth.text.strip() else _End("failed", errors.Empty())

    async def _read_model(self) -> None:
        """Raises AssistantError, HasuraError."""
        async with aclosing(self._means.assistant.answer(self._conversation)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Usage):
                    self._learn(piece)
                elif self._add(piece):
                    self._usage = replace(self._usage, cut=True)
                    return
        self._add("", final=True)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """One of the answers that this process writes at the same time."""
        metrics, asked_at = self._means.metrics, time.monotonic()
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(PLACE_WITHIN):
                    with metrics.answers_waiting.track_inprogress():
                        await stack.enter_async_context(self._means.slots)
            except TimeoutError:
                raise errors.Busy(retry_after=round(PLACE_WITHIN)) from None
            metrics.answer_wait.observe(time.monotonic() - asked_at)
            yield

    def _add(self, piece: str, *, final: bool = False) -> bool:
        """Whether the answer is as long as it may be."""
        text = self.growth.text
        clean = self._decoder.decode(piece.replace("\x00", "").encode("utf-16-le", "surrogatepass"), final)
        clean = clean[: self._longest - len(text)]
        if clean:
            if len(text) == len(self._conversation.begun):
                self._first_at = time.monotonic()
                self._means.metrics.first_token.observe(self._first_at - self._began_at)
            self.growth.add(clean)
        return len(text) + len(clean) >= self._longest

    def _learn(self, usage: Usage) -> None:
        known = self._usage
        self._usage = Usage(
            prompt_tokens=known.prompt_tokens if usage.prompt_tokens is None else usage.prompt_tokens,
            completion_tokens=(
                known.completion_tokens if usage.completion_tokens is None else usage.completion_tokens
            ),
            estimated=known.estimated if usage.completion_tokens is None else usage.estimated,
            cut=known.cut or usage.cut,
        )

    async def _keep(self) -> None:
        """Saves the text so far and renews the lease, until cancelled. Raises Superseded."""
        written = self.growth.text
        while True:
            await asyncio.sleep(CHECKPOINT_EVERY)
            text = self.growth.text
            try:
                async with asyncio.timeout(CHECKPOINT_WITHIN):
                    ours = await self._means.client.renew_answer(
                        self._token(),
                        self._message_id,
                        run=self.growth.run,
                        content=text if text != written else None,
                    )
            except (HasuraError, TimeoutError) as exc:
                log.warning("checkpoint_failed", message_id=str(self._message_id), cause=told(exc))
                continue
            if not ours:
                raise Superseded
            written = text

    async def _finish(self, end: _End) -> None:
        """Raises Superseded."""
        metadata = self._metadata(end)
        self._means.metrics.ended(end.status, end.error, metadata)
        if end.error is not None:
            log.warning(
                "reply_failed", message_id=str(self._message_id), kind=end.error.kind, cause=_cause(end.error)
            )
        try:
            saved = await repeated(
                lambda: self._save(end.status, metadata),
                on=lambda exc: isinstance(exc, Unavailable),
                wait=0.2,
                longest_wait=3.0,
                timeout=SAVE_FOR,
            )
        except HasuraError as exc:
            log.exception("reply_not_saved", message_id=str(self._message_id), exc_info=exc)
            self.growth.end(None, exc)
        else:
            self.growth.end(saved)
            self._means.titles.look_at(self._conversation, saved)

    async def _save(self, status: Status, metadata: dict[str, Any]) -> ChatMessage:
        client, text = self._means.client, self.growth.text
        saved = await client.end_answer(
            self._token(),
            self._message_id,
            run=self.growth.run,
            content=text,
            status=status,
            metadata=metadata,
        )
        if saved is None:
            # Saved already, when the answer to the first attempt was lost and the client tried again.
            saved = await client.get_chat_message(self._token(), self._message_id)
            if saved is None or (saved.status, saved.metadata, saved.content) != (status, metadata, text):
                raise Superseded
        return saved

    def _metadata(self, end: _End) -> dict[str, Any]:
        metadata, now = self._run.metadata, time.monotonic()
        written = self.growth.text[len(self._conversation.begun) :]
        exact = self._usage.completion_tokens is not None and not self._usage.estimated
        metadata |= {
            "prompt_tokens": self._usage.prompt_tokens,
            "completion_tokens": (
                self._usage.completion_tokens if exact else estimated_tokens(written) if written else 0
            ),
            "time_to_first_token_ms": round((self._first_at - self._began_at) * 1000) if written else None,
            "duration_ms": round((now - self._began_at) * 1000),
        }
        traces.annotate(
            gen_ai__usage__output_tokens=metadata["completion_tokens"], chat__answer__status=end.status
        )
        if not exact:
            metadata["tokens_estimated"] = True
        if self._usage.cut and end.status == "complete":
            metadata["truncated"] = True
        if end.error is not None:
            metadata["error"] = errors.saved(end.error)
        return metadata

    def _token(self) -> str:
        return self._means.tokens.assistant(self._user.id)


def _cause(error: errors.AssistantError) -> str | None:
    # The type alone: a provider's message may repeat the prompt or the key.
    return type(error.__cause__).__name__ if error.__cause__ is not None else None
