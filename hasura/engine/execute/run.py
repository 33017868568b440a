"""Runs the statements of one operation. What comes back is JSON text, as bytes: no row becomes a Python object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.adapt import Loader

from hasura.engine.errors import PermissionFailed
from hasura.engine.execute.failures import translated
from hasura.engine.to_sql.mutations import MutationSql
from hasura.engine.to_sql.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection
    from psycopg.abc import Buffer
    from psycopg_pool import AsyncConnectionPool

    from hasura.engine.execute.operands import Inputs

    Pool = AsyncConnectionPool[AsyncConnection[Any]]

_NULL = b"null"
_TRUE = b"t"

#: one root field of a mutation: a change, several in order (their answers make a list), or a function's call
Step = MutationSql | tuple[MutationSql, ...] | Statement


class JsonText(Loader):
    """A value as the bytes that PostgreSQL sent."""

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


async def read(pool: Pool, statement: Statement, inputs: Inputs) -> list[bytes]:
    """The JSON text of each column of the statement's one row.

    Raises:
        EngineError: PostgreSQL refused, or is away.
    """
    parameters = inputs.parameters(statement.operands)
    with translated():
        async with pool.connection() as connection:
            return await _row(connection, statement.sql, parameters)


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
        return (await _row(connection, step.sql, inputs.parameters(step.operands)))[0]
    changed, held = await _row(connection, step.change.sql, inputs.parameters(step.change.operands))
    if held != _TRUE:
        raise PermissionFailed("check constraint of an insert/update permission has failed")
    if step.answer is None:
        return changed
    parameters = {**inputs.parameters(step.answer.operands), "records": changed.decode()}
    return (await _row(connection, step.answer.sql, parameters))[0]


async def _row(connection: AsyncConnection[Any], sql: str, parameters: dict[str, Any]) -> list[bytes]:
    async with connection.cursor() as cursor:
        for type_ in ("text", "bool"):
            cursor.adapters.register_loader(type_, JsonText)
        # Always prepared: one text serves every request of its shape, and psycopg keeps only the latest of them.
        await cursor.execute(sql, parameters, prepare=True)
        row = await cursor.fetchone()
        return [_NULL if value is None else value for value in row or ()]
