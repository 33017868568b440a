"""Which rows, in which order, and what of them is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from hasura.engine.plan.nodes.conditions import TRUE
from hasura.engine.plan.nodes.operands import Computed

if TYPE_CHECKING:
    from hasura.engine.catalog.model import QualifiedName
    from hasura.engine.plan.nodes.conditions import Condition, Pairs
    from hasura.engine.plan.nodes.operands import Left, Operand
    from hasura.engine.resolve.model import Source


Direction = Literal["asc", "desc"]
Nulls = Literal["first", "last"]


@dataclass(frozen=True, slots=True)
class OwnColumn:
    """Ordered by a column, or a computed value, of the row itself."""

    column: Left


@dataclass(frozen=True, slots=True)
class Related:
    """Ordered by something of the one row that a relationship leads to, as far as the role may see it."""

    table: QualifiedName
    pairs: Pairs
    visible: Condition
    target: OrderTarget


@dataclass(frozen=True, slots=True)
class RelatedAggregate:
    """Ordered by an aggregate over the rows of a relationship; ``column`` None counts them."""

    table: QualifiedName
    pairs: Pairs
    visible: Condition
    function: str
    column: Left | None
    computed: Computed | None = None


OrderTarget: TypeAlias = OwnColumn | Related | RelatedAggregate


@dataclass(frozen=True, slots=True)
class OrderBy:
    """One item of ``ORDER BY``."""

    target: OrderTarget
    direction: Direction
    nulls: Nulls


@dataclass(frozen=True, slots=True)
class FromTable:
    """The rows of a table."""

    table: QualifiedName


@dataclass(frozen=True, slots=True)
class FromFunction:
    """The rows that a function answers; arguments by name, or by place where they have none."""

    function: QualifiedName
    arguments: tuple[tuple[str, Operand], ...]
    rows_of: QualifiedName


RowSource: TypeAlias = FromTable | FromFunction | Computed


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows, in which order. ``pairs`` join them to the row around them."""

    source: RowSource
    where: Condition = TRUE
    pairs: Pairs = ()
    order_by: tuple[OrderBy, ...] = ()
    distinct_on: tuple[Left, ...] = ()
    limit: Operand | None = None
    offset: Operand | None = None
    #: the role's own limit; the smaller of the two counts
    role_limit: int | None = None


@dataclass(frozen=True, slots=True)
class ColumnField:
    """A column or computed value; ``json_path`` selects inside a json value; ``as_text`` keeps big numbers exact."""

    column: Left
    json_path: Operand | None = None
    as_text: bool = False


@dataclass(frozen=True, slots=True)
class Typename:
    """``__typename``."""

    name: str


@dataclass(frozen=True, slots=True)
class ListField:
    """Rows as a JSON list."""

    rows: Rows
    fields: Fields


@dataclass(frozen=True, slots=True)
class ObjectField:
    """At most one row as a JSON object, else null."""

    rows: Rows
    fields: Fields


@dataclass(frozen=True, slots=True)
class CountOf:
    """``count(*)``, or of columns, or of distinct ones."""

    columns: tuple[Left, ...] = ()
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class AggregateOf:
    """An aggregate function over columns: (alias, column or typename, answered as text)."""

    function: str
    columns: tuple[tuple[str, Left | Typename, bool], ...]


AggregatePart: TypeAlias = CountOf | AggregateOf | Typename


@dataclass(frozen=True, slots=True)
class AggregateBlock:
    """``aggregate { … }``."""

    parts: tuple[tuple[str, AggregatePart], ...]


@dataclass(frozen=True, slots=True)
class NodesBlock:
    """``nodes { … }``; ``limit`` is the role's, which bounds rows shown and not rows counted."""

    fields: Fields
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class AggregateField:
    """Rows, aggregated."""

    rows: Rows
    blocks: tuple[tuple[str, AggregateBlock | NodesBlock | Typename], ...]


@dataclass(frozen=True, slots=True)
class RemoteField:
    """Rows of another source that the row's ``columns`` lead to, as ``Handed`` values of ``field``'s conditions.

    The row's own statement answers the texts of ``columns``; what ``source`` answers takes their place.
    """

    columns: tuple[str, ...]
    source: Source
    field: ListField | ObjectField | AggregateField


Field: TypeAlias = ColumnField | Typename | ListField | ObjectField | AggregateField | RemoteField
Fields: TypeAlias = tuple[tuple[str, Field], ...]
