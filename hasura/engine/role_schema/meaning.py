"""What a field of a schema stands for.

Every field and input field that the engine adds carries one of these in ``extensions["meaning"]``; the planner reads
it and never takes a name apart again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from hasura.engine.metadata.model import BoolExpJson
    from hasura.engine.resolve.model import (
        Column,
        ComputedField,
        Function,
        Relationship,
        RemoteRelationship,
        Source,
        Table,
    )

KEY = "meaning"
#: in the extensions of a schema: whether its role may ask for ``__schema`` and ``__type``
INTROSPECTABLE = "introspectable"
#: a subscription's directive: it may have several root fields, as long as no namespace is among them
SEVERAL_ROOTS = "_multiple_top_level_fields"
#: in the extensions of an argument of type Int that takes a string as well
MAY_BE_TEXT = "may be text"

RowSet: TypeAlias = Literal["rows", "one", "aggregate", "stream"]


def carries(meaning: object) -> dict[str, Any]:
    """The ``extensions`` of a field that stands for ``meaning``."""
    return {KEY: meaning}


@dataclass(frozen=True, slots=True)
class Redaction:
    """When a row of ``table`` shows a column to an inherited role; elsewhere stands null."""

    table: Table
    shown_if: BoolExpJson


@dataclass(frozen=True, slots=True)
class ColumnOf:
    """A column's value, in a selection, a ``where``, an ``order_by`` or an input."""

    column: Column
    redaction: Redaction | None = None


@dataclass(frozen=True, slots=True)
class RelationshipOf:
    """Rows over a relationship: an object, a list, or (``aggregate``) its aggregate."""

    relationship: Relationship
    target: Table
    aggregate: bool = False


@dataclass(frozen=True, slots=True)
class RemoteOf:
    """Rows of ``target``, a table of another source, over a relationship; as of a ``RelationshipOf``."""

    relationship: RemoteRelationship
    target: Table
    source: Source
    aggregate: bool = False


@dataclass(frozen=True, slots=True)
class ComputedOf:
    """A computed field: a value, or rows of ``target``, or (``aggregate``) their aggregate."""

    field: ComputedField
    target: Table | None = None
    aggregate: bool = False
    redaction: Redaction | None = None


@dataclass(frozen=True, slots=True)
class Logical:
    """``_and``, ``_or`` or ``_not`` of a ``bool_exp``."""

    operator: Literal["_and", "_or", "_not"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """An operator of a ``…_comparison_exp``; ``_cast`` compares the column's text."""

    operator: str


@dataclass(frozen=True, slots=True)
class AggregatePredicate:
    """A condition on an aggregate of related rows: ``count``, ``bool_and`` or ``bool_or``."""

    function: str


@dataclass(frozen=True, slots=True)
class AggregatePart:
    """``aggregate`` or ``nodes`` of an aggregate, ``affected_rows`` or ``returning`` of a mutation."""

    part: Literal["aggregate", "nodes", "affected_rows", "returning"]


@dataclass(frozen=True, slots=True)
class Count:
    """``count(columns:, distinct:)``."""


@dataclass(frozen=True, slots=True)
class AggregateFunction:
    """``max``, ``sum``, …; its sub-fields are columns."""

    function: str


@dataclass(frozen=True, slots=True)
class SelectRoot:
    """A root field that reads a table."""

    table: Table
    source: Source
    kind: RowSet


@dataclass(frozen=True, slots=True)
class FunctionRoot:
    """A root field that calls a function and reads the rows it answers."""

    function: Function
    table: Table
    source: Source
    aggregate: bool


@dataclass(frozen=True, slots=True)
class InsertRoot:
    """``insert_t`` and ``insert_t_one``."""

    table: Table
    source: Source
    one: bool


@dataclass(frozen=True, slots=True)
class UpdateRoot:
    """``update_t``, ``update_t_by_pk`` and ``update_t_many``."""

    table: Table
    source: Source
    kind: Literal["rows", "one", "many"]


@dataclass(frozen=True, slots=True)
class DeleteRoot:
    """``delete_t`` and ``delete_t_by_pk``."""

    table: Table
    source: Source
    one: bool


@dataclass(frozen=True, slots=True)
class Namespace:
    """A root field that holds the root fields of a source."""


Meaning: TypeAlias = (
    ColumnOf
    | RelationshipOf
    | RemoteOf
    | ComputedOf
    | Logical
    | Comparison
    | AggregatePredicate
    | AggregatePart
    | Count
    | AggregateFunction
    | SelectRoot
    | FunctionRoot
    | InsertRoot
    | UpdateRoot
    | DeleteRoot
    | Namespace
)
