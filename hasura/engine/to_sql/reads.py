"""Reads as SQL expressions that answer JSON.

A set of rows is always an inner query that filters, sorts and cuts, and an outer one that makes JSON of what is
left; a relationship is a scalar subquery over the inner row. So nothing is built for a row that a limit drops.
"""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import array, distinct_on

from hasura.engine.plan import nodes as n
from hasura.engine.to_sql.calls import call, rows_of
from hasura.engine.to_sql.conditions import aggregated, columns_of, condition, left
from hasura.engine.to_sql.statement import WHOLE, Row, SqlType, as_text, constant, qualified_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hasura.engine.to_sql.statement import Context

Json = sa.ColumnElement[Any]

#: PostgreSQL takes at most 100 arguments in a call (FUNC_MAX_ARGS)
_PAIRS_A_CALL = 50


def json_object(pairs: list[tuple[str, Json]]) -> Json:
    """A JSON object with its keys in order."""
    if len(pairs) <= _PAIRS_A_CALL:
        return sa.func.json_build_object(*(part for key, value in pairs for part in (constant(key), value)))
    # Too many for one call: the insides of several objects' texts, joined.
    parts = [
        json_object(pairs[start : start + _PAIRS_A_CALL]) for start in range(0, len(pairs), _PAIRS_A_CALL)
    ]
    insides = [
        sa.func.left(sa.func.substr(as_text(part), sa.literal_column("2")), sa.literal_column("-1"))
        for part in parts
    ]
    inside = sa.func.array_to_string(array(insides), sa.literal_column("', '"))
    return sa.cast(
        sa.func.concat(sa.literal_column("'{'"), inside, sa.literal_column("'}'")), SqlType("json")
    )


def json_list(item: Json) -> Json:
    """Every row's ``item`` as a JSON list."""
    return sa.func.coalesce(sa.func.json_agg(item), sa.literal_column("'[]'::json"))


@singledispatch
def field(node: Any, ctx: Context, row: Row) -> Json:
    """The JSON of a field of ``row``."""
    raise TypeError(type(node).__name__)


def object_of(ctx: Context, fields: n.Fields, row: Row) -> Json:
    """The JSON object that shows ``fields`` of ``row``."""
    return json_object([(alias, field(node, ctx, row)) for alias, node in fields])


@field.register(n.Typename)
def _(node: n.Typename, ctx: Context, row: Row) -> Json:
    return constant(node.name)


@field.register(n.ColumnField)
def _(node: n.ColumnField, ctx: Context, row: Row) -> Json:
    column: Json = left(ctx, row, node.column)
    if node.json_path is not None:
        column = column.op("#>")(ctx.binder.bind(node.json_path))
    return as_text(column) if node.as_text else column


@field.register(n.RemoteField)
def _(node: n.RemoteField, ctx: Context, row: Row) -> Json:
    return sa.func.json_build_array(*(as_text(row.column(column)) for column in node.columns))


@field.register(n.ListField)
def _(node: n.ListField, ctx: Context, row: Row) -> Json:
    return list_of(ctx, node, row).scalar_subquery()


@field.register(n.ObjectField)
def _(node: n.ObjectField, ctx: Context, row: Row) -> Json:
    found = rows(ctx, node.rows, row, needed(node.fields), only_one=True)
    return sa.select(object_of(ctx, node.fields, found)).select_from(found.source).scalar_subquery()


@field.register(n.AggregateField)
def _(node: n.AggregateField, ctx: Context, row: Row) -> Json:
    columns = set().union(*(_columns_of_block(block) for _, block in node.blocks))
    found = rows(ctx, node.rows, row, columns)
    limits = [
        block.limit for _, block in node.blocks if isinstance(block, n.NodesBlock) and block.limit is not None
    ]
    if limits:
        shown = [_handed_out(found, name) for name in sorted(columns)]
        place = sa.func.row_number().over().label("place__")
        found = ctx.subquery(sa.select(*shown, place).select_from(found.source))
    pairs = [(alias, _block(block, ctx, found)) for alias, block in node.blocks]
    # One answer for all rows, also where nothing but names is asked for and no aggregate makes it one.
    return sa.select(json_object(pairs)).select_from(found.source).having(sa.true()).scalar_subquery()


def list_of(ctx: Context, node: n.ListField, row: Row | None) -> sa.Select[Any]:
    """A query for the JSON list of ``node``'s rows."""
    found = rows(ctx, node.rows, row, needed(node.fields))
    return sa.select(json_list(object_of(ctx, node.fields, found))).select_from(found.source)


# -- sets of rows


def rows(
    ctx: Context, node: n.Rows, outer: Row | None, columns: Iterable[str], *, only_one: bool = False
) -> Row:
    """The inner query: ``columns`` of the rows that ``node`` describes, joined to the ``outer`` row."""
    base = _base(ctx, node.source, outer)
    shown = [_handed_out(base, name) for name in sorted(columns)] or [sa.literal_column("1").label("one__")]
    query = sa.select(*shown).select_from(base.source)
    if outer is not None:
        query = query.where(*(outer.column(theirs) == base.column(ours) for theirs, ours in node.pairs))
    if node.where != n.TRUE:
        query = query.where(condition(ctx, base, node.where))
    if node.distinct_on:
        query = query.ext(distinct_on(*(left(ctx, base, column) for column in node.distinct_on)))
    query = query.order_by(*(_order(ctx, base, item) for item in node.order_by))
    limit = _limit(ctx, node, only_one=only_one)
    if limit is not None:
        query = query.limit(limit)
    if node.offset is not None:
        query = query.offset(ctx.binder.bind(node.offset))
    return ctx.subquery(query)


