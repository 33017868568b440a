"""Where in an answer other sources' rows belong."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from hasura.engine.plan import nodes as n

if TYPE_CHECKING:
    from collections.abc import Iterator

Place: TypeAlias = tuple[str, ...]
"""The keys that lead to a value; lists on the way are gone through."""


def joins_of(action: n.Action) -> Iterator[tuple[Place, n.RemoteField]]:
    """The remote fields of a root field, not those inside of other remote fields."""
    match action:
        case n.UpdateMany(updates):
            yield from joins_of(updates[0]) if updates else ()
        case n.Insert() | n.InsertTree() | n.Update() | n.Delete():
            yield from _of_answer(action.answer)
        case n.ListField() | n.ObjectField():
            yield from _of_fields(action.fields)
        case n.AggregateField(_, blocks):
            for alias, block in blocks:
                if isinstance(block, n.NodesBlock):
                    yield from _under(alias, _of_fields(block.fields))


def _of_fields(fields: n.Fields) -> Iterator[tuple[Place, n.RemoteField]]:
    for alias, field in fields:
        if isinstance(field, n.RemoteField):
            yield (alias,), field
        else:
            yield from _under(alias, joins_of(field))


def _of_answer(answer: n.Answer | None) -> Iterator[tuple[Place, n.RemoteField]]:
    match answer:
        case n.SingleRow(fields):
            yield from _of_fields(fields)
        case n.Response(parts):
            for alias, part in parts:
                if isinstance(part, n.Returning):
                    yield from _under(alias, _of_fields(part.fields))


def _under(alias: str, found: Iterator[tuple[Place, n.RemoteField]]) -> Iterator[tuple[Place, n.RemoteField]]:
    for place, field in found:
        yield (alias, *place), field
