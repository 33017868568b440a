"""Conditions on rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from hasura.engine.catalog.model import QualifiedName
    from hasura.engine.plan.nodes.operands import Computed, Left, Operand


Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Columns that a relationship joins: (outer, inner)."""


@dataclass(frozen=True, slots=True)
class And:
    """All hold; of nothing, true."""

    items: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Or:
    """One holds; of nothing, false."""

    items: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    item: Condition


@dataclass(frozen=True, slots=True)
class Compare:
    """``column operator operand``; ``as_text`` casts the column first."""

    column: Left
    operator: str
    operand: Operand
    as_text: bool = False


@dataclass(frozen=True, slots=True)
class CompareColumns:
    """``column operator other``, both of the same row, or (``of_root``) of the row the whole condition is about."""

    column: Left
    operator: str
    other: str
    of_root: bool = False


@dataclass(frozen=True, slots=True)
class IsNull:
    """``column IS [NOT] NULL``."""

    column: Left
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Exists:
    """A row of ``table``, joined by ``pairs`` (none: any row), fulfils ``condition``.

    With ``computed``, only rows that the function answers are looked at.
    """

    table: QualifiedName
    pairs: Pairs
    condition: Condition
    computed: Computed | None = None


@dataclass(frozen=True, slots=True)
class Having:
    """The rows of ``table`` joined by ``pairs`` that fulfil ``condition``, taken together, fulfil ``having``."""

    table: QualifiedName
    pairs: Pairs
    condition: Condition
    having: Condition


Condition: TypeAlias = And | Or | Not | Compare | CompareColumns | IsNull | Exists | Having
TRUE = And()


def both(*conditions: Condition) -> Condition:
    """The conjunction, without needless nesting."""
    items = tuple(condition for condition in conditions if condition != TRUE)
    return items[0] if len(items) == 1 else And(items)
