"""Checks values against their input types and makes the tree of ``values`` of them, in Hasura's words and paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLString,
    Undefined,
)
from graphql.utilities import is_type_sub_type_of

from hasura.engine.document import values as v
from hasura.engine.document.scalars import encode, kind
from hasura.engine.errors import ValidationFailed
from hasura.engine.role_schema.meaning import KEY, ColumnOf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphql import GraphQLInputType, GraphQLSchema

    from hasura.engine.document.variables import Declared


#: Every condition and every row to insert is one, and costs some 0.1 ms to plan; a statement of PostgreSQL has
#: room for 65,535 values.
MAX_OBJECTS = 20_000


class Coercion:
    """One request's values: literals and variables become typed trees."""

    def __init__(
        self, schema: GraphQLSchema, declared: Mapping[str, Declared], variables: Mapping[str, Any]
    ) -> None:
        self.schema = schema
        self.declared = declared
        self.variables = variables
        self._objects = 0

    def argument(self, type_: GraphQLInputType, raw: Any, path: str, *, has_default: bool = False) -> v.Value:
        """The value of an argument.

        Raises:
            ValidationFailed, ParseFailed: the value does not fit ``type_``.
        """
        if isinstance(raw, v.VariableRef):
            raw, way = self._variable(type_, raw.name, path, has_default=has_default)
            return self._coerce(type_, raw, path, way)
        return self._coerce(type_, raw, path, None)

    def _variable(
        self, type_: GraphQLInputType, name: str, path: str, *, has_default: bool
    ) -> tuple[Any, tuple[str | int, ...]]:
        declared = self.declared[name]
        expected = type_
        # "All variable usages are allowed" of the GraphQL specification, section 5.8.5.
        if (
            isinstance(type_, GraphQLNonNull)
            and not isinstance(declared.type, GraphQLNonNull)
            and (has_default or (declared.has_default and declared.default is not None))
        ):
            expected = cast("GraphQLInputType", type_.of_type)
        if not is_type_sub_type_of(self.schema, declared.type, expected):
            raise ValidationFailed(
                f"variable '{name}' is declared as '{declared.type}', but used where '{type_}' is expected",
                path,
            )
        return self.variables[name], (name,)

    def _coerce(
        self, type_: GraphQLInputType, raw: Any, path: str, way: tuple[str | int, ...] | None
    ) -> v.Value:
        if isinstance(type_, GraphQLNonNull):
            if raw is None:
                raise ValidationFailed(f"{_expectation(type_.of_type)}, but found null", path)
            type_ = cast("GraphQLInputType", type_.of_type)
        if raw is None:
            return v.Null(path)
        if isinstance(type_, GraphQLList):
            return self._list(type_, raw, path, way)
        if isinstance(type_, GraphQLInputObjectType):
            return self._object(type_, raw, path, way)
        if isinstance(type_, GraphQLEnumType):
            return self._enum(type_, raw, path, from_json=way is not None)
        return self._scalar(cast("GraphQLScalarType", type_), raw, path, way)

    def _list(
        self, type_: GraphQLList[Any], raw: Any, path: str, way: tuple[str | int, ...] | None
    ) -> v.Value:
        inner = type_.of_type
        named = inner.of_type if isinstance(inner, GraphQLNonNull) else inner
        if isinstance(named, GraphQLScalarType) and not (
            isinstance(raw, list) and any(isinstance(item, v.VariableRef) for item in raw)
        ):
            items = raw if isinstance(raw, list) else [raw]
            for place, item in enumerate(items):
                if item is None and isinstance(inner, GraphQLNonNull):
                    raise ValidationFailed(f"unexpected null value for type '{named}'", f"{path}[{place}]")
            return self._leaf(named.name, items, path, way, many=True, wrapped=not isinstance(raw, list))
        items = raw if isinstance(raw, list) else [raw]
        coerced = []
        for place, item in enumerate(items):
            inner_way = None if way is None else (*way, place) if isinstance(raw, list) else way
            if isinstance(item, v.VariableRef):
                coerced.append(self.argument(inner, item, f"{path}[{place}]"))
            else:
                coerced.append(self._coerce(inner, item, f"{path}[{place}]", inner_way))
        return v.List(tuple(coerced), path)

    def _object(
        self, type_: GraphQLInputObjectType, raw: Any, path: str, way: tuple[str | int, ...] | None
    ) -> v.Object:
        if not isinstance(raw, dict):
            raise ValidationFailed(f"expected an object for type '{type_}', but found {_found(raw)}", path)
        self._objects += 1
        if self._objects > MAX_OBJECTS:
            raise ValidationFailed(f"the arguments hold more than {MAX_OBJECTS} objects", "$.query")
        entries = []
        for name, item in raw.items():
            field = type_.fields.get(name)
            field_path = f"{path}.{name}"
            if field is None:
                raise ValidationFailed(f"field '{name}' not found in type: '{type_}'", field_path)
            if isinstance(item, v.VariableRef):
                has_default = field.default_value is not Undefined
                value = self.argument(field.type, item, field_path, has_default=has_default)
            elif way is None and isinstance(item, str) and isinstance(field.extensions.get(KEY), ColumnOf):
                # A literal for a column may always be text: PostgreSQL reads it as the column's type.
                value = self._coerce(_as_text(field.type), item, field_path, None)
            else:
                value = self._coerce(field.type, item, field_path, None if way is None else (*way, name))
            entries.append(v.Entry(name, field.extensions.get(KEY), value, field_path))
        present = {entry.name for entry in entries}
        for name, field in type_.fields.items():
            if name in present:
                continue
            if isinstance(field.type, GraphQLNonNull) and field.default_value is Undefined:
                raise ValidationFailed(f"missing required field '{name}'", path)
        return v.Object(tuple(entries), path)

    @staticmethod
    def _enum(type_: GraphQLEnumType, raw: Any, path: str, *, from_json: bool) -> v.Enum:
        if isinstance(raw, v.EnumLiteral):
            name = raw.name
        elif from_json and isinstance(raw, str):
            name = raw
        else:
            raise ValidationFailed(
                f"expected an enum value for type '{type_}', but found {_found(raw)}", path
            )
        if name not in type_.values:
            known = ", ".join(f"'{value}'" for value in sorted(type_.values))
            few = "one of the values" if len(type_.values) > 1 else "the value"
            listed = f"[{known}]" if len(type_.values) > 1 else known
            raise ValidationFailed(f"expected {few} {listed} for type '{type_}', but found '{name}'", path)
        return v.Enum(name, type_.values[name].value)

    def _scalar(
        self, type_: GraphQLScalarType, raw: Any, path: str, way: tuple[str | int, ...] | None
    ) -> v.Scalar:
        if isinstance(raw, v.EnumLiteral):
            raise ValidationFailed(f"{_expectation(type_)}, but found an enum value", path)
        return self._leaf(type_.name, raw, path, way)

    def _leaf(
        self,
        type_name: str,
        raw: Any,
        path: str,
        way: tuple[str | int, ...] | None,
        *,
        many: bool = False,
        wrapped: bool = False,
    ) -> v.Scalar:
        value = raw if way is not None and not wrapped else v.substitute(raw, self.variables)
        # A literal is checked here, once; a variable at each request, except what shapes the plan.
        if way is None or type_name == "Boolean":
            encode(type_name, value, path, many=many)
        return v.Scalar(v.FromVariable(way) if way is not None else v.Constant(raw), value, type_name, path)


_NUMBERS = frozenset({"Int", "Float", "Boolean"})


def _as_text(type_: GraphQLInputType) -> GraphQLInputType:
    named = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    return GraphQLString if isinstance(named, GraphQLScalarType) and named.name in _NUMBERS else type_


def _expectation(type_: GraphQLInputType) -> str:
    if isinstance(type_, GraphQLInputObjectType):
        return f"expected an object for type '{type_}'"
    if isinstance(type_, GraphQLEnumType):
        return f"expected an enum value for type '{type_}'"
    if isinstance(type_, GraphQLList):
        return "expected a list"
    words = {"Int": "a 32-bit integer", "Float": "a float", "Boolean": "a boolean", "String": "a string"}
    return f"expected {words.get(str(type_), 'a value')} for type '{type_}'"


def _found(raw: Any) -> str:
    return "an enum value" if isinstance(raw, v.EnumLiteral) else kind(raw)
