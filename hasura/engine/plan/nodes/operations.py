"""Whole operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from hasura.engine.plan.nodes.changes import Delete, Insert, InsertTree, Update, UpdateMany
from hasura.engine.plan.nodes.rows import Field, Typename

if TYPE_CHECKING:
    from graphql import FieldNode

    from hasura.engine.catalog.model import QualifiedName
    from hasura.engine.plan.nodes.operands import Slot
    from hasura.engine.plan.nodes.rows import Direction, ListField
    from hasura.engine.resolve.model import Source


@dataclass(frozen=True, slots=True)
class Introspection:
    """``__schema`` or ``__type``: answered from the schema, not from the database."""

    nodes: tuple[FieldNode, ...]


Action: TypeAlias = Field | Insert | InsertTree | Update | UpdateMany | Delete
"""What one statement, or one step of a mutation, does."""


@dataclass(frozen=True, slots=True)
class OfSource:
    """A root field, and the source whose database answers it."""

    source: Source
    action: Action


@dataclass(frozen=True, slots=True)
class Namespace:
    """The root fields of a source that keeps them under one."""

    roots: Roots


Root: TypeAlias = OfSource | Namespace | Introspection | Typename
Roots: TypeAlias = tuple[tuple[str, Root], ...]
"""Root fields by alias, in the order of the answer."""


@dataclass(frozen=True, slots=True)
class LivePlan:
    """A live query: all of one source; ``tables`` are those it reads."""

    source: Source
    roots: Roots
    tables: frozenset[QualifiedName]


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """A ``t_stream``: rows after the cursor, in its order. ``within`` is its namespace's alias."""

    source: Source
    within: str | None
    alias: str
    rows: ListField
    cursor: str
    cursor_type: str
    direction: Direction
    start: Slot
    tables: frozenset[QualifiedName]
