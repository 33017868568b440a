"""Tables, columns, keys and functions as PostgreSQL knows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

QualifiedName: TypeAlias = tuple[str, str]
"""``(schema, name)``."""


@dataclass(frozen=True, slots=True)
class PgType:
    """A type: ``name`` is pg_type's own (``int8``, ``_text``), ``sql`` is what a cast says (``bigint``, ``text[]``)."""

    name: str
    sql: str
    #: the element's type, of an array
    element: PgType | None = None
    #: the row type of a table
    composite: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column; ``generated`` columns (identity always, generated always) can never be written."""

    name: str
    type: PgType
    nullable: bool
    has_default: bool
    generated: bool
    comment: str | None


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """A primary key or unique constraint."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """``columns`` of a table refer to ``remote_columns`` of ``remote_table``."""

    name: str
    columns: tuple[str, ...]
    remote_table: QualifiedName
    remote_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table or a view. ``kind`` is ``pg_class.relkind``."""

    schema: str
    name: str
    kind: Literal["r", "p", "v", "m", "f"]
    columns: tuple[Column, ...]
    primary_key: UniqueKey | None
    unique_keys: tuple[UniqueKey, ...]
    foreign_keys: tuple[ForeignKey, ...]
    comment: str | None
    insertable: bool
    updatable: bool
    deletable: bool


@dataclass(frozen=True, slots=True)
class Argument:
    """An input argument of a function; ``name`` is empty where the function gives none."""

    name: str
    type: PgType
    has_default: bool


@dataclass(frozen=True, slots=True)
class Function:
    """A function; ``returns`` is the table whose rows it answers, or None; ``result`` its type in any case."""

    schema: str
    name: str
    arguments: tuple[Argument, ...]
    returns: QualifiedName | None
    result: PgType
    returns_set: bool
    volatility: Literal["v", "s", "i"]
    comment: str | None
    overloaded: bool


EnumValues: TypeAlias = tuple[tuple[str, str | None], ...]
"""The rows of an enum table: (value, comment)."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """A database's tables and functions by qualified name, and the rows of its enum tables."""

    tables: Mapping[QualifiedName, Table]
    functions: Mapping[QualifiedName, Function]
    enums: Mapping[QualifiedName, EnumValues] = field(default_factory=dict)
