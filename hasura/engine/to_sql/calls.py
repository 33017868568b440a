"""Calls of functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import quoted_name
from sqlalchemy.sql.functions import Function

from hasura.engine.plan import nodes as n
from hasura.engine.to_sql.statement import Row

if TYPE_CHECKING:
    from hasura.engine.catalog.model import QualifiedName
    from hasura.engine.to_sql.statement import Context


def call(ctx: Context, node: n.FromFunction | n.Computed, row: Row | None) -> Function[Any]:
    """The call, with arguments by name where they have one; ``row`` is what ``TheRow`` stands for."""
    schema, name = node.function
    arguments = (_argument(ctx, argument, value, row) for argument, value in node.arguments)
    return Function(
        quoted_name(name, quote=True), *arguments, packagenames=(quoted_name(schema, quote=True),)
    )


def _argument(ctx: Context, name: str, value: n.Operand | n.TheRow, row: Row | None) -> sa.ColumnElement[Any]:
    if not isinstance(value, n.TheRow):
        given = ctx.binder.bind(value)
    elif row is not None:
        given = sa.literal_column(row.whole)
    else:
        raise TypeError("a computed field is about a row")
    return sa.column(name).op("=>")(given) if name else given


def rows_of(ctx: Context, function: Function[Any], table: QualifiedName) -> Row:
    """The rows of ``table`` that a call answers."""
    name = ctx.name()
    return Row(function.table_valued(*ctx.columns(table)).alias(name), name)
