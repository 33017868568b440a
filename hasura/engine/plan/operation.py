"""A typed selection made into the plan of its operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasura.engine.document import values as v
from hasura.engine.document.selection import INTROSPECTION
from hasura.engine.errors import NotSupported, ValidationFailed
from hasura.engine.plan import nodes as n
from hasura.engine.plan.inserts import insert
from hasura.engine.plan.mutations import delete, update
from hasura.engine.plan.reads import Reader
from hasura.engine.role_schema.meaning import (
    ColumnOf,
    DeleteRoot,
    FunctionRoot,
    InsertRoot,
    Namespace,
    SelectRoot,
    UpdateRoot,
)

if TYPE_CHECKING:
    from hasura.engine.document.selection import Selected
    from hasura.engine.resolve.model import Source


class _Planner:
    """Plans root fields, with one reader for each source."""

    def __init__(self, role: str, *, stringify_numbers: bool) -> None:
        self._role = role
        self._stringify_numbers = stringify_numbers
        self.readers: dict[str, Reader] = {}

    def reader(self, source: Source) -> Reader:
        if source.name not in self.readers:
            self.readers[source.name] = Reader(source, self._role, self._stringify_numbers)
        return self.readers[source.name]

    def roots(self, selections: tuple[Selected, ...]) -> n.Roots:
        return tuple((selected.alias, self._root(selected)) for selected in selections)

    def _root(self, selected: Selected) -> n.Root:
        match selected.meaning:
            case SelectRoot() | FunctionRoot() | InsertRoot() | UpdateRoot() | DeleteRoot() as meaning:
                return n.OfSource(meaning.source, _action(self.reader(meaning.source), meaning, selected))
            case Namespace():
                return n.Namespace(self.roots(selected.selections))
        if selected.name in INTROSPECTION:
            return n.Introspection(selected.nodes)
        if selected.name == "__typename":
            return n.Typename(selected.parent)
        raise NotSupported(f"'{selected.name}' cannot be answered", selected.path)


def plan_operation(
    role: str, selections: tuple[Selected, ...], *, stringify_numbers: bool = False
) -> n.Roots:
    """The plan of a query or a mutation."""
    return _Planner(role, stringify_numbers=stringify_numbers).roots(selections)


def plan_live(
    role: str,
    selections: tuple[Selected, ...],
    *,
    stringify_numbers: bool = False,
    several: bool = False,
) -> n.LivePlan | n.StreamPlan:
    """The plan of a subscription; ``several`` allows it more than one root field.

    Raises:
        ValidationFailed: it has several root fields.
        NotSupported: what it has under a namespace cannot be told together.
    """
    is_namespace = any(isinstance(selected.meaning, Namespace) for selected in selections)
    if len(selections) != 1 and (is_namespace or not several):
        raise ValidationFailed("subscriptions must select one top level field")
    planner = _Planner(role, stringify_numbers=stringify_numbers)
    fields = selections[0].selections if is_namespace else selections
    streams = [isinstance(s.meaning, SelectRoot) and s.meaning.kind == "stream" for s in fields]
    if not any(streams):
        roots = planner.roots(selections)
        reader = _one_reader(planner)
        return n.LivePlan(reader.source, roots, frozenset(reader.tables))
    if not all(streams):
        raise NotSupported(
            "streaming and livequery subscriptions cannot be executed in the same subscription"
        )
    if len(fields) > 1:
        raise NotSupported("exactly one root field is allowed for streaming subscriptions")
    return _stream(planner, fields[0], selections[0].alias if is_namespace else None)


def _one_reader(planner: _Planner) -> Reader:
    readers = list(planner.readers.values())
    if any(reader.joined for reader in readers):
        raise NotSupported("Remote relationships are not allowed in subscriptions")
    if len(readers) == 1:
        return readers[0]
    raise NotSupported(
        "all fields of a subscription must be from the same source"
        if readers
        else "Introspection at root field level is not supported over subscriptions"
    )


def _stream(planner: _Planner, selected: Selected, within: str | None) -> n.StreamPlan:
    """The plan of a ``t_stream`` subscription: https://hasura.io/docs/2.0/subscriptions/postgres/streaming/."""
    assert isinstance(selected.meaning, SelectRoot)  # noqa: S101 (the caller looked)
    table = selected.meaning.table
    reader = planner.reader(selected.meaning.source)
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
    shown = n.ListField(rows, reader.fields(selected.selections))
    _one_reader(planner)
    return n.StreamPlan(
        source=reader.source,
        within=within,
        alias=selected.alias,
        rows=shown,
        cursor=column.sql_name,
        cursor_type=column.type.sql,
        direction=direction,
        start=n.Slot(value.origin, column.scalar, column.type.sql, value.path),
        tables=frozenset(reader.tables),
    )


def _action(
    reader: Reader,
    meaning: SelectRoot | FunctionRoot | InsertRoot | UpdateRoot | DeleteRoot,
    selected: Selected,
) -> n.Action:
    match meaning:
        case SelectRoot(table, _, "one"):
            return n.ObjectField(reader.by_key(table, selected), reader.fields(selected.selections))
        case SelectRoot(table, _, "aggregate"):
            return reader.aggregate(table, reader.rows(table, selected), selected)
        case SelectRoot(table):
            return reader.list(reader.rows(table, selected), selected)
        case FunctionRoot(function, table):
            rows = reader.call(meaning, selected)
            if meaning.aggregate:
                return reader.aggregate(table, rows, selected)
            if function.returns_set:
                return reader.list(rows, selected)
            return n.ObjectField(rows, reader.fields(selected.selections))
        case InsertRoot():
            return insert(reader, meaning, selected)
        case UpdateRoot():
            return update(reader, meaning, selected)
        case DeleteRoot():
            return delete(reader, meaning, selected)
