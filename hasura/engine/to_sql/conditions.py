"""Conditions as SQL."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hasura.engine.plan import nodes as n
from hasura.engine.to_sql.calls import call, rows_of
from hasura.engine.to_sql.statement import WHOLE, as_text

if TYPE_CHECKING:
    from hasura.engine.to_sql.statement import Context, Row

_OPERATORS = {
    "_eq": "=", "_neq": "<>", "_gt": ">", "_lt": "<", "_gte": ">=", "_lte": "<=",
    "_like": "LIKE", "_nlike": "NOT LIKE", "_ilike": "ILIKE", "_nilike": "NOT ILIKE",
    "_similar": "SIMILAR TO", "_nsimilar": "NOT SIMILAR TO",
    "_regex": "~", "_nregex": "!~", "_iregex": "~*", "_niregex": "!~*",
    "_contains": "@>", "_contained_in": "<@",
    "_ancestor": "@>", "_descendant": "<@", "_matches": "~", "_matches_any": "?", "_matches_fulltext": "@",
    "_has_key": "?", "_has_keys_any": "?|", "_has_keys_all": "?&",
}  # fmt: skip
#: compared with each item of a list, one of which must do
_ANY = {"_ancestor_any": "@>", "_descendant_any": "<@"}


@dataclass(frozen=True)
class Scope:
    """The row that a condition is about, and the row that the whole condition began at."""

    row: Row
    root: Row


def condition(ctx: Context, row: Row, node: n.Condition) -> sa.ColumnElement[bool]:
    """``node`` as a boolean expression about ``row``."""
    return _sql(node, ctx, Scope(row, row))


def left(ctx: Context, row: Row, node: n.Left) -> sa.ColumnElement[Any]:
    """A column of ``row``, or a computed value; null where it is redacted."""
    match node:
        case n.Redacted(value, shown_if):
            return sa.case((condition(ctx, row, shown_if), left(ctx, row, value)))
        case n.Computed():
            return call(ctx, node, row)
        case n.Aggregated(function, columns, distinct):
            return aggregated(ctx, row, function, columns, distinct=distinct)
    return row.column(node)


def aggregated(
    ctx: Context, row: Row, function: str, columns: tuple[n.Left, ...], *, distinct: bool = False
) -> sa.ColumnElement[Any]:
    """An aggregate of ``row``'s group; of no columns, of the rows themselves."""
    if not columns:
        return sa.func.count()
    values = [left(ctx, row, column) for column in columns]
    argument: sa.ColumnElement[Any] = values[0] if len(values) == 1 else sa.tuple_(*values)
    made: sa.ColumnElement[Any] = getattr(sa.func, function)(sa.distinct(argument) if distinct else argument)
    return made


def columns_of(node: n.Left) -> set[str]:
    """The columns that ``left`` needs of its row."""
    match node:
        case n.Redacted(value, shown_if):
            return columns_of(value) | _columns_of_condition(shown_if)
        case n.Computed():
            return {WHOLE}
        case n.Aggregated(columns=columns):
            return set().union(*(columns_of(column) for column in columns))
    return {node}


def _columns_of_condition(node: n.Condition) -> set[str]:
    match node:
        case n.And(items) | n.Or(items):
            return set().union(*(_columns_of_condition(item) for item in items))
        case n.Not(item):
            return _columns_of_condition(item)
        case n.Exists(pairs=pairs, computed=computed):
            return {ours for ours, _ in pairs} | ({WHOLE} if computed else set())
        case n.Having(pairs=pairs):
            return {ours for ours, _ in pairs}
        case n.CompareColumns(column, _, other):
            return columns_of(column) | {other}
        case n.Compare(column=column) | n.IsNull(column=column):
            return columns_of(column)


@singledispatch
def _sql(node: Any, ctx: Context, scope: Scope) -> sa.ColumnElement[bool]:
    raise TypeError(type(node).__name__)


@_sql.register(n.And)
def _(node: n.And, ctx: Context, scope: Scope) -> sa.ColumnElement[bool]:
    return sa.and_(sa.true(), *(_sql(item, ctx, scope) for item in node.items))


@_sql.register(n.Or)
def _(node: n.Or, ctx: Context, scope: Scope) -> sa.ColumnElement[bool]:
    return sa.or_(sa.false(), *(_sql(item, ctx, scope) for item in node.items))


@_sql.register(n.Not)
def _(node: n.Not, ctx: Context, scope: Scope) -> sa.ColumnElement[bool]:
    return sa.not_(_sql(node.item, ctx, scope))


@_sql.register(n.Compare)
def _(node: n.Compare, ctx: Context, scope: Scope) -> sa.ColumnElement[bool]:
    column: sa.ColumnElement[Any] = left(ctx, scope.row, node.column)
    if node.as_text:
        column = as_text(column)
    if isinstance(node.operand, n.ArrayOf) and node.operator in {"_in", "_nin"}:
        # Not ANY: of an array of arrays it compares the innermost elements.
        items = [ctx.binder.bind(item) for item in node.operand.items]
        return column.in_(items) if node.operator == "_in" else column.not_in(items)
    value = ctx.binder.bind(node.operand)
    if node.operator == "_in":
        return column == sa.any_(value)
    if node.operator in _ANY:
        return column.op(_ANY[node.operator], is_comparison=True, return_type=sa.Boolean())(
            sa.func.any(value)
        )
    if node.operator == "_nin":
        return column != sa.all_(value)
    return column.op(_OPERATORS[node.operator], is_comparison=True, return_type=sa.Boolean())(value)


@_sql.register(n.CompareColumns)
def _(node: n.CompareColumns, ctx: Context, scope: Scope) -> sa.ColumnElement[bool]:
    other = (scope.root if node.of_root else scope.row).column(node.other)
    operator = _OPERATORS[node.operator]
    return left(ctx, scope.row, node.column).op(operator, is_comparison=True, return_type=sa.Boolean())(other)


@_sql.register(n.IsNull)
def _(node: n.IsNull, ctx: Context, scope: Scope) -> sa.ColumnElement[bool]:
    column = left(ctx, scope.row, node.column)
    return column.is_not(None) if node.negated else column.is_(None)


@_sql.register(n.Exists)
def _(node: n.Exists, ctx: Context, scope: Scope) -> sa.ColumnElement[bool]:
    if node.computed is None:
        inner = ctx.alias(node.table)
    else:
        inner = rows_of(ctx, call(ctx, node.computed, scope.row), node.table)
    joined = (scope.row.column(ours) == inner.column(theirs) for ours, theirs in node.pairs)
    matches = sa.and_(*joined, _sql(node.condition, ctx, Scope(inner, scope.root)))
    return sa.exists(sa.select(sa.literal_column("1")).select_from(inner.source).where(matches))


@_sql.register(n.Having)
def _(node: n.Having, ctx: Context, scope: Scope) -> sa.ColumnElement[bool]:
    inner = ctx.alias(node.table)
    joined = (scope.row.column(ours) == inner.column(theirs) for ours, theirs in node.pairs)
    rows = sa.and_(*joined, _sql(node.condition, ctx, Scope(inner, scope.root)))
    group: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(inner.source).where(rows)
    return sa.exists(group.having(_sql(node.having, ctx, Scope(inner, scope.root))))
