"""The nodes of a plan. SQL names only: GraphQL names end here.

A plan holds no value of a request, only where values come from (operands), so one plan serves every request of its
shape, role and text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from graphql import FieldNode

    from hasura.engine.catalog.model import QualifiedName
    from hasura.engine.document.values import Origin

Direction = Literal["asc", "desc"]
Nulls = Literal["first", "last"]
Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Columns that a relationship joins: (outer, inner)."""


# -- operands: values that a request brings -------------------------------------------------------------------


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


# -- conditions -----------------------------------------------------------------------------------------------


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


# -- order ----------------------------------------------------------------------------------------------------


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


# -- reads ----------------------------------------------------------------------------------------------------


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


Field: TypeAlias = ColumnField | Typename | ListField | ObjectField | AggregateField
Fields: TypeAlias = tuple[tuple[str, Field], ...]


# -- mutations ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AffectedRows:
    """``affected_rows``."""


@dataclass(frozen=True, slots=True)
class Returning:
    """``returning { … }``."""

    fields: Fields


@dataclass(frozen=True, slots=True)
class Response:
    """``t_mutation_response``."""

    parts: tuple[tuple[str, AffectedRows | Returning | Typename], ...]


@dataclass(frozen=True, slots=True)
class SingleRow:
    """The one row, or null."""

    fields: Fields


Answer: TypeAlias = Response | SingleRow


@dataclass(frozen=True, slots=True)
class Conflict:
    """``ON CONFLICT ON CONSTRAINT``; without assignments, ``DO NOTHING``."""

    constraint: str
    update_columns: tuple[str, ...]
    presets: tuple[tuple[str, Operand], ...]
    where: Condition


@dataclass(frozen=True, slots=True)
class Insert:
    """Rows of one column list; None stands for the column's default. Errors of PostgreSQL are about ``path``."""

    table: QualifiedName
    columns: tuple[str, ...]
    rows: tuple[tuple[Operand | None, ...], ...]
    conflict: Conflict | None
    check: Condition
    #: what rows that were updated instead must fulfil
    update_check: Condition
    #: None: the changed rows themselves, for a tree
    answer: Answer | None
    path: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """``column = …`` by an update operator (``_set``, ``_inc``, ``_append``, …)."""

    column: str
    operator: str
    operand: Operand


@dataclass(frozen=True, slots=True)
class Update:
    """Rows that fulfil ``where`` and the role's filter, changed; without assignments, no rows."""

    table: QualifiedName
    assignments: tuple[Assignment, ...]
    where: Condition
    check: Condition
    answer: Answer


@dataclass(frozen=True, slots=True)
class UpdateMany:
    """Updates in order, each seeing the one before."""

    updates: tuple[Update, ...]


@dataclass(frozen=True, slots=True)
class Delete:
    """Rows that fulfil ``where`` and the role's filter, removed."""

    table: QualifiedName
    where: Condition
    answer: Answer


@dataclass(frozen=True, slots=True)
class Nested:
    """Rows inserted with another row; ``pairs`` are (that row's column, these rows' column)."""

    relationship: str
    many: bool
    pairs: Pairs
    tree: InsertTree


@dataclass(frozen=True, slots=True)
class InsertBranch:
    """One row, the rows that it refers to (inserted before it), and those that refer to it (after)."""

    row: Insert
    before: tuple[Nested, ...]
    after: tuple[Nested, ...]


@dataclass(frozen=True, slots=True)
class InsertTree:
    """Rows of one table with nested ones. ``answer`` is the root's; nested trees have none."""

    table: QualifiedName
    branches: tuple[InsertBranch, ...]
    answer: Answer | None = None


Mutation: TypeAlias = Insert | Update | Delete


# -- operations -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Introspection:
    """``__schema`` or ``__type``: answered from the schema, not from the database."""

    nodes: tuple[FieldNode, ...]


Root: TypeAlias = Field | Insert | InsertTree | Update | UpdateMany | Delete | Introspection


@dataclass(frozen=True, slots=True)
class OperationPlan:
    """The root fields by alias, in the order of the answer; ``tables`` are those it reads."""

    kind: Literal["query", "mutation", "subscription"]
    roots: tuple[tuple[str, Root], ...]
    tables: frozenset[QualifiedName]


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """A ``t_stream``: rows after the cursor, in its order."""

    alias: str
    rows: ListField
    cursor: str
    cursor_type: str
    direction: Direction
    start: Slot
    tables: frozenset[QualifiedName]
