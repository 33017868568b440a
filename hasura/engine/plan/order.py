"""``order_by`` and ``distinct_on``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasura.engine.document import values as v
from hasura.engine.errors import ValidationFailed
from hasura.engine.plan import nodes as n
from hasura.engine.plan import permissions
from hasura.engine.plan.operands import computed
from hasura.engine.role_schema.meaning import AggregateFunction, ColumnOf, ComputedOf, Count, RelationshipOf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hasura.engine.resolve.model import Source

    Wrap = Callable[[n.OrderTarget], n.OrderTarget]


def order_by(source: Source, role: str, value: v.Value | None) -> tuple[n.OrderBy, ...]:
    """The items of an ``order_by`` argument, in the order given."""
    if value is None:
        return ()
    items = value.items if isinstance(value, v.List) else (value,)
    return tuple(
        found
        for item in items
        if isinstance(item, v.Object)
        for found in _object(source, role, item, lambda target: target)
    )


def distinct_on(
    source: Source, value: v.Value | None, order: tuple[n.OrderBy, ...], path: str
) -> tuple[n.Left, ...]:
    """The columns of ``distinct_on``, which must begin the order.

    Raises:
        ValidationFailed: they do not.
    """
    if value is None:
        return ()
    columns = tuple(
        permissions.seen(source, item.value.column.sql_name, item.value.redaction)
        for item in (value.items if isinstance(value, v.List) else (value,))
        if isinstance(item, v.Enum)
    )
    leading = [item.target.column if isinstance(item.target, n.OwnColumn) else None for item in order]
    if order and (len(leading) < len(columns) or set(leading[: len(columns)]) != set(columns)):
        raise ValidationFailed('"distinct_on" columns must match initial "order_by" columns', path)
    return columns


def _object(source: Source, role: str, value: v.Object, wrap: Wrap) -> Iterator[n.OrderBy]:
    for entry in value.entries:
        if isinstance(entry.value, v.Null):
            continue
        match entry.meaning:
            case ColumnOf(column, redaction):
                seen = permissions.seen(source, column.sql_name, redaction)
                yield _item(wrap(n.OwnColumn(seen)), entry.value)
            case ComputedOf(field, None, _, redaction):
                seen = permissions.seen(source, computed(field), redaction)
                yield _item(wrap(n.OwnColumn(seen)), entry.value)
            case ComputedOf(field, target) if target is not None:
                visible = permissions.row_filter(source, target, role, "select")
                assert isinstance(entry.value, v.Object)  # noqa: S101
                for function, column_name, ordering in _aggregates(source, entry.value):
                    found = n.RelatedAggregate(
                        target.key, (), visible, function, column_name, computed(field)
                    )
                    yield _item(wrap(found), ordering)
            case RelationshipOf(relationship, target, aggregate):
                visible = permissions.row_filter(source, target, role, "select")
                assert isinstance(entry.value, v.Object)  # noqa: S101
                if aggregate:
                    for function, column_name, ordering in _aggregates(source, entry.value):
                        found = n.RelatedAggregate(
                            target.key, relationship.columns, visible, function, column_name
                        )
                        yield _item(wrap(found), ordering)
                    continue
                key, pairs = target.key, relationship.columns

                def through(
                    inner: n.OrderTarget,
                    key: tuple[str, str] = key,
                    pairs: n.Pairs = pairs,
                    visible: n.Condition = visible,
                ) -> n.OrderTarget:
                    return wrap(n.Related(key, pairs, visible, inner))

                yield from _object(source, role, entry.value, through)


def _aggregates(source: Source, value: v.Object) -> Iterator[tuple[str, n.Left | None, v.Value]]:
    for entry in value.entries:
        if isinstance(entry.value, v.Null):
            continue
        if isinstance(entry.meaning, Count):
            yield "count", None, entry.value
        elif isinstance(entry.meaning, AggregateFunction) and isinstance(entry.value, v.Object):
            for inner in entry.value.entries:
                if isinstance(inner.meaning, ColumnOf) and not isinstance(inner.value, v.Null):
                    seen = permissions.seen(source, inner.meaning.column.sql_name, inner.meaning.redaction)
                    yield entry.meaning.function, seen, inner.value


def _item(target: n.OrderTarget, value: v.Value) -> n.OrderBy:
    assert isinstance(value, v.Enum)  # noqa: S101
    direction: n.Direction = "desc" if value.name.startswith("desc") else "asc"
    if value.name.endswith("nulls_first"):
        return n.OrderBy(target, direction, "first")
    if value.name.endswith("nulls_last"):
        return n.OrderBy(target, direction, "last")
    # PostgreSQL's own default: nulls are the largest values.
    return n.OrderBy(target, direction, "first" if direction == "desc" else "last")
