"""Runs the statements of one operation. What comes back is JSON text, as bytes: no row becomes a Python object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from hasura.engine.execute.failures import translated
from hasura.engine.execute.nested import insert_tree
from hasura.engine.execute.statement import changed_records, row
from hasura.engine.to_sql.mutations import MutationSql, TreeSql
from hasura.engine.to_sql.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

    from hasura.engine.execute.operands import Inputs

    Pool = AsyncConnectionPool[AsyncConnection[Any]]


#: one root field of a mutation: a change, a nested insert, several changes in order (their answers make a
#: list), or a function's call
Step = MutationSql | TreeSql | tuple[MutationSql, ...] | Statement


async def write(pool: Pool, steps: Sequence[tuple[Step, str]], inputs: Inputs) -> list[bytes]:
    """The answers of mutations, in order, all of one transaction: the first failure undoes every one.

    Raises:
        PermissionFailed: a row broke the role's check.
        EngineError: PostgreSQL refused, or is away.
    """
    answers = []
    with translated():
        async with pool.connection() as connection, connection.transaction():
            for step, path in steps:
                with translated(path):
                    answers.append(await _step(connection, step, inputs))
    return answers


async def _step(connection: AsyncConnection[Any], step: Step, inputs: Inputs) -> bytes:
    if isinstance(step, tuple):
        return b"[%b]" % b",".join([await _step(connection, change, inputs) for change in step])
    if isinstance(step, Statement):
        return (await row(connection, step.sql, inputs.parameters(step.operands)))[0]
    if isinstance(step, TreeSql):
        records, affected = await insert_tree(connection, step, inputs)
        return await _answer(connection, step.answer, orjson.dumps(records).decode(), affected, inputs)
    changed = await changed_records(connection, step.change, inputs)
    if step.answer is None:
        return changed
    return await _answer(connection, step.answer, changed.decode(), None, inputs)


async def _answer(
    connection: AsyncConnection[Any],
    answer: Statement | None,
    records: str,
    affected: int | None,
    inputs: Inputs,
) -> bytes:
    """The answer made of changed rows; ``affected`` is theirs where nothing else was changed."""
    assert answer is not None  # noqa: S101 (a root field always has one)
    count = len(orjson.loads(records)) if affected is None else affected
    parameters = {**inputs.parameters(answer.operands), "records": records, "affected": str(count)}
    return (await row(connection, answer.sql, parameters))[0]
