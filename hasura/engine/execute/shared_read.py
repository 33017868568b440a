"""Requests that share a statement share its runs.

A statement costs a round trip and a planner's start, however little it reads. So while reads of some shape are under
way, others of the same shape wait for them, and then go together: one statement, a row of operands for each of them,
a row of answers back. A lone request waits for nobody, and nobody waits long for others.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING

import orjson

from hasura.engine.errors import DatabaseUnavailable, DataException
from hasura.engine.execute.failures import translated
from hasura.engine.execute.statement import row, rows
from telemetry import traces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hasura.engine.execute.operands import Inputs
    from hasura.engine.execute.pool import Pool
    from hasura.engine.to_sql.statement import Statement

    Answer = list[bytes]

#: Runs of one shape at the same time, before others wait to go together: enough to keep two server processes busy.
_AT_ONCE = 2
#: Requests of one run: the answers of all are in memory together.
_TOGETHER = 32
#: Seconds that a run may make others wait, and that it should take: what is slow gains nothing from company.
_PATIENCE = 0.01
#: Seconds of a request of whose shape nothing is known yet.
_UNKNOWN = 0.001
#: Characters of a statement; to make one for many of a larger one would hold up everybody.
_LONGEST = 20_000


class _Request:
    """One of those who wait: the texts of its operands, where its answer goes, and the run that it is in."""

    __slots__ = ("answer", "run", "span", "texts")

    def __init__(self, texts: list[str | None], answer: asyncio.Future[Answer]) -> None:
        self.texts = texts
        self.answer = answer
        self.run: _Run | None = None
        self.span = traces.here()


class _Run:
    """Requests that go together."""

    def __init__(self, requests: Sequence[_Request]) -> None:
        self.requests = requests
        self.task: asyncio.Task[None]
        self.young = True
        for request in requests:
            request.run = self

    def left(self) -> None:
        """One of them has given up; when all have, the statement is cancelled.

        Once: a second time would interrupt psycopg while it tells PostgreSQL.
        """
        if not self.task.cancelling() and all(request.answer.done() for request in self.requests):
            self.task.cancel()


class SharedRead:
    """A read as a statement for one request, and as one for many."""

    def __init__(self, alone: Statement, together: Callable[[], Statement]) -> None:
        self.alone = alone
        self._make_together = together
        self._waiting: deque[_Request] = deque()
        self._starting = False
        self._runs: set[_Run] = set()
        #: runs that have not yet taken too long to be waited for
        self._young = 0
        self._seconds = _UNKNOWN

    @cached_property
    def together(self) -> Statement:
        """Made when it is first needed: most statements never meet another of their shape."""
        return self._make_together()

    async def run(self, pool: Pool, inputs: Inputs) -> Answer:
        """The JSON text of each column of the statement's one row.

        Raises:
            EngineError: a value of the request is wrong, PostgreSQL refused, or is away.
        """
        loop = asyncio.get_running_loop()
        request = _Request(inputs.texts(self.alone.operands), loop.create_future())
        self._waiting.append(request)
        pool.reads_waiting += 1
        if self._young < _AT_ONCE and not self._starting:
            # Whoever came with it, out of the same look at the sockets, goes with it.
            self._starting = True
            loop.call_soon(self._start, pool)
        try:
            return await request.answer
        except asyncio.CancelledError:
            if request.run is not None:
                request.run.left()
            raise

    def _start(self, pool: Pool) -> None:
        self._starting = False
        most = min(_TOGETHER, max(1, int(_PATIENCE / self._seconds)))
        if len(self.alone.sql) > _LONGEST:
            most = 1
        while self._young < _AT_ONCE and self._waiting:
            fair = ceil(len(self._waiting) / (_AT_ONCE - self._young))
            requests = self._next(pool, min(most, fair))
            if requests:
                run = _Run(requests)
                self._young += 1
                self._runs.add(run)
                run.task = asyncio.create_task(self._go(pool, run), name="shared-read")

    def _next(self, pool: Pool, most: int) -> list[_Request]:
        """The first of those who wait and have not given up."""
        found: list[_Request] = []
        while self._waiting and len(found) < most:
            request = self._waiting.popleft()
            pool.reads_waiting -= 1
            if not request.answer.done():
                found.append(request)
        return found

    async def _go(self, pool: Pool, run: _Run) -> None:
        started = time.perf_counter()
        late = asyncio.get_running_loop().call_later(_PATIENCE, self._aged, pool, run)
        try:
            await self._settle(pool, run.requests)
            self._seconds = (time.perf_counter() - started) / len(run.requests)
        finally:
            late.cancel()
            for request in run.requests:
                if not request.answer.done():  # the run was cancelled: the process ends
                    request.answer.cancel()
            self._runs.discard(run)
            self._aged(pool, run)

    def _aged(self, pool: Pool, run: _Run) -> None:
        """A run has ended, or takes long: whoever waits goes now."""
        if run.young:
            run.young = False
            self._young -= 1
            self._start(pool)

    async def _settle(self, pool: Pool, requests: Sequence[_Request]) -> None:
        try:
            with traces.shared("shared read", [request.span for request in requests]):
                answers = await self._all(pool, [request.texts for request in requests])
        except DatabaseUnavailable as problem:
            for request in requests:
                _fail(request, problem)
        except Exception as problem:  # noqa: BLE001 - raised again where the answer is waited for
            if len(requests) == 1:
                _fail(requests[0], problem)
                return
            # One request's values made it fail; each finds out for itself.
            for request in requests:
                await self._settle(pool, [request])
        else:
            for request, answer in zip(requests, answers, strict=True):
                if not request.answer.done():
                    request.answer.set_result(answer)

    async def _all(self, pool: Pool, requests: list[list[str | None]]) -> list[Answer]:
        if len(requests) == 1:
            parameters = {f"p{place}": text for place, text in enumerate(requests[0])}
            _count(pool, 1)
            with translated():
                async with pool.connection() as connection:
                    return [await row(connection, self.alone.sql, parameters)]
        try:
            variables = orjson.dumps(requests).decode()
        except orjson.JSONEncodeError as problem:  # half a character: a JSON spelling of one, in a token
            raise DataException("a text is not valid Unicode") from problem
        answers: list[Answer] = [[] for _ in requests]
        _count(pool, len(requests))
        with translated():
            async with pool.connection() as connection:
                for place, *found in await rows(connection, self.together.sql, {"result_vars": variables}):
                    answers[int(place) - 1] = found
        return answers


def _count(pool: Pool, requests: int) -> None:
    pool.reads += requests
    pool.read_statements += 1


def _fail(request: _Request, problem: Exception) -> None:
    if not request.answer.done():
        request.answer.set_exception(problem)
