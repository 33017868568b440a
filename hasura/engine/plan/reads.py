"""Selections of rows: fields, relationships, aggregates. Every set of rows passes the role's filter."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hasura.engine.document import values as v
from hasura.engine.plan import nodes as n
from hasura.engine.plan import permissions
from hasura.engine.plan.conditions import where
from hasura.engine.plan.operands import computed, given_argument, operand
from hasura.engine.plan.order import distinct_on, order_by
from hasura.engine.role_schema.meaning import (
    AggregateFunction,
    AggregatePart,
    ColumnOf,
    ComputedOf,
    Count,
    FunctionRoot,
    RelationshipOf,
    RemoteOf,
)

if TYPE_CHECKING:
    from hasura.engine.catalog.model import QualifiedName
    from hasura.engine.document.selection import Selected
    from hasura.engine.resolve.model import Column, ComputedField, Source, Table

#: types that JSON numbers cannot carry exactly; text when HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES is on
_WIDE_NUMBERS = frozenset({"bigint", "numeric", "float8"})


@dataclass(frozen=True)
class Reader:
    """Plans reads of one source for one role; remembers what it came by."""

    source: Source
    role: str
    stringify_numbers: bool = False
    tables: set[QualifiedName] = field(default_factory=set)
    #: other sources that it leads to
    joined: set[str] = field(default_factory=set)

    # -- sets of rows

    def rows(self, table: Table, selected: Selected, source: n.RowSource | None = None) -> n.Rows:
        """The rows that ``selected``'s arguments ask for, as far as the role may see them."""
        arguments = selected.arguments
        order = order_by(self.source, self.role, arguments.get("order_by"))
        condition = n.both(
            permissions.row_filter(self.source, table, self.role, "select"),
            where(self.source, self.role, arguments.get("where")),
        )
        self.tables.update({table.key}, tables_in(condition), tables_read(source))
        self.tables.update(*(_tables_of_order(item.target) for item in order))
        return n.Rows(
            source or n.FromTable(table.key),
            where=condition,
            order_by=order,
            distinct_on=distinct_on(
                self.source, arguments.get("distinct_on"), order, f"{selected.path}.args"
            ),
            limit=_natural("limit", arguments.get("limit")),
            offset=_natural("offset", arguments.get("offset")),
            role_limit=permissions.limit(table, self.role),
        )

    def by_key(self, table: Table, selected: Selected) -> n.Rows:
        """The row with the primary key that the arguments give."""
        key = [
            n.Compare(column.sql_name, "_eq", operand(selected.arguments[column.name], column.type.sql))
            for column in table.primary_key
        ]
        condition = n.both(permissions.row_filter(self.source, table, self.role, "select"), *key)
        self.tables.update({table.key}, tables_in(condition))
        return n.Rows(n.FromTable(table.key), where=condition)

    def call(self, root: FunctionRoot, selected: Selected) -> n.Rows:
        """The rows that a function answers."""
        given = selected.argument_object("args")
        arguments = [
            found
            for argument in root.function.arguments
            for found in given_argument(argument, given, selected.path)
        ]
        return self.rows(
            root.table, selected, n.FromFunction(root.function.key, tuple(arguments), root.table.key)
        )

    # -- fields

    def list(self, rows: n.Rows, selected: Selected) -> n.ListField:
        """``[t!]!``."""
        return n.ListField(rows, self.fields(selected.selections))

    def fields(self, selections: tuple[Selected, ...]) -> n.Fields:
        """The fields of a row."""
        return tuple((selected.alias, self._field(selected)) for selected in selections)

    def _field(self, selected: Selected) -> n.Field:
        match selected.meaning:
            case None:
                return n.Typename(selected.parent)
            case ColumnOf(column, redaction):
                path = _json_path(selected.arguments.get("path"))
                seen = permissions.seen(self.source, column.sql_name, redaction)
                self.tables.update(tables_read(seen))
                return n.ColumnField(seen, path, as_text=self._as_text(column))
            case RelationshipOf(relationship, target, aggregate):
                if aggregate:
                    found = self.aggregate(target, self.rows(target, selected), selected)
                    return replace(found, rows=replace(found.rows, pairs=relationship.columns))
                rows = replace(self.rows(target, selected), pairs=relationship.columns)
                if relationship.many:
                    return self.list(rows, selected)
                # The role's limit is about lists; one row is one row.
                return n.ObjectField(replace(rows, role_limit=None), self.fields(selected.selections))
            case RemoteOf() as meaning:
                return self._remote(meaning, selected)
            case ComputedOf(field, target, _, redaction):
                call = computed(field, selected.argument_object("args"), selected.path)
                if target is None:
                    path = _json_path(selected.arguments.get("path"))
                    seen = permissions.seen(self.source, call, redaction)
                    self.tables.update(tables_read(seen))
                    return n.ColumnField(seen, path, as_text=self._as_text(field))
                rows = self.rows(target, selected, call)
                if field.returns_set:
                    return self.list(rows, selected)
                return n.ObjectField(replace(rows, role_limit=None), self.fields(selected.selections))
        raise TypeError(f"no field for {selected.meaning}")

    def _remote(self, meaning: RemoteOf, selected: Selected) -> n.RemoteField:
        there = Reader(meaning.source, self.role, self.stringify_numbers)
        target, columns = meaning.target, meaning.relationship.columns
        joined = [
            n.Compare(its, "_eq", n.Handed(ours, target.by_sql_name[its].type.sql)) for ours, its in columns
        ]
        found = there.rows(target, selected)
        found = replace(found, where=n.both(*joined, found.where))
        field: n.ListField | n.ObjectField | n.AggregateField
        if meaning.aggregate:
            field = there.aggregate(target, found, selected)
        elif meaning.relationship.many:
            field = there.list(found, selected)
        else:
            field = n.ObjectField(replace(found, role_limit=None), there.fields(selected.selections))
        self.joined.add(meaning.source.name)
        return n.RemoteField(tuple(ours for ours, _ in columns), meaning.source, field)

    def _as_text(self, field: Column | ComputedField) -> bool:
        return self.stringify_numbers and field.scalar in _WIDE_NUMBERS and field.type.element is None

    # -- aggregates

    def aggregate(self, table: Table, rows: n.Rows, selected: Selected) -> n.AggregateField:
        """``t_aggregate``. The role's limit bounds ``nodes``; aggregates count every visible row."""
        blocks: list[tuple[str, n.AggregateBlock | n.NodesBlock | n.Typename]] = []
        for item in selected.selections:
            match item.meaning:
                case AggregatePart("nodes"):
                    block = n.NodesBlock(self.fields(item.selections), permissions.limit(table, self.role))
                    blocks.append((item.alias, block))
                case AggregatePart("aggregate"):
                    parts = tuple((part.alias, self._aggregate_part(part)) for part in item.selections)
                    blocks.append((item.alias, n.AggregateBlock(parts)))
                case _:
                    blocks.append((item.alias, n.Typename(item.parent)))
        return n.AggregateField(replace(rows, role_limit=None), tuple(blocks))

    def _aggregate_part(self, selected: Selected) -> n.AggregatePart:
        match selected.meaning:
            case Count():
                columns = selected.arguments.get("columns")
                names = [
                    permissions.seen(self.source, item.value.column.sql_name, item.value.redaction)
                    for item in _enums(columns)
                ]
                distinct = selected.arguments.get("distinct")
                return n.CountOf(tuple(names), isinstance(distinct, v.Scalar) and distinct.value is True)
            case AggregateFunction(function):
                columns_of: list[tuple[str, n.Left | n.Typename, bool]] = []
                for item in selected.selections:
                    if isinstance(item.meaning, ColumnOf):
                        column = item.meaning.column
                        as_text = self._as_text(column)
                        seen = permissions.seen(self.source, column.sql_name, item.meaning.redaction)
                        columns_of.append((item.alias, seen, as_text))
                    else:
                        columns_of.append((item.alias, n.Typename(item.parent), False))
                return n.AggregateOf(function, tuple(columns_of))
        return n.Typename(selected.parent)


