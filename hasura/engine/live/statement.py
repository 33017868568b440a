"""Runs a multiplexed statement: many subscribers' variables in, one row of JSON text each out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hasura.engine.execute.failures import translated
from hasura.engine.execute.statement import JsonText

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from hasura.engine.execute.pool import Pool


class Answer(NamedTuple):
    """``cursor`` is None for a live query, and for a stream that has nothing new."""

    result_id: UUID
    result: bytes
    cursor: bytes | None = None


class Statement:
    """The SQL of a ``LivePlan``, bound to the pool that runs it."""

    def __init__(self, sql: str, pool: Pool) -> None:
        self._sql = sql
        self._pool = pool

    async def run(self, result_ids: Sequence[UUID], variables: Sequence[str]) -> list[Answer]:
        """One answer for each id; ``variables`` are JSON texts in the same order.

        :raises DatabaseUnavailable: PostgreSQL is away.
        :raises EngineError: PostgreSQL refused the statement; no answer is known.
        """
        parameters = {"result_ids": list(result_ids), "result_vars": list(variables)}
        with translated():
            async with self._pool.connection() as connection, connection.cursor() as cursor:
                cursor.adapters.register_loader("text", JsonText)
                await cursor.execute(self._sql, parameters, prepare=True)
                return [Answer(*row) for row in await cursor.fetchall()]
