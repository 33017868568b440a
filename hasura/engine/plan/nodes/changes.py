"""Inserts, updates and deletes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from hasura.engine.catalog.model import QualifiedName
    from hasura.engine.plan.nodes.conditions import Condition, Pairs
    from hasura.engine.plan.nodes.operands import Operand
    from hasura.engine.plan.nodes.rows import Fields, Typename


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
