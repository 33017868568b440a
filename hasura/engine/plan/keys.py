"""What a row must be like to matter to a plan: a live query is asked again only when such rows have changed."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from hasura.engine.plan import nodes as n

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hasura.engine.catalog.model import QualifiedName

#: Types whose every value has one text, so that two texts tell whether two values are equal.
_PLAIN = frozenset({"uuid", "smallint", "integer", "bigint"})

_Equality = tuple[str, n.Slot | n.SessionValue]


@dataclass(frozen=True, slots=True)
class RowKey:
    """Only rows of ``table`` whose ``column`` equals ``operand`` can be part of an answer, or have a say in it."""

    table: QualifiedName
    column: str
    operand: n.Slot | n.SessionValue


def row_keys(plan: n.LivePlan | n.StreamPlan) -> tuple[RowKey, ...]:
    """One key for each table that has one: every place where the plan reads the table asks for that equality."""
    found: dict[QualifiedName, set[_Equality]] = {}
    for table, condition in _reads(plan.rows if isinstance(plan, n.StreamPlan) else plan.roots):
        equalities = set(_equalities(condition))
        found[table] = found[table] & equalities if table in found else equalities
    return tuple(RowKey(table, *min(each, key=_order)) for table, each in sorted(found.items()) if each)


def _order(equality: _Equality) -> tuple[bool, str]:
    """What the client asks for is narrower than what its role may see."""
    column, operand = equality
    return isinstance(operand, n.SessionValue), column


def _reads(node: Any) -> Iterator[tuple[QualifiedName, n.Condition]]:
    """Every table read in a plan, with the condition that its rows meet. (Functions are no tables.)"""
    match node:
        case n.OfSource(_, action):
            yield from _reads(action)
            return
        case n.Rows(source=n.FromTable(table), where=condition):
            yield table, condition
        case n.Rows(source=n.FromFunction(rows_of=table)):
            yield table, n.TRUE
        case n.Exists(table=table, condition=condition) | n.Having(table=table, condition=condition):
            yield table, condition
        case n.Related(table=table, visible=condition) | n.RelatedAggregate(table=table, visible=condition):
            yield table, condition
        case n.Computed(rows_of=table) if table is not None:
            yield table, n.TRUE
    if isinstance(node, tuple):
        for item in node:
            yield from _reads(item)
    elif is_dataclass(node):
        for part in fields(node):
            yield from _reads(getattr(node, part.name))


def _equalities(condition: n.Condition) -> Iterator[_Equality]:
    """Those that hold for every row that meets the condition."""
    match condition:
        case n.And(items):
            for item in items:
                yield from _equalities(item)
        case n.Compare(str() as column, "_eq", (n.Slot() | n.SessionValue()) as operand, as_text=False):
            if operand.cast in _PLAIN:
                yield column, operand