def _enums(value: v.Value | None) -> list[Any]:
    items = value.items if isinstance(value, v.List) else () if value is None else (value,)
    return [item for item in items if isinstance(item, v.Enum)]


def _natural(scalar: str, value: v.Value | None) -> n.Operand | None:
    if not isinstance(value, v.Scalar):
        return None
    return n.Slot(value.origin, scalar, "bigint", value.path)


def _json_path(value: v.Value | None) -> n.Operand | None:
    if not isinstance(value, v.Scalar):
        return None
    return n.Slot(value.origin, "json path", "text[]", value.path)


def tables_in(condition: n.Condition) -> set[QualifiedName]:
    """Tables that a condition looks into."""
    match condition:
        case n.And(items) | n.Or(items):
            return set().union(*(tables_in(item) for item in items))
        case n.Not(item):
            return tables_in(item)
        case n.Exists(table=table, condition=inner, computed=computed):
            return {table} | tables_in(inner) | tables_read(computed)
        case n.Having(table=table, condition=inner):
            return {table} | tables_in(inner)
        case n.Compare(column=left) | n.CompareColumns(column=left) | n.IsNull(column=left):
            return tables_read(left)
    return set()


def tables_read(source: n.Left | n.RowSource | None) -> set[QualifiedName]:
    """Tables that a value or a set of rows is made of.

    What a function reads is not known here: it is a name that no table has, so nobody relies on being told, unless
    whoever wrote it says that its row tells (`hasura.engine.resolve.computed.CHANGES_WITH_ROW`).
    """
    match source:
        case n.Computed(changes_with_row=True):
            return set()
        case n.FromTable(table):
            return {table}
        case n.FromFunction(function) | n.Computed(function):
            return {("function", ".".join(function))}
        case n.Redacted(value, shown_if):
            return tables_read(value) | tables_in(shown_if)
    return set()


def _tables_of_order(target: n.OrderTarget) -> set[QualifiedName]:
    match target:
        case n.OwnColumn(column):
            return tables_read(column)
        case n.Related(table, _, visible, inner):
            return {table} | tables_in(visible) | _tables_of_order(inner)
        case n.RelatedAggregate(table=table, visible=visible, computed=computed):
            return {table} | tables_in(visible) | tables_read(computed)
