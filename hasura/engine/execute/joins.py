"""Puts rows of other sources into an answer, where relationships lead from one source to another.

Only answers with such a relationship are taken apart: the joined columns' texts stand where the other source's rows
belong. One statement for each relationship answers all of its places.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from hasura.engine.errors import EngineError
from hasura.engine.execute.failures import translated
from hasura.engine.execute.statement import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hasura.engine.execute.operands import Inputs
    from hasura.engine.execute.run import Pools
    from hasura.engine.to_sql.statement import Statement


@dataclass(frozen=True, slots=True)
class Join:
    """What belongs where the keys of ``place`` lead: ``statement`` answers for the texts of ``columns`` found there."""

    place: tuple[str, ...]
    columns: tuple[str, ...]
    source: str
    statement: Statement
    #: in its own answers
    joins: tuple[Join, ...]


async def complete(
    pools: Pools, joins: Mapping[int, Sequence[Join]], found: Sequence[bytes], inputs: Inputs
) -> list[bytes]:
    """``found`` with its joins made, by place.

    Raises:
        EngineError: another source refused, or is away.
    """
    answers = list(found)
    for place, wanted in joins.items():
        (answers[place],) = await _joined(pools, [answers[place]], wanted, inputs)
    return answers


async def _joined(
    pools: Pools, answers: Sequence[bytes], joins: Sequence[Join], inputs: Inputs
) -> list[bytes]:
    # Numbers are copied as they are written: Python's could not hold all of them.
    documents = [json.loads(text, parse_int=_as_written, parse_float=_as_written) for text in answers]
    for join in joins:
        holders = [each for document in documents for each in _holders(document, join.place[:-1])]
        key = join.place[-1]
        wanted = list(dict.fromkeys(tuple(holder[key]) for holder in holders))
        if not wanted:
            continue
        answered = dict(zip(wanted, await _ask(pools, join, wanted, inputs), strict=True))
        for holder in holders:
            holder[key] = orjson.Fragment(answered[tuple(holder[key])])
    try:
        return [orjson.dumps(document) for document in documents]
    except orjson.JSONEncodeError:
        raise EngineError("a text of the answer is not valid Unicode") from None


def _as_written(number: str) -> orjson.Fragment:
    return orjson.Fragment(number)


def _holders(value: Any, way: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The objects that ``way`` leads to."""
    if isinstance(value, list):
        for each in value:
            yield from _holders(each, way)
    elif isinstance(value, dict):
        if way:
            yield from _holders(value[way[0]], way[1:])
        else:
            yield value


async def _ask(
    pools: Pools, join: Join, wanted: Sequence[tuple[str | None, ...]], inputs: Inputs
) -> Sequence[bytes]:
    requests = [
        replace(inputs, handed=dict(zip(join.columns, texts, strict=True))).texts(join.statement.operands)
        for texts in wanted
    ]
    with translated():
        async with pools[join.source].connection() as connection:
            parameters = {"result_vars": orjson.dumps(requests).decode()}
            found = await rows(connection, join.statement.sql, parameters)
    answers = [b"null"] * len(wanted)
    for place, answer in found:
        answers[int(place) - 1] = answer
    return await _joined(pools, answers, join.joins, inputs) if join.joins else answers