def _handed_out(row: Row, name: str) -> sa.ColumnElement[Any]:
    value: sa.ColumnElement[Any] = sa.literal_column(row.whole) if name == WHOLE else row.column(name)
    return value.label(name)


def _base(ctx: Context, source: n.RowSource, outer: Row | None) -> Row:
    match source:
        case n.FromTable(table):
            return ctx.alias(table)
        case n.FromFunction(rows_of=table) | n.Computed(rows_of=table) if table is not None:
            return rows_of(ctx, call(ctx, source, outer), table)
    raise TypeError(f"no rows in {source}")


def records_of(ctx: Context, table: tuple[str, str]) -> Row:
    """Rows of ``table`` that the parameter ``records`` brings as a JSON list."""
    nothing = sa.cast(sa.null(), SqlType(qualified_name(table)))
    records = sa.cast(sa.bindparam("records", type_=sa.types.NullType()), SqlType("json"))
    return rows_of(ctx, sa.func.json_populate_recordset(nothing, records), table)


def _limit(ctx: Context, node: n.Rows, *, only_one: bool) -> sa.ColumnElement[Any] | None:
    bounds: list[sa.ColumnElement[Any]] = [
        sa.literal_column(str(bound))
        for bound in (node.role_limit, 1 if only_one else None)
        if bound is not None
    ]
    if node.limit is not None:
        bounds.append(ctx.binder.bind(node.limit))
    return bounds[0] if len(bounds) == 1 else sa.func.least(*bounds) if bounds else None


def _order(ctx: Context, row: Row, item: n.OrderBy) -> sa.ColumnElement[Any]:
    target = _order_target(ctx, row, item.target)
    ordered = target.desc() if item.direction == "desc" else target.asc()
    # What is PostgreSQL's default anyway is left unsaid.
    if (item.direction, item.nulls) in {("asc", "last"), ("desc", "first")}:
        return ordered
    return ordered.nulls_first() if item.nulls == "first" else ordered.nulls_last()


def _order_target(ctx: Context, row: Row, target: n.OrderTarget) -> sa.ColumnElement[Any]:
    match target:
        case n.OwnColumn(column):
            return left(ctx, row, column)
        case n.Related(table, pairs, visible, inner):
            other = ctx.alias(table)
            query = sa.select(_order_target(ctx, other, inner)).select_from(other.source)
        case n.RelatedAggregate(table, pairs, visible, function, column, computed):
            other = rows_of(ctx, call(ctx, computed, row), table) if computed else ctx.alias(table)
            value = (
                sa.func.count() if column is None else getattr(sa.func, function)(left(ctx, other, column))
            )
            query = sa.select(value).select_from(other.source)
    query = query.where(
        *(row.column(ours) == other.column(theirs) for ours, theirs in pairs), condition(ctx, other, visible)
    )
    return query.scalar_subquery()


# -- the columns that an inner query must hand out


def needed(fields: n.Fields) -> set[str]:
    """Columns that ``fields`` show, or join by."""
    return set(_needed(fields))


def _needed(fields: n.Fields) -> Iterator[str]:
    for _, node in fields:
        if isinstance(node, n.ColumnField):
            yield from columns_of(node.column)
        elif _is_computed(node):
            yield WHOLE
        elif isinstance(node, n.RemoteField):
            yield from node.columns
        elif isinstance(node, n.ListField | n.ObjectField | n.AggregateField):
            yield from (ours for ours, _ in node.rows.pairs)


def _is_computed(node: n.Field) -> bool:
    return isinstance(node, n.ListField | n.ObjectField) and isinstance(node.rows.source, n.Computed)


def _columns_of_block(block: n.AggregateBlock | n.NodesBlock | n.Typename) -> set[str]:
    if isinstance(block, n.NodesBlock):
        return needed(block.fields)
    names: set[str] = set()
    for _, part in block.parts if isinstance(block, n.AggregateBlock) else ():
        if isinstance(part, n.CountOf):
            names = names.union(*(columns_of(column) for column in part.columns))
        elif isinstance(part, n.AggregateOf):
            shown = (column for _, column, _ in part.columns if not isinstance(column, n.Typename))
            names = names.union(*(columns_of(column) for column in shown))
    return names


# -- aggregates


def _block(block: n.AggregateBlock | n.NodesBlock | n.Typename, ctx: Context, found: Row) -> Json:
    if isinstance(block, n.Typename):
        return constant(block.name)
    if isinstance(block, n.NodesBlock):
        item = object_of(ctx, block.fields, found)
        if block.limit is None:
            return json_list(item)
        shown = sa.func.json_agg(item).filter(found.column("place__") <= sa.literal_column(str(block.limit)))
        return sa.func.coalesce(shown, sa.literal_column("'[]'::json"))
    return json_object([(alias, _part(ctx, part, found)) for alias, part in block.parts])


def _part(ctx: Context, part: n.AggregatePart, found: Row) -> Json:
    if isinstance(part, n.Typename):
        return constant(part.name)
    if isinstance(part, n.CountOf):
        return aggregated(ctx, found, "count", part.columns, distinct=part.distinct)
    pairs: list[tuple[str, Json]] = []
    for alias, column, exact in part.columns:
        if isinstance(column, n.Typename):
            pairs.append((alias, constant(column.name)))
        else:
            value = aggregated(ctx, found, part.function, (column,))
            pairs.append((alias, as_text(value) if exact else value))
    return json_object(pairs)
