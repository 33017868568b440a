"""GraphQL documents out of a schema's own grammar: every one fits it, and hardly two are alike."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

from tests.fuzz.values import scalars

#: How likely a field with fields of its own is asked for, by its depth.
_DEEPER = (0.4, 0.15, 0.05, 0.0)
OPERATIONS = ("query", "mutation", "subscription")


class Name(str):
    """A word of the schema, which stands in a document without quotes."""

    __slots__ = ()


@dataclass
class Document:
    text: str
    variables: dict[str, Any] = field(default_factory=dict)
    #: The operation's only root field.
    root: str = ""


@dataclass
class _Draft:
    """What one document collects while it is written."""

    declarations: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    fragments: list[str] = field(default_factory=list)


class Grammar:
    def __init__(self, schema: GraphQLSchema, ids: Sequence[str], chance: random.Random) -> None:
        self._schema = schema
        self._chance = chance
        self._scalars = scalars(ids, chance)

    def roots(self) -> list[tuple[str, str]]:
        """Operation and root field, of all."""
        types = (self._schema.query_type, self._schema.mutation_type, self._schema.subscription_type)
        return [
            (operation, name)
            for operation, type_ in zip(OPERATIONS, types, strict=True)
            if type_ is not None
            for name in type_.fields
        ]

    def document(self, operation: str, root: str) -> Document:
        type_ = getattr(self._schema, f"{operation}_type")
        draft = _Draft()
        selected = self._field(root, type_.fields[root], 0, draft)
        declared = f"({', '.join(draft.declarations)})" if draft.declarations else ""
        text = "\n".join([f"{operation} Fuzz{declared} {{ {selected} }}", *draft.fragments])
        return Document(text, draft.variables, root)

    def _field(self, name: str, definition: GraphQLField, depth: int, draft: _Draft) -> str:
        alias = f"a{self._chance.randrange(100)}_{name}: " if self._likely(0.1) else ""
        return "".join(
            [
                alias,
                name,
                self._arguments(definition, depth, draft),
                self._directives() if depth else "",  # a subscription's root has none
                self._selection(definition.type, depth, draft),
            ]
        )

    def _arguments(self, definition: GraphQLField, depth: int, draft: _Draft) -> str:
        given = [
            f"{name}: {self._given(argument.type, draft)}"
            for name, argument in definition.args.items()
            if is_required_argument(argument) or self._likely(0.35 if depth else 0.5)
        ]
        return f"({', '.join(given)})" if given else ""

    def _given(self, type_: GraphQLInputType, draft: _Draft) -> str:
        value = self._value(type_, 0)
        if self._likely(0.35):
            name = f"v{len(draft.variables)}"
            draft.declarations.append(f"${name}: {type_}")
            draft.variables[name] = value
            return f"${name}"
        return literal(value)

    def _directives(self) -> str:
        if not self._likely(0.05):
            return ""
        return f" @{self._chance.choice(['include', 'skip'])}(if: {literal(self._likely(0.5))})"

    def _selection(self, type_: GraphQLOutputType, depth: int, draft: _Draft) -> str:
        named = get_named_type(type_)
        if is_leaf_type(named):
            return ""
        assert isinstance(named, GraphQLObjectType)
        deeper = _DEEPER[min(depth, len(_DEEPER) - 1)]
        chosen = [
            name
            for name, definition in named.fields.items()
            if self._likely(0.5 if is_leaf_type(get_named_type(definition.type)) else deeper)
        ]
        fields = [self._field(name, named.fields[name], depth + 1, draft) for name in chosen[:8]]
        if not fields or self._likely(0.2):
            fields.append("__typename")
        inside = " ".join(fields)
        if self._likely(0.1):
            name = f"F{len(draft.fragments)}"
            draft.fragments.append(f"fragment {name} on {named.name} {{ {inside} }}")
            return f" {{ ...{name} }}"
        return f" {{ ... on {named.name} {{ {inside} }} }}" if self._likely(0.05) else f" {{ {inside} }}"

    def _value(self, type_: GraphQLInputType, depth: int) -> Any:
        if not isinstance(type_, GraphQLNonNull) and self._likely(0.03):
            return None
        bare = get_nullable_type(type_)
        if isinstance(bare, GraphQLList):
            if self._likely(0.1):
                return self._value(bare.of_type, depth)  # one stands for a list of one
            count = self._chance.choice([0, 1, 1, 2, 3] if depth < 4 else [0, 1])
            return [self._value(bare.of_type, depth + 1) for _ in range(count)]
        if isinstance(bare, GraphQLEnumType):
            return Name(self._chance.choice(list(bare.values)))
        if isinstance(bare, GraphQLInputObjectType):
            return self._object(bare, depth)
        return self._scalars.get(bare.name, self._scalars["String"])()

    def _object(self, type_: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
        required = [name for name, each in type_.fields.items() if is_required_input_field(each)]
        others = [name for name in type_.fields if name not in required]
        self._chance.shuffle(others)
        # The deeper, the rather a comparison of columns than another _and, _or or relationship.
        wanted = others[
            : self._chance.choice([0, 1, 1, 2, 3] if depth < 4 else [0, 0, 1] if depth < 8 else [0])
        ]
        return {name: self._value(type_.fields[name].type, depth + 1) for name in [*required, *wanted]}

    def _likely(self, share: float) -> bool:
        return self._chance.random() < share


def literal(value: Any) -> str:
    """As it is written in a document. https://spec.graphql.org/October2021/#sec-Input-Values"""
    match value:
        case Name():
            return str(value)
        case Mapping():
            return (
                f"{{{', '.join(f'{key}: {literal(each)}' for key, each in value.items() if _is_name(key))}}}"
            )
        case list():
            return f"[{', '.join(literal(each) for each in value)}]"
        case _:
            return json.dumps(value, ensure_ascii=True)


def _is_name(key: str) -> bool:
    return key.isascii() and key.isidentifier()
