"""The variables of an operation: declared types, given values, and the shape by which plans are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    is_input_type,
    type_from_ast,
)

from hasura.engine.document.values import raw_value
from hasura.engine.errors import ParseFailed, ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping

    from graphql import GraphQLInputType, GraphQLSchema

    from hasura.engine.document.parse import Operation


@dataclass(frozen=True, slots=True)
class Declared:
    """A variable's declaration; ``default`` is plain data."""

    type: GraphQLInputType
    has_default: bool
    default: Any


def declarations(schema: GraphQLSchema, operation: Operation) -> dict[str, Declared]:
    """What ``operation`` declares.

    Raises:
        ParseFailed: a variable is declared twice.
        ValidationFailed: it has a type that the schema lacks.
    """
    found: dict[str, Declared] = {}
    for definition in operation.node.variable_definitions or ():
        if definition.variable.name.value in found:
            raise ParseFailed(f'multiple definitions for variable "{definition.variable.name.value}"')
        type_ = type_from_ast(schema, cast("Any", definition.type))
        if type_ is None or not is_input_type(type_):
            raise ValidationFailed(f"no such type exists in the schema: '{_bare(definition.type)}'")
        default = definition.default_value
        found[definition.variable.name.value] = Declared(
            type_, default is not None, None if default is None else raw_value(default)
        )
    return found


def _bare(node: Any) -> str:
    while hasattr(node, "type"):
        node = node.type
    return str(node.name.value)


def given_values(
    declared: Mapping[str, Declared], used: Collection[str], variables: Mapping[str, Any]
) -> dict[str, Any]:
    """The values to use: given ones, else defaults, else null, as Hasura has it: a condition whose variable was
    forgotten is refused, where GraphQL's own rule (the condition is not there) would match every row.

    Raises:
        ValidationFailed: no value for a variable that needs one, one for a variable that is not used, or a variable
            that is used and not declared. One that is declared and not used is no mistake.
    """
    values = {}
    for name, variable in declared.items():
        if name in variables:
            values[name] = variables[name]
        elif variable.has_default:
            values[name] = variable.default
        elif isinstance(variable.type, GraphQLNonNull):
            raise ValidationFailed(f'expecting a value for non-nullable variable: "{name}"')
        else:
            values[name] = None
        if values[name] is None and isinstance(variable.type, GraphQLNonNull):
            raise ValidationFailed(f'null value found for non-nullable type: "{variable.type}"')
    for name in used:
        if name not in declared:
            raise ValidationFailed(f'unbound variable "{name}"')
    unexpected = [name for name in variables if name not in used]
    if unexpected:
        raise ValidationFailed(f"unexpected variables in variableValues: {', '.join(unexpected)}")
    return values


def shape(declared: Mapping[str, Declared], values: Mapping[str, Any]) -> Hashable:
    """Everything about the values that can change the statement: two requests of one shape share a plan."""
    return tuple((name, _shape(variable.type, values[name])) for name, variable in declared.items())


def _shape(type_: GraphQLInputType, value: Any) -> Hashable:
    if isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    if value is None:
        return None
    if isinstance(type_, GraphQLList):
        inner = type_.of_type.of_type if isinstance(type_.of_type, GraphQLNonNull) else type_.of_type
        if isinstance(inner, GraphQLScalarType):
            return "scalars" if isinstance(value, list) else "scalar"
        items = value if isinstance(value, list) else [value]
        return ("list", isinstance(value, list), *(_shape(inner, item) for item in items))
    if isinstance(type_, GraphQLInputObjectType):
        if not isinstance(value, dict):
            return repr(value)  # refused by the coercion; never kept
        return tuple(
            (key, _shape(type_.fields[key].type, item) if key in type_.fields else repr(item))
            for key, item in value.items()
        )
    if isinstance(type_, GraphQLEnumType) or type_.name == "Boolean":
        return repr(value)
    return "scalar"
