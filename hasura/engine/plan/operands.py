"""Values and function arguments as operands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasura.engine.document import values as v
from hasura.engine.errors import ValidationFailed
from hasura.engine.plan import nodes as n

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hasura.engine.resolve.model import Argument, Column, ComputedField


def operand(value: v.Value, cast: str) -> n.Operand:
    """The operand that brings ``value`` to the statement as SQL type ``cast``."""
    if isinstance(value, v.Enum):
        return n.Slot(v.Constant(value.value), "String", cast, "$")
    if isinstance(value, v.List):
        element = cast.removesuffix("[]")
        return n.ArrayOf(tuple(operand(item, element) for item in value.items), cast)
    assert isinstance(value, v.Scalar)  # noqa: S101 (coercion made it so)
    return n.Slot(value.origin, value.type_name, cast, value.path, cast.endswith("[]"))


def column_value(column: Column, value: v.Value, cast: str | None = None) -> n.Operand:
    """The operand for a column that is written; an explicit null is one."""
    cast = cast or column.type.sql
    if isinstance(value, v.Null):
        return n.Slot(v.Constant(None), column.scalar, cast, value.path)
    return operand(value, cast)


def given_argument(argument: Argument, given: v.Object | None, path: str) -> Iterator[tuple[str, n.Operand]]:
    """A function's argument by its name; nothing where its default is to be taken.

    Raises:
        ValidationFailed: it has no default, and ``given`` lacks it.
    """
    if argument.is_session:
        yield argument.name, n.SessionDocument(argument.type.sql)
        return
    entry = next((e for e in given.entries if e.name == argument.name), None) if given else None
    if entry is None:
        if not argument.has_default:
            raise ValidationFailed(f'missing required field "{argument.name}"', f"{path}.args.args")
    elif isinstance(entry.value, v.Null):
        null = n.Slot(v.Constant(None), argument.scalar, argument.type.sql, entry.path)
        yield argument.name, null
    else:
        yield argument.name, operand(entry.value, argument.type.sql)


def computed(field: ComputedField, given: v.Object | None = None, path: str = "$") -> n.Computed:
    """The call of a computed field's function for a row. Raises as ``given_argument``."""
    arguments: list[tuple[str, n.Operand | n.TheRow]] = []
    for place, argument in enumerate(field.arguments):
        if place == field.row_argument:
            arguments.append((argument.name, n.TheRow()))
        else:
            arguments += given_argument(argument, given, path)
    return n.Computed(field.function, tuple(arguments), field.target, field.changes_with_row)
