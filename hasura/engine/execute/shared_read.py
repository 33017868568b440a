"""Requests that share a statement share its runs.

A statement costs a round trip and a planner's start, however little it reads. So while a read of some shape is under
way, others of the same shape wait for it, and then go together: one statement, a row of operands for each of them,
a row of answers back. A lone request waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from hasura.engine.errors import DatabaseUnavailable, EngineError
from hasura.engine.execute.failures import translated
from hasura.engine.execute.statement import JsonText, row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

    from hasura.engine.execute.operands import Inputs
    from hasura.engine.to_sql.statement import Statement

    Pool = AsyncConnectionPool[AsyncConnection[Any]]
    Answer = list[bytes]
    #: the texts of its operands, and where its answer goes
    _Waiting = tuple[list[str | None], asyncio.Future[Answer]]

#: Runs of one shape at the same time, before others wait to go together: enough to keep two server processes busy.
_AT_ONCE = 2
#: Requests of one run: the answers of all are in memory together.
_TOGETHER = 64


class SharedRead:
    """A read as a statement for one request, and as one for many."""

    def __init__(self, alone: Statement, together: Callable[[], Statement]) -> None:
        self.alone = alone
        self._make_together = together
        self._running = 0
        self._waiting: deque[_Waiting] = deque()
        self._runs: set[asyncio.Task[None]] = set()

    @cached_property
    def together(self) -> Statement:
        """Made when it is first needed: most statements never meet another of their shape."""
        return self._make_together()

    async def run(self, pool: Pool, inputs: Inputs) -> Answer:
        """The JSON text of each column of the statement's one row.

        Raises:
            EngineError: a value of the request is wrong, PostgreSQL refused, or is away.
        """
        texts = inputs.texts(self.alone.operands)
        with translated():
            # Half a character (a JSON spelling of one, in a token) would fail everybody who goes together.
            for text in texts:
                if text is not None:
                    text.encode()
        if self._running >= _AT_ONCE:
            answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            self._waiting.append((texts, answer))
            return await answer
        self._running += 1
        try:
            return await self._one(pool, texts)
        finally:
            self._ended(pool)

    def _ended(self, pool: Pool) -> None:
        """A run has ended: whoever waits goes now, together."""
        self._running -= 1
        waiting = list(islice(_drained(self._waiting), _TOGETHER))
        if waiting:
            self._running += 1
            task = asyncio.create_task(self._many(pool, waiting), name="shared-read")
            self._runs.add(task)
            task.add_done_callback(self._runs.discard)

    async def _one(self, pool: Pool, texts: list[str | None]) -> Answer:
        parameters = {f"p{place}": text for place, text in enumerate(texts)}
        with translated():
            async with pool.connection() as connection:
                return await row(connection, self.alone.sql, parameters)

    async def _many(self, pool: Pool, waiting: Sequence[_Waiting]) -> None:
        try:
            await self._settle(pool, waiting)
        finally:
            for _, answer in waiting:
                if not answer.done():  # the run was cancelled: the process ends
                    answer.cancel()
            self._ended(pool)

    async def _settle(self, pool: Pool, waiting: Sequence[_Waiting]) -> None:
        try:
            answers = await self._all(pool, [texts for texts, _ in waiting])
        except DatabaseUnavailable as problem:
            for _, answer in waiting:
                _fail(answer, problem)
        except EngineError:
            # One request's values made it fail; each finds out for itself.
            for texts, answer in waiting:
                try:
                    _give(answer, await self._one(pool, texts))
                except EngineError as problem:
                    _fail(answer, problem)
        else:
            for (_, answer), found in zip(waiting, answers, strict=True):
                _give(answer, found)

    async def _all(self, pool: Pool, requests: list[list[str | None]]) -> list[Answer]:
        if len(requests) == 1:
            return [await self._one(pool, requests[0])]
        variables = [orjson.dumps({"values": texts}).decode() for texts in requests]
        with translated():
            async with pool.connection() as connection, connection.cursor() as cursor:
                cursor.adapters.register_loader("text", JsonText)
                await cursor.execute(self.together.sql, {"result_vars": variables}, prepare=True)
                found = await cursor.fetchall()
        answers: list[Answer] = [[] for _ in requests]
        for place, *columns in found:
            answers[place - 1] = [b"null" if column is None else column for column in columns]
        return answers


def _drained(waiting: deque[_Waiting]) -> Iterator[_Waiting]:
    """Those that have not given up."""
    while waiting:
        entry = waiting.popleft()
        if not entry[1].done():
            yield entry


def _give(answer: asyncio.Future[Any], value: Any) -> None:
    if not answer.done():
        answer.set_result(value)


def _fail(answer: asyncio.Future[Any], problem: EngineError) -> None:
    if not answer.done():
        answer.set_exception(problem)
