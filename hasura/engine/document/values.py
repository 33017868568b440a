"""Argument values, typed: the tree that the planner reads.

A scalar keeps *where it comes from* beside its value, so that a plan can be used again for other values: what shapes
the statement (objects, lists of objects, enums, booleans, nulls) is in the tree, what only fills it is a ``Scalar``.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from graphql import (
    BooleanValueNode,
    EnumValueNode,
    FloatValueNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    StringValueNode,
    VariableNode,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphql import ValueNode

    from hasura.engine.role_schema.meaning import Meaning


#: digits and sign of the least bigint
_LONGEST_INTEGER = 20


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal of the request's text; inside json literals there may be ``VariableRef``s."""

    raw: Any

    def __hash__(self) -> int:
        return hash(repr(self.raw))


@dataclass(frozen=True, slots=True)
class FromVariable:
    """A leaf of the request's variables: the way to it."""

    way: tuple[str | int, ...]


Origin: TypeAlias = Constant | FromVariable


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar, or a list of scalars. ``value`` is the present request's; only booleans may shape a plan."""

    origin: Origin
    value: Any
    type_name: str
    path: str


@dataclass(frozen=True, slots=True)
class Enum:
    """A value of an enum; ``value`` is what it stands for."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Null:
    """An explicit null."""

    path: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A field of an input object."""

    name: str
    meaning: Meaning | None
    value: Value
    path: str


@dataclass(frozen=True, slots=True)
class Object:
    """An input object, its fields in the order given."""

    entries: tuple[Entry, ...]
    path: str

    def get(self, name: str) -> Value | None:
        """The field called ``name``, or None where it was not given or is null."""
        for entry in self.entries:
            if entry.name == name:
                return None if isinstance(entry.value, Null) else entry.value
        return None


@dataclass(frozen=True, slots=True)
class List:
    """A list of objects or enums."""

    items: tuple[Value, ...]
    path: str


Value: TypeAlias = Scalar | Enum | Null | Object | List


@dataclass(frozen=True, slots=True)
class VariableRef:
    """``$name`` inside a literal."""

    name: str


@dataclass(frozen=True, slots=True)
class EnumLiteral:
    """A bare name inside a literal."""

    name: str


def raw_value(node: ValueNode) -> Any:
    """A literal as plain data; ``VariableRef`` and ``EnumLiteral`` mark what JSON has no word for."""
    match node:
        case NullValueNode():
            return None
        case IntValueNode():
            # A number that fits no integer type may still be a numeric, or part of a json value.
            return int(node.value) if len(node.value) < _LONGEST_INTEGER else Decimal(node.value)
        case FloatValueNode():
            return Decimal(node.value)
        case StringValueNode() | BooleanValueNode():
            return node.value
        case EnumValueNode():
            return EnumLiteral(node.value)
        case VariableNode():
            return VariableRef(node.name.value)
        case ListValueNode():
            return [raw_value(item) for item in node.values]
        case ObjectValueNode():
            return {field.name.value: raw_value(field.value) for field in node.fields}
    raise TypeError(type(node).__name__)


def substitute(raw: Any, variables: Mapping[str, Any]) -> Any:
    """``raw`` with the variables inside it filled in, for json values."""
    if isinstance(raw, VariableRef):
        return variables.get(raw.name)
    if isinstance(raw, EnumLiteral):
        return raw.name
    if isinstance(raw, list):
        return [substitute(item, variables) for item in raw]
    if isinstance(raw, dict):
        return {key: substitute(item, variables) for key, item in raw.items()}
    return raw
