"""Mutations as SQL.

The change is a CTE, and the statement's answer is made from the rows that it returns. A statement sees the database as
it was before its own changes, so an answer that looks at other rows (relationships) needs a second statement in the
same transaction; the changed rows are handed to it as JSON. Hasura does the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as pg_insert

from hasura.engine.plan import nodes as n
from hasura.engine.to_sql.conditions import condition
from hasura.engine.to_sql.reads import Json, json_list, json_object, object_of, records_of
from hasura.engine.to_sql.statement import (
    Context,
    Parameters,
    Row,
    SqlType,
    Statement,
    as_text,
    compiled,
    constant,
    qualified_name,
    quoted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hasura.engine.catalog.model import QualifiedName
    from hasura.engine.resolve.model import Source

_CHECK = "check__"
_CHANGED = "changed"


@dataclass(frozen=True)
class MutationSql:
    """``change`` answers ``(text, every check held)``; the text is the answer itself, or, where ``answer`` follows,
    the changed rows for its parameter ``records``."""

    change: Statement
    answer: Statement | None


@dataclass(frozen=True)
class NestedSql:
    """Rows inserted with another row: what of that row they get, or give."""

    nested: n.Nested
    tree: TreeSql


@dataclass(frozen=True)
class BranchSql:
    """The statement of one row between those of its nested rows."""

    change: Statement
    before: tuple[NestedSql, ...]
    after: tuple[NestedSql, ...]
    path: str


@dataclass(frozen=True)
class TreeSql:
    """The statements of a nested insert; ``answer`` takes ``records`` and ``affected``."""

    table: QualifiedName
    branches: tuple[BranchSql, ...]
    answer: Statement | None

    def statements(self) -> Iterator[Statement]:
        """Every statement of the tree: its rows', its nested rows', its answer's."""
        for branch in self.branches:
            yield branch.change
            for nested in (*branch.before, *branch.after):
                yield from nested.tree.statements()
        if self.answer is not None:
            yield self.answer


def insert_tree(source: Source, node: n.InsertTree) -> TreeSql:
    """The statements of a nested insert, one for each row: a row's keys are known when it is there."""
    branches = tuple(
        BranchSql(
            mutation(source, branch.row).change,
            tuple(NestedSql(nested, insert_tree(source, nested.tree)) for nested in branch.before),
            tuple(NestedSql(nested, insert_tree(source, nested.tree)) for nested in branch.after),
            branch.row.path,
        )
        for branch in node.branches
    )
    return TreeSql(node.table, branches, _after(source, node.table, node.answer) if node.answer else None)


def mutation(source: Source, node: n.Mutation) -> MutationSql:
    """The statements of one mutation."""
    binder = Parameters()
    ctx = Context(source, binder)
    changed = _changed(ctx, node.table, _change(node, ctx).cte(_CHANGED))
    held = sa.func.coalesce(sa.func.bool_and(changed.column(_CHECK)), sa.true())
    if node.answer is not None and not _looks_around(node.answer):
        affected = sa.select(sa.func.count()).select_from(changed.source).scalar_subquery()
        text = as_text(_answer(ctx, node.answer, changed, affected))
        statement = sa.select(text, sa.select(held).select_from(changed.source).scalar_subquery())
        return MutationSql(compiled(statement, binder.operands), None)
    records = sa.func.coalesce(
        sa.func.json_agg(sa.literal_column(f"{_CHANGED}.*")), sa.literal_column("'[]'::json")
    )
    change = compiled(sa.select(as_text(records), held).select_from(changed.source), binder.operands)
    return MutationSql(change, _after(source, node.table, node.answer) if node.answer else None)


def _after(source: Source, table: QualifiedName, answer: n.Answer) -> Statement:
    """The answer, made of the changed rows in ``records``."""
    binder = Parameters()
    ctx = Context(source, binder)
    handed = records_of(ctx, table)
    shown = (handed.column(name).label(name) for name in ctx.columns(table))
    found = _changed(ctx, table, sa.select(*shown).select_from(handed.source).cte(_CHANGED))
    affected = sa.cast(sa.bindparam("affected", type_=sa.types.NullType()), SqlType("bigint"))
    return compiled(sa.select(as_text(_answer(ctx, answer, found, affected))), binder.operands)


def _changed(ctx: Context, table: QualifiedName, cte: sa.CTE) -> Row:
    # The CTE has a column more than the table, so its rows are not of the table's type.
    columns = ", ".join(f"{_CHANGED}.{quoted(name)}" for name in ctx.columns(table))
    return Row(cte, _CHANGED, f"CAST(ROW({columns}) AS {qualified_name(table)})")


def _looks_around(answer: n.Answer) -> bool:
    if isinstance(answer, n.SingleRow):
        return _has_relationships(answer.fields)
    return any(isinstance(part, n.Returning) and _has_relationships(part.fields) for _, part in answer.parts)


