"""A typed selection made into the plan of its operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasura.engine.document import values as v
from hasura.engine.document.selection import INTROSPECTION
from hasura.engine.errors import NotSupported, ValidationFailed
from hasura.engine.plan import nodes as n
from hasura.engine.plan.inserts import insert
from hasura.engine.plan.mutations import delete, update
from hasura.engine.role_schema.meaning import (
    ColumnOf,
    DeleteRoot,
    FunctionRoot,
    InsertRoot,
    SelectRoot,
    UpdateRoot,
)

if TYPE_CHECKING:
    from hasura.engine.document.parse import OperationKind
    from hasura.engine.document.selection import Selected
    from hasura.engine.plan.reads import Reader


def plan_operation(reader: Reader, kind: OperationKind, selections: tuple[Selected, ...]) -> n.OperationPlan:
    """The plan of a query, a mutation, or a live query."""
    if kind == "subscription":
        _one_root(selections)
    roots = tuple((selected.alias, _root(reader, selected)) for selected in selections)
    return n.OperationPlan(kind, roots, frozenset(reader.tables))


def is_stream(selections: tuple[Selected, ...]) -> bool:
    """Whether a subscription's root is a ``t_stream``."""
    return any(isinstance(s.meaning, SelectRoot) and s.meaning.kind == "stream" for s in selections)


def plan_stream(reader: Reader, selections: tuple[Selected, ...]) -> n.StreamPlan:
    """The plan of a ``t_stream`` subscription: https://hasura.io/docs/2.0/subscriptions/postgres/streaming/."""
    _one_root(selections)
    selected = selections[0]
    assert isinstance(selected.meaning, SelectRoot)  # noqa: S101 (is_stream said so)
    table = selected.meaning.table
    cursor = selected.arguments["cursor"]
    items = cursor.items if isinstance(cursor, v.List) else (cursor,)
    if len(items) != 1 or not isinstance(items[0], v.Object):
        raise ValidationFailed("one streaming column field is expected", f"{selected.path}.args.cursor")
    initial = items[0].get("initial_value")
    entries = initial.entries if isinstance(initial, v.Object) else ()
    if len(entries) != 1:
        raise ValidationFailed(
            "multiple column cursors are not supported yet"
            if entries
            else "one streaming column field is expected",
            f"{selected.path}.args.cursor[0].initial_value",
        )
    meaning, value = entries[0].meaning, entries[0].value
    assert isinstance(meaning, ColumnOf)  # noqa: S101
    if not isinstance(value, v.Scalar):
        raise ValidationFailed("a cursor starts at a value, not at null", entries[0].path)
    column = meaning.column
    ordering = items[0].get("ordering")
    direction: n.Direction = "desc" if isinstance(ordering, v.Enum) and ordering.name == "DESC" else "asc"
    batch = selected.arguments["batch_size"]
    assert isinstance(batch, v.Scalar)  # noqa: S101
    wanted = reader.rows(table, selected)
    after = n.Compare(
        column.sql_name,
        "_gt" if direction == "asc" else "_lt",
        n.CursorValue(column.sql_name, column.type.sql),
    )
    rows = n.Rows(
        wanted.source,
        where=n.both(wanted.where, after),
        order_by=(n.OrderBy(n.OwnColumn(column.sql_name), direction, "last"),),
        limit=n.Slot(batch.origin, "limit", "bigint", batch.path),
        role_limit=wanted.role_limit,
    )
    return n.StreamPlan(
        alias=selected.alias,
        rows=n.ListField(rows, reader.fields(selected.selections)),
        cursor=column.sql_name,
        cursor_type=column.type.sql,
        direction=direction,
        start=n.Slot(value.origin, column.scalar, column.type.sql, value.path),
        tables=frozenset(reader.tables),
    )


def _one_root(selections: tuple[Selected, ...]) -> None:
    if len(selections) != 1:
        raise ValidationFailed("subscriptions must select one top level field")


def _root(reader: Reader, selected: Selected) -> n.Root:
    match selected.meaning:
        case SelectRoot(table, "rows"):
            return reader.list(reader.rows(table, selected), selected)
        case SelectRoot(table, "one"):
            return n.ObjectField(reader.by_key(table, selected), reader.fields(selected.selections))
        case SelectRoot(table, "aggregate"):
            return reader.aggregate(table, reader.rows(table, selected), selected)
        case FunctionRoot(function, table, aggregate) as root:
            rows = reader.call(root, selected)
            if aggregate:
                return reader.aggregate(table, rows, selected)
            if function.returns_set:
                return reader.list(rows, selected)
            return n.ObjectField(rows, reader.fields(selected.selections))
        case InsertRoot() as root:
            return insert(reader, root, selected)
        case UpdateRoot() as root:
            return update(reader, root, selected)
        case DeleteRoot() as root:
            return delete(reader, root, selected)
    if selected.name in INTROSPECTION:
        return n.Introspection(selected.nodes)
    if selected.name == "__typename":
        return n.Typename(selected.parent)
    raise NotSupported(f"'{selected.name}' cannot be answered", selected.path)
