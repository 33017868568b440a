"""A caller's ``where`` as a condition. Over a relationship, only rows that the role may see can make it true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hasura.engine.document import values as v
from hasura.engine.errors import ValidationFailed
from hasura.engine.plan import nodes as n
from hasura.engine.plan import permissions
from hasura.engine.plan.operands import computed, operand
from hasura.engine.role_schema.meaning import (
    AggregatePredicate,
    ColumnOf,
    Comparison,
    ComputedOf,
    Logical,
    RelationshipOf,
)
from hasura.engine.role_schema.scalars import LABEL_PATHS

if TYPE_CHECKING:
    from hasura.engine.resolve.model import Relationship, Source, Table

_LISTS = frozenset({"_in", "_nin"})
_KEYS = frozenset({"_has_key", "_has_keys_any", "_has_keys_all"})


def where(source: Source, role: str, expression: v.Value | None) -> n.Condition:
    """The condition of a ``t_bool_exp``.

    Raises:
        ValidationFailed: a null where a value is needed (a null never means "any row").
    """
    if expression is None:
        return n.TRUE
    if isinstance(expression, v.Null):
        raise ValidationFailed("expected an object, but found null", expression.path)
    assert isinstance(expression, v.Object)  # noqa: S101 (coercion made it so)
    return n.both(*(_entry(source, role, entry) for entry in expression.entries))


def _entry(source: Source, role: str, entry: v.Entry) -> n.Condition:
    if isinstance(entry.value, v.Null):
        raise ValidationFailed("expected a value, but found null", entry.path)
    match entry.meaning:
        case Logical("_and"):
            return n.both(*(where(source, role, item) for item in _items(entry.value)))
        case Logical("_or"):
            return n.Or(tuple(where(source, role, item) for item in _items(entry.value)))
        case Logical("_not"):
            return n.Not(where(source, role, entry.value))
        case ColumnOf(column, redaction):
            seen = permissions.seen(source, column.sql_name, redaction)
            return _comparisons(_Subject(seen, column.scalar, column.type.sql), entry.value)
        case ComputedOf(field, None, _, redaction):
            seen = permissions.seen(source, computed(field), redaction)
            return _comparisons(_Subject(seen, field.scalar, field.type.sql), entry.value)
        case ComputedOf(field, target) if target is not None:
            visible = permissions.row_filter(source, target, role, "select")
            inner = n.both(visible, where(source, role, entry.value))
            return n.Exists(target.key, (), inner, computed(field))
        case RelationshipOf(relationship, target, True):
            return _aggregates(source, role, relationship, target, entry.value)
        case RelationshipOf(relationship, target):
            visible = permissions.row_filter(source, target, role, "select")
            inner = n.both(visible, where(source, role, entry.value))
            return n.Exists(target.key, relationship.columns, inner)
    raise TypeError(f"no condition for {entry.meaning}")


def _aggregates(
    source: Source, role: str, relationship: Relationship, target: Table, value: v.Value
) -> n.Condition:
    assert isinstance(value, v.Object)  # noqa: S101
    visible = permissions.row_filter(source, target, role, "select")
    found = []
    for entry in value.entries:
        if isinstance(entry.value, v.Null):
            raise ValidationFailed("expected a value, but found null", entry.path)
        assert isinstance(entry.meaning, AggregatePredicate)  # noqa: S101
        assert isinstance(entry.value, v.Object)  # noqa: S101
        given = {item.name: item.value for item in entry.value.entries}
        distinct = given.get("distinct")
        aggregated = n.Aggregated(
            entry.meaning.function,
            tuple(
                permissions.seen(source, item.value.column.sql_name, item.value.redaction)
                for item in _items(given["arguments"])
                if isinstance(item, v.Enum)
            )
            if "arguments" in given
            else (),
            isinstance(distinct, v.Scalar) and distinct.value is True,
        )
        is_count = entry.meaning.function == "count"
        subject = _Subject(aggregated, "Int" if is_count else "Boolean", "bigint" if is_count else "boolean")
        rows = n.both(visible, where(source, role, entry.value.get("filter")))
        found.append(
            n.Having(target.key, relationship.columns, rows, _comparisons(subject, given["predicate"]))
        )
    return n.both(*found)


def _items(value: v.Value) -> tuple[v.Value, ...]:
    return value.items if isinstance(value, v.List) else (value,)


@dataclass(frozen=True)
class _Subject:
    """What is compared: a column or a computed value, its GraphQL scalar and its SQL type."""

    left: n.Left
    scalar: str
    cast: str


def _comparisons(subject: _Subject, value: v.Value) -> n.Condition:
    assert isinstance(value, v.Object)  # noqa: S101
    return n.both(*(_comparison(subject, item) for item in value.entries))


def _comparison(subject: _Subject, entry: v.Entry, *, as_text: bool = False) -> n.Condition:
    if entry.name == "String" and isinstance(entry.value, v.Object):  # inside _cast
        return n.both(*(_comparison(subject, item, as_text=True) for item in entry.value.entries))
    operator = entry.meaning.operator if isinstance(entry.meaning, Comparison) else entry.name
    if isinstance(entry.value, v.Null):
        type_name = "Boolean" if operator == "_is_null" else subject.scalar
        raise ValidationFailed(f"unexpected null value for type '{type_name}'", entry.path)
    if operator == "_cast":
        assert isinstance(entry.value, v.Object)  # noqa: S101
        return n.both(*(_comparison(subject, item) for item in entry.value.entries))
    if operator == "_is_null":
        assert isinstance(entry.value, v.Scalar)  # noqa: S101
        return n.IsNull(subject.left, negated=entry.value.value is False)
    if operator in LABEL_PATHS:
        cast, many = LABEL_PATHS[operator]
        return n.Compare(subject.left, operator, operand(entry.value, f"{cast}[]" if many else cast))
    cast = "text" if as_text or operator in _KEYS else subject.cast
    many = operator in _LISTS or operator in {"_has_keys_any", "_has_keys_all"}
    return n.Compare(
        subject.left, operator, operand(entry.value, f"{cast}[]" if many else cast), as_text=as_text
    )