def _has_relationships(fields: n.Fields) -> bool:
    # A computed value, or a redaction, may look anywhere as well.
    return any(
        not isinstance(node.column, str)
        if isinstance(node, n.ColumnField)
        else isinstance(node, n.ListField | n.ObjectField | n.AggregateField)
        for _, node in fields
    )


def _answer(ctx: Context, answer: n.Answer, changed: Row, affected: Json) -> Json:
    if isinstance(answer, n.SingleRow):
        one = (
            sa.select(object_of(ctx, answer.fields, changed))
            .select_from(changed.source)
            .limit(sa.literal_column("1"))
        )
        return one.scalar_subquery()
    parts: list[tuple[str, Json]] = []
    for alias, part in answer.parts:
        match part:
            case n.AffectedRows():
                value: Json = affected
            case n.Returning(fields):
                shown = json_list(object_of(ctx, fields, changed))
                value = sa.select(shown).select_from(changed.source).scalar_subquery()
            case n.Typename(name):
                value = constant(name)
        parts.append((alias, value))
    return json_object(parts)


Change = Any  # Insert, Update, Delete or Select with RETURNING: what SQLAlchemy can make a CTE of


@singledispatch
def _change(node: Any, ctx: Context) -> Change:
    raise TypeError(type(node).__name__)


def _returned(ctx: Context, key: QualifiedName, check: sa.ColumnElement[bool]) -> list[sa.ColumnElement[Any]]:
    row = ctx.target(key)
    # A check that is neither true nor false (a null on one side) has not been fulfilled.
    return [
        *(row.column(name).label(name) for name in ctx.columns(key)),
        sa.func.coalesce(check, sa.false()).label(_CHECK),
    ]


def _no_rows(ctx: Context, key: QualifiedName) -> Change:
    return sa.select(*_returned(ctx, key, sa.true())).select_from(ctx.table(key)).where(sa.false())


@_change.register(n.Insert)
def _(node: n.Insert, ctx: Context) -> Change:
    table, target = ctx.table(node.table), ctx.target(node.table)
    if not node.rows:
        return _no_rows(ctx, node.table)
    default: sa.ColumnElement[Any] = sa.literal_column("DEFAULT")
    columns = node.columns or ctx.columns(node.table)[:1]
    statement = pg_insert(table).values(
        [
            {
                name: default if value is None else ctx.binder.bind(value)
                for name, value in zip(columns, row or (None,), strict=True)
            }
            for row in node.rows
        ]
    )
    check = condition(ctx, target, node.check)
    conflict = node.conflict
    if conflict is None:
        return statement.returning(*_returned(ctx, node.table, check))
    if not conflict.update_columns:
        statement = statement.on_conflict_do_nothing(constraint=conflict.constraint)
        return statement.returning(*_returned(ctx, node.table, check))
    changes: dict[str, Any] = {name: statement.excluded[name] for name in conflict.update_columns}
    changes |= {name: ctx.binder.bind(value) for name, value in conflict.presets}
    statement = statement.on_conflict_do_update(
        constraint=conflict.constraint, set_=changes, where=condition(ctx, target, conflict.where)
    )
    # xmax is 0 in a row that was inserted, and not in one that was updated instead.
    inserted: sa.ColumnElement[bool] = sa.literal_column("xmax::text = '0'")
    return statement.returning(
        *_returned(
            ctx, node.table, sa.case((inserted, check), else_=condition(ctx, target, node.update_check))
        )
    )


@_change.register(n.Update)
def _(node: n.Update, ctx: Context) -> Change:
    if not node.assignments:
        return _no_rows(ctx, node.table)
    table, target = ctx.table(node.table), ctx.target(node.table)
    statement = sa.update(table).values({a.column: _assigned(a, ctx, target) for a in node.assignments})
    statement = statement.where(condition(ctx, target, node.where))
    return statement.returning(*_returned(ctx, node.table, condition(ctx, target, node.check)))


@_change.register(n.Delete)
def _(node: n.Delete, ctx: Context) -> Change:
    table, target = ctx.table(node.table), ctx.target(node.table)
    statement = sa.delete(table).where(condition(ctx, target, node.where))
    return statement.returning(*_returned(ctx, node.table, sa.true()))


def _assigned(assignment: n.Assignment, ctx: Context, target: Row) -> sa.ColumnElement[Any]:
    column = target.column(assignment.column)
    value = ctx.binder.bind(assignment.operand)
    match assignment.operator:
        case "_inc":
            return column.op("+")(value)
        case "_append":
            return column.op("||")(value)
        case "_prepend":
            return value.op("||")(column)
        case "_delete_key" | "_delete_elem":
            return column.op("-")(value)
        case "_delete_at_path":
            return column.op("#-")(value)
    return value
