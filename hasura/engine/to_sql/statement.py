"""What every module of this stage shares: statements, operands as SQL, names."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import array, psycopg
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.types import UserDefinedType

from hasura.engine.plan import nodes as n

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hasura.engine.catalog.model import QualifiedName
    from hasura.engine.resolve.model import Source

_DIALECT = psycopg.dialect()  # type: ignore[no-untyped-call]
_NAMES = PGDialect(paramstyle="named").identifier_preparer  # type: ignore[no-untyped-call]


#: the column in which an inner query hands out its whole row
WHOLE = "row__"


class SqlType(UserDefinedType[Any]):
    """A type by the name that a cast gives it; values are text on both sides."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name.replace("%", "%%")


@dataclass(frozen=True)
class Statement:
    """SQL in psycopg's style; parameter ``p0`` is the text of ``operands[0]``, and so on."""

    sql: str
    operands: tuple[n.Operand, ...]


class Binder(Protocol):
    """Gives operands their place in a statement."""

    def bind(self, operand: n.Operand) -> sa.ColumnElement[Any]:
        """The SQL expression of ``operand``."""
        ...


@dataclass
class _Places:
    """Operands in order of first use; equal ones share a place."""

    operands: dict[n.Operand, int] = field(default_factory=dict)

    def place(self, operand: n.Operand) -> int:
        return self.operands.setdefault(operand, len(self.operands))


class Parameters(_Places):
    """Operands as bind parameters: a statement for one request."""

    def bind(self, operand: n.Operand) -> sa.ColumnElement[Any]:
        if isinstance(operand, n.ArrayOf):
            return _array(self, operand)
        return sa.cast(
            sa.bindparam(f"p{self.place(operand)}", type_=sa.types.NullType()), SqlType(operand.cast)
        )


@dataclass
class ResultVariables(_Places):
    """Operands out of a row of ``_subs``: one statement for many subscribers of a live query, or many requests."""

    #: the JSON list of their texts
    values: str = "_subs.result_vars -> 'values'"

    def bind(self, operand: n.Operand) -> sa.ColumnElement[Any]:
        if isinstance(operand, n.ArrayOf):
            return _array(self, operand)
        if isinstance(operand, n.CursorValue):
            column = operand.column.replace("'", "''")
            text: sa.ColumnElement[Any] = sa.literal_column(f"_subs.result_vars -> 'cursor' ->> '{column}'")
        else:
            text = sa.literal_column(f"{self.values} ->> {self.place(operand)}")
        return sa.cast(text, SqlType(operand.cast))


def _array(binder: Binder, operand: n.ArrayOf) -> sa.ColumnElement[Any]:
    items = [binder.bind(item) for item in operand.items]
    return sa.cast(array(items), SqlType(operand.cast))


class Row:
    """Something with columns: a table, an alias, a subquery, a CTE.

    Columns are plain ``name.column`` text. SQLAlchemy's own column objects would bring their table along and leave it
    to rules of correlation whether a subquery means the row around it or scans the table anew; a permission must not
    hang on that. Here a table is read where ``select_from`` names it, and nowhere else.
    """

    def __init__(self, source: sa.FromClause, name: str, whole: str | None = None) -> None:
        self.source = source
        self.name = name
        #: the row as one value of its table's type, for functions of a row
        self.whole = whole or name

    def column(self, name: str) -> sa.ColumnElement[Any]:
        """A column of the row."""
        return sa.literal_column(f"{self.name}.{quoted(name)}")


class Context:
    """One statement under construction."""

    def __init__(self, source: Source, binder: Binder) -> None:
        self.source = source
        self.binder = binder
        self._numbers: Iterator[int] = count()

    def table(self, key: QualifiedName) -> sa.TableClause:
        """A tracked table under its own name."""
        schema, name = key
        return sa.table(name, *(sa.column(column) for column in self.columns(key)), schema=schema)

    def target(self, key: QualifiedName) -> Row:
        """The table that a mutation changes, as its conditions name it."""
        name = qualified_name(key)
        return Row(self.table(key), name, f"{name}.*")

    def alias(self, key: QualifiedName) -> Row:
        """A table under a name that nothing else in the statement has."""
        name = self.name()
        return Row(self.table(key).alias(name), name)

    def subquery(self, query: sa.Select[Any]) -> Row:
        """The rows of ``query``, under a name of their own. A whole row travels in the column ``WHOLE``."""
        name = self.name()
        return Row(query.subquery(name), name, f"{name}.{WHOLE}")

    def columns(self, key: QualifiedName) -> list[str]:
        """The names of a tracked table's columns."""
        return [column.name for column in self.source.tables[key].catalog.columns]

    def name(self) -> str:
        """A name that nothing else in the statement has."""
        return f"t{next(self._numbers)}"


def constant(text: str) -> sa.ColumnElement[Any]:
    """A string constant of the plan itself, such as a key of the answer. Never a value of a request."""
    return sa.literal_column("'" + text.replace("'", "''") + "'")


def qualified_name(key: QualifiedName) -> str:
    """``schema.name``, quoted where PostgreSQL needs it."""
    return f"{quoted(key[0])}.{quoted(key[1])}"


def quoted(name: str) -> str:
    """An identifier, quoted where PostgreSQL needs it; for a text in which SQLAlchemy will double the percent signs."""
    return str(_NAMES.quote(name))


def as_text(expression: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """``expression`` cast to text."""
    return sa.cast(expression, SqlType("text"))


def compiled(statement: sa.Executable, operands: dict[n.Operand, int]) -> Statement:
    """The finished text."""
    return Statement(str(statement.compile(dialect=_DIALECT)), tuple(operands))  # type: ignore[attr-defined]
