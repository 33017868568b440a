"""The fields that an operation selects, typed against the role's schema.

Fragments are spread, ``@include`` and ``@skip`` decided, equal aliases merged. Schemas of tables have no interfaces
or unions, so a fragment either applies to a type or selects nothing there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLBoolean,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
    InlineFragmentNode,
    SelectionNode,
    Undefined,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from hasura.engine.document.coerce import Coercion
from hasura.engine.document.values import Null, Object, Scalar, raw_value
from hasura.engine.errors import ValidationFailed
from hasura.engine.role_schema.meaning import INTROSPECTABLE, KEY, MAY_BE_TEXT, SEVERAL_ROOTS, Meaning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from graphql import (
        DirectiveNode,
        GraphQLArgument,
        GraphQLField,
        GraphQLInputType,
        GraphQLSchema,
        SelectionSetNode,
    )

    from hasura.engine.document.parse import Operation
    from hasura.engine.document.values import Value
    from hasura.engine.document.variables import Declared

INTROSPECTION = frozenset({"__schema", "__type"})
#: Fragments multiply what they select; no answer needs more fields than this.
MAX_FIELDS = 2_500
#: those that a request may use somewhere
DIRECTIVES = frozenset({"include", "skip", "cached", SEVERAL_ROOTS})
_PLACES: dict[type[SelectionNode], str] = {
    FieldNode: "a field",
    FragmentSpreadNode: "a fragment spread",
    InlineFragmentNode: "an inline fragment",
}
_CONDITION = GraphQLNonNull(GraphQLBoolean)


@dataclass(frozen=True)
class Selected:
    """A field: ``alias`` is its key in the answer; ``arguments`` holds those that were given, nulls left out."""

    alias: str
    name: str
    meaning: Meaning | None
    arguments: Mapping[str, Value]
    selections: tuple[Selected, ...]
    path: str
    #: name of the type that has the field, which is what ``__typename`` answers
    parent: str
    #: the fields of the text that were merged into this one
    nodes: tuple[FieldNode, ...]

    def argument_object(self, name: str) -> Object | None:
        """An argument that is an input object."""
        value = self.arguments.get(name)
        return value if isinstance(value, Object) else None


class _Walk:
    def __init__(self, schema: GraphQLSchema, operation: Operation, coercion: Coercion) -> None:
        self.schema = schema
        self.operation = operation
        self.coercion = coercion
        self.selected = 0

    def introspects(self, type_: GraphQLObjectType) -> bool:
        return type_ is self.schema.query_type and self.schema.extensions.get(INTROSPECTABLE, True) is True

    def selections(
        self, type_: GraphQLObjectType, sets: list[SelectionSetNode], path: str
    ) -> tuple[Selected, ...]:
        merged: dict[str, list[FieldNode]] = {}
        spread: set[str] = set()
        for nodes in sets:
            for node in self.fields(type_, nodes, spread, path):
                alias = node.alias.value if node.alias else node.name.value
                merged.setdefault(alias, []).append(node)
        return tuple(self.field(type_, alias, nodes, path) for alias, nodes in merged.items())

    def fields(
        self, type_: GraphQLObjectType, selection_set: SelectionSetNode, spread: set[str], path: str
    ) -> Iterator[FieldNode]:
        """The fields of a set; each fragment counts once, and is then in ``spread``."""
        for node in selection_set.selections:
            if node.directives and not self.included(type(node), node.directives, path):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, FragmentSpreadNode):
                fragment = self.operation.fragments[node.name.value]
                if fragment.type_condition.name.value == type_.name and node.name.value not in spread:
                    spread.add(node.name.value)
                    yield from self.fields(type_, fragment.selection_set, spread, path)
            else:
                condition = getattr(node, "type_condition", None)
                if condition is None or condition.name.value == type_.name:
                    yield from self.fields(type_, node.selection_set, spread, path)  # type: ignore[attr-defined]

    def included(self, kind: type[SelectionNode], directives: Sequence[DirectiveNode], path: str) -> bool:
        place = f"{path}.selectionSet"
        _check_directives(directives, ("include", "skip"), _PLACES[kind], place)
        for directive in directives:
            name = directive.name.value
            given = {argument.name.value: raw_value(argument.value) for argument in directive.arguments or ()}
            for other in given.keys() - {"if"}:
                raise ValidationFailed(f"'{name}' has no argument named '{other}'", f"{place}.{name}")
            if "if" not in given:
                raise ValidationFailed("missing required field 'if'", f"{place}.{name}.args")
            value = self.coercion.argument(_CONDITION, given["if"], f"{place}.{name}.args.if")
            if not isinstance(value, Scalar) or value.value is not (name == "include"):
                return False
        return True

    def field(self, type_: GraphQLObjectType, alias: str, nodes: list[FieldNode], path: str) -> Selected:
        self.selected += 1
        if self.selected > MAX_FIELDS:
            raise ValidationFailed(f"the query selects more than {MAX_FIELDS} fields", "$.query")
        node = nodes[0]
        name = node.name.value
        field_path = f"{path}.selectionSet.{name}"
        for other in nodes[1:]:
            _check_mergeable(alias, node, other, path)
        if name == "__typename" or (name in INTROSPECTION and self.introspects(type_)):
            return Selected(alias, name, None, {}, (), field_path, type_.name, tuple(nodes))
        definition = type_.fields.get(name)
        if definition is None:
            raise ValidationFailed(f"field '{name}' not found in type: '{type_.name}'", field_path)
        sets = [n.selection_set for n in nodes if n.selection_set is not None]
        target = get_named_type(definition.type)
        if is_leaf_type(target):
            if sets:
                raise ValidationFailed("unexpected subselection set for non-object field", field_path)
            selections: tuple[Selected, ...] = ()
        else:
            if not sets:
                raise ValidationFailed(f"missing selection set for '{target}'", field_path)
            assert isinstance(target, GraphQLObjectType)  # noqa: S101 (narrows; these schemas have no other)
            selections = self.selections(target, sets, field_path)
        return Selected(
            alias,
            name,
            definition.extensions.get(KEY),
            self.arguments(definition, node, field_path),
            selections,
            field_path,
            type_.name,
            tuple(nodes),
        )

    @staticmethod
    def argument_type(argument: GraphQLArgument, raw: Any) -> GraphQLInputType:
        # An offset may be larger than GraphQL's Int, and then comes as text.
        return (
            GraphQLString if argument.extensions.get(MAY_BE_TEXT) and isinstance(raw, str) else argument.type
        )

    def arguments(self, definition: GraphQLField, node: FieldNode, path: str) -> dict[str, Value]:
        given: dict[str, Any] = {
            argument.name.value: raw_value(argument.value) for argument in node.arguments or ()
        }
        for name in given:
            if name not in definition.args:
                raise ValidationFailed(f"'{node.name.value}' has no argument named '{name}'", path)
        values: dict[str, Value] = {}
        for name, argument in definition.args.items():
            argument_path = f"{path}.args.{name}"
            if name in given:
                has_default = argument.default_value is not Undefined
                value = self.coercion.argument(
                    self.argument_type(argument, given[name]),
                    given[name],
                    argument_path,
                    has_default=has_default,
                )
                if not isinstance(value, Null):
                    values[name] = value
            elif is_required_argument(argument):
                raise ValidationFailed(f"missing required field '{name}'", f"{path}.args")
        return values


def _check_directives(
    given: Sequence[DirectiveNode], allowed: tuple[str, ...], place: str, path: str
) -> None:
    names = [directive.name.value for directive in given]
    for name in names:
        if name not in DIRECTIVES:
            raise ValidationFailed(f"directive '{name}' is not defined in the schema", path)
        if name not in allowed:
            raise ValidationFailed(f"directive '{name}' is not allowed on {place}", path)
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise ValidationFailed(f"the following directives are used more than once: {twice}", path)


def _check_mergeable(alias: str, first: FieldNode, other: FieldNode, path: str) -> None:
    """One key of the answer cannot hold two things (GraphQL specification, section 5.3.2)."""
    if first.name.value != other.name.value:
        raise ValidationFailed(
            f"selection of both '{first.name.value}' and '{other.name.value}' specify the same response name, "
            f"'{alias}'",
            f"{path}.selectionSet",
        )
    if _arguments_of(first) != _arguments_of(other):
        raise ValidationFailed(
            f"inconsistent arguments between multiple selections of field '{first.name.value}'",
            f"{path}.selectionSet",
        )


def _arguments_of(node: FieldNode) -> dict[str, Any]:
    return {argument.name.value: argument.value for argument in node.arguments or ()}


def select_fields(
    schema: GraphQLSchema,
    operation: Operation,
    declared: Mapping[str, Declared],
    variables: Mapping[str, Any],
) -> tuple[Selected, ...]:
    """The root fields of ``operation`` with everything under them.

    Raises:
        ValidationFailed, ParseFailed: the operation does not fit the schema.
    """
    roots = {
        "query": schema.query_type,
        "mutation": schema.mutation_type,
        "subscription": schema.subscription_type,
    }
    root = roots[operation.kind]
    if root is None:
        plural = {"mutation": "mutations", "subscription": "subscriptions", "query": "queries"}[
            operation.kind
        ]
        raise ValidationFailed(f"no {plural} exist")
    allowed = {"query": ("cached",), "subscription": (SEVERAL_ROOTS,)}.get(operation.kind, ())
    _check_directives(operation.node.directives or (), allowed, f"a {operation.kind}", "$")
    walk = _Walk(schema, operation, Coercion(schema, declared, variables))
    return walk.selections(root, [operation.node.selection_set], "$")
