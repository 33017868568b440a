"""Whole operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from hasura.engine.plan.nodes.changes import Delete, Insert, InsertTree, Update, UpdateMany
from hasura.engine.plan.nodes.rows import Field

if TYPE_CHECKING:
    from graphql import FieldNode

    from hasura.engine.catalog.model import QualifiedName
    from hasura.engine.plan.nodes.operands import Slot
    from hasura.engine.plan.nodes.rows import Direction, ListField


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
