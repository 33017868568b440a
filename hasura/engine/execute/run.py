"""Runs the statements of one operation, each on the database of its source.

What comes back is JSON text, as bytes: no row becomes a Python object.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from hasura.engine.execute.failures import translated
from hasura.engine.execute.nested import insert_tree
from hasura.engine.execute.statement import changed_records, row
from hasura.engine.session import ADMIN, tell
from hasura.engine.to_sql.mutations import MutationSql, TreeSql
from hasura.engine.to_sql.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import AsyncConnection

    from hasura.engine.execute.operands import Inputs
    from hasura.engine.execute.pool import Pool
    from hasura.engine.execute.shared_read import SharedRead

    #: by the name of the source
    Pools = Mapping[str, Pool]


#: one root field of a mutation: a change, a nested insert, several changes in order (their answers make a
#: list), or a function's call
Step = MutationSql | TreeSql | tuple[MutationSql, ...] | Statement


@dataclass(frozen=True, slots=True)
class Read:
    """The root fields of a query that one source answers, and their places among all."""

    source: str
    statement: SharedRead
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Write:
    """A root field of a mutation."""

    source: str
    step: Step
    path: str


async def read(pools: Pools, reads: Sequence[Read], inputs: Inputs) -> list[bytes]:
    """The answers of a query's root fields, in order.

    Raises:
        EngineError: a value of the request is wrong, PostgreSQL refused, or is away.
    """
    if len(reads) == 1:
        return await reads[0].statement.run(pools[reads[0].source], inputs)
    found = await asyncio.gather(*(each.statement.run(pools[each.source], inputs) for each in reads))
    answers = {
        place: answer
        for each, columns in zip(reads, found, strict=True)
        for place, answer in zip(each.places, columns, strict=True)
    }
    return [answers[place] for place in range(len(answers))]


async def write(pools: Pools, writes: Sequence[Write], inputs: Inputs) -> list[bytes]:
    """The answers of a mutation's root fields, in order.

    Those of one source are one transaction: the first failure undoes every one. Where there are several sources, each
    root field is a transaction of its own, as in Hasura: what was done before a failure stays.

    Raises:
        PermissionFailed: a row broke the role's check.
        EngineError: PostgreSQL refused, or is away.
    """
    if len({each.source for each in writes}) > 1:
        return [answer for each in writes for answer in await write(pools, [each], inputs)]
    if not writes:
        return []
    answers = []
    with translated():
        async with pools[writes[0].source].transaction() as connection:
            # Hasura tells it of every session. A user changes what says whose it is, and this is a round trip.
            if inputs.session.role == ADMIN:
                await tell(connection, inputs.session)
            for each in writes:
                with translated(each.path):
                    answers.append(await _step(connection, each.step, inputs))
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
