"""Row conditions of permissions: what they refer to, and the same conditions after something was renamed.

Source: https://hasura.io/docs/2.0/api-reference/syntax-defs/#boolexp
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .arguments import qualified
from .names import as_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hasura.engine.resolve.model import Source

    from .names import Key

_LISTS = ("_and", "_or", "$and", "$or")
_NOT = ("_not", "$not")
_EXISTS = ("_exists", "$exists")
#: operators whose operand names a column
_COLUMN_OPERATORS = tuple(
    f"{sign}{name}" for sign in "_$" for name in ("ceq", "cne", "cneq", "cgt", "clt", "cgte", "clte")
)


class Target(NamedTuple):
    """Something that others may refer to: a table (``name`` empty), or a part of it."""

    kind: str
    key: Key
    name: str = ""


class Reference(NamedTuple):
    """``on_type``: it holds for the column's present type only."""

    target: Target
    on_type: bool = False


class Renaming(NamedTuple):
    """A target's new name; of a table the whole new key."""

    target: Target
    new: str | Key


def references(source: Source, key: Key, condition: Any) -> Iterator[Reference]:
    """What a condition over the rows of a table refers to. Fields that are none are passed over."""
    table = source.tables.get(key)
    for name, operand in condition.items() if isinstance(condition, dict) else ():
        if name in _LISTS:
            for each in operand if isinstance(operand, list) else ():
                yield from references(source, key, each)
        elif name in _NOT:
            yield from references(source, key, operand)
        elif name in _EXISTS and isinstance(operand, dict):
            there = qualified(operand.get("_table"), "$._table")
            yield Reference(Target("table", there))
            yield from references(source, there, operand.get("_where"))
        elif table is None:
            continue
        elif name in table.by_sql_name:
            yield Reference(Target("column", key, name), _is_static(operand))
            yield from _compared_columns(key, operand)
        elif name in table.relationships:
            yield Reference(Target("relationship", key, name))
            yield from references(source, table.relationships[name].target, operand)
        else:
            yield Reference(Target("computed_field", key, name))


def _compared_columns(key: Key, operand: Any) -> Iterator[Reference]:
    for operator, value in operand.items() if isinstance(operand, dict) else ():
        if operator in _COLUMN_OPERATORS and isinstance(value, str):
            yield Reference(Target("column", key, value))


def _is_static(operand: Any) -> bool:
    """Whether a value is written into the condition; session variables are cast when a request comes."""
    if isinstance(operand, dict):
        return any(_is_static(value) for value in operand.values())
    return not is_session_variable(operand)


def is_session_variable(value: Any) -> bool:
    """``X-Hasura-…`` in any case."""
    return isinstance(value, str) and value.lower().startswith("x-hasura-")


def renamed(source: Source, key: Key, condition: Any, change: Renaming) -> Any:
    """The condition with ``change`` followed; ``source`` is as it was before."""
    if not isinstance(condition, dict):
        return condition
    table = source.tables.get(key)
    result: dict[str, Any] = {}
    for name, operand in condition.items():
        if name in _LISTS and isinstance(operand, list):
            result[name] = [renamed(source, key, each, change) for each in operand]
        elif name in _NOT:
            result[name] = renamed(source, key, operand, change)
        elif name in _EXISTS and isinstance(operand, dict):
            there = qualified(operand.get("_table"), "$._table")
            result[name] = {
                **operand,
                "_table": as_json(new_key(there, change)),
                "_where": renamed(source, there, operand.get("_where"), change),
            }
        elif table is not None and name in table.relationships:
            new = new_name(Target("relationship", key, name), change)
            result[new] = renamed(source, table.relationships[name].target, operand, change)
        elif table is not None and name in table.by_sql_name:
            result[new_name(Target("column", key, name), change)] = _renamed_operand(key, operand, change)
        else:
            result[name] = operand
    return result


def _renamed_operand(key: Key, operand: Any, change: Renaming) -> Any:
    if not isinstance(operand, dict):
        return operand
    return {
        operator: new_name(Target("column", key, value), change)
        if operator in _COLUMN_OPERATORS and isinstance(value, str)
        else value
        for operator, value in operand.items()
    }


def new_name(target: Target, change: Renaming) -> str:
    """A column's or relationship's name after the change."""
    return change.new if target == change.target and isinstance(change.new, str) else target.name


def new_key(key: Key, change: Renaming) -> Key:
    """A table's name after the change."""
    return change.new if change.target == Target("table", key) and isinstance(change.new, tuple) else key
