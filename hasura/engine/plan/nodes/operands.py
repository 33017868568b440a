"""Values that a request brings, and what they are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from hasura.engine.catalog.model import QualifiedName
    from hasura.engine.document.values import Origin
    from hasura.engine.plan.nodes.conditions import Condition


@dataclass(frozen=True, slots=True)
class Slot:
    """A value of the request; ``cast`` is the SQL type it is cast to, ``scalar`` how its text is checked."""

    origin: Origin
    scalar: str
    cast: str
    path: str
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class SessionValue:
    """A session variable; its absence is an error of the request."""

    name: str
    cast: str


@dataclass(frozen=True, slots=True)
class SessionDocument:
    """All session variables as one JSON object, for functions."""

    cast: str


@dataclass(frozen=True, slots=True)
class CursorValue:
    """Where a stream's subscriber stands."""

    column: str
    cast: str


@dataclass(frozen=True, slots=True)
class Handed:
    """A column's value out of the row that a nested insert belongs to."""

    column: str
    cast: str


@dataclass(frozen=True, slots=True)
class ArrayOf:
    """A list whose items come from different places."""

    items: tuple[Operand, ...]
    cast: str


Operand: TypeAlias = Slot | SessionValue | SessionDocument | CursorValue | Handed | ArrayOf


@dataclass(frozen=True, slots=True)
class TheRow:
    """The row that a computed field is about, as its function's argument."""


@dataclass(frozen=True, slots=True)
class Computed:
    """A call of a computed field's function; arguments by name, or by place where they have none."""

    function: QualifiedName
    arguments: tuple[tuple[str, Operand | TheRow], ...]
    #: whose rows it answers, if it answers rows
    rows_of: QualifiedName | None = None
    #: it answers the same for as long as its row does not change
    changes_with_row: bool = False


@dataclass(frozen=True, slots=True)
class Redacted:
    """A column or computed value where ``shown_if`` holds, else null."""

    value: str | Computed
    shown_if: Condition


@dataclass(frozen=True, slots=True)
class Aggregated:
    """An aggregate over a group of rows; of no columns, it counts rows."""

    function: str
    columns: tuple[Left, ...]
    distinct: bool = False


Left: TypeAlias = str | Computed | Redacted | Aggregated
"""What is shown, compared or ordered by: a column, or a computed value, perhaps redacted."""
