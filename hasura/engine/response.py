"""Puts an answer together: PostgreSQL's JSON text as it is, introspection from the schema."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson
from graphql import (
    DocumentNode,
    MiddlewareManager,
    NamedTypeNode,
    OperationDefinitionNode,
    SelectionSetNode,
    execute_sync,
    validate,
)
from graphql.validation import (
    ASTValidationRule,
    FieldsOnCorrectTypeRule,
    KnownArgumentNamesRule,
    MaxIntrospectionDepthRule,
    ProvidedRequiredArgumentsRule,
    ScalarLeafsRule,
)

from hasura.engine.errors import ValidationFailed
from hasura.engine.plan.nodes import Typename

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphql import FieldNode, GraphQLSchema

    from hasura.engine.document.parse import Operation

#: The document has been checked as a whole; what is left are the fields of the introspection system.
_RULES: list[type[ASTValidationRule]] = [
    FieldsOnCorrectTypeRule,
    KnownArgumentNamesRule,
    MaxIntrospectionDepthRule,
    ProvidedRequiredArgumentsRule,
    ScalarLeafsRule,
]
#: Fields of one introspection answer: many times what tools ask of a large schema.
_MAX_RESOLVED = 500_000


@dataclass(frozen=True, slots=True)
class Object:
    """Where the fields of an object come from."""

    fields: tuple[tuple[str, Origin], ...]


Origin: TypeAlias = "int | tuple[FieldNode, ...] | Typename | Object"
"""A root field's value: what was found (its place there), the schema, a constant, or an object of its own."""


def assemble(
    schema: GraphQLSchema,
    operation: Operation,
    roots: Object,
    found: Sequence[bytes],
    variables: Mapping[str, Any],
) -> bytes:
    """``{"data": {alias: …}}``."""

    def value(root: Origin) -> bytes:
        match root:
            case int():
                return found[root]
            case Object(fields):
                return b"{%b}" % b",".join([b'"%b":%b' % (alias.encode(), value(of)) for alias, of in fields])
            case Typename(name):
                return orjson.dumps(name)
        return _introspected(schema, operation, root, variables)

    return b'{"data":%b}' % value(roots)


def _introspected(
    schema: GraphQLSchema, operation: Operation, nodes: tuple[FieldNode, ...], variables: Mapping[str, Any]
) -> bytes:
    """What graphql-core says of the schema; the operation is cut down to the fields of one alias."""
    whole = operation.node
    # Only strings and booleans fit its arguments; values of other variables are of no concern here.
    used = [
        definition
        for definition in whole.variable_definitions or ()
        if _named(definition.type) in {"String", "Boolean"}
    ]
    alone = OperationDefinitionNode(
        operation=whole.operation,
        name=whole.name,
        variable_definitions=tuple(used),
        directives=(),
        selection_set=SelectionSetNode(selections=nodes),
    )
    document = DocumentNode(definitions=(alone, *operation.fragments.values()))
    problems = validate(schema, document, _RULES, max_errors=1)
    if problems:
        raise ValidationFailed(problems[0].message)
    budget = count(_MAX_RESOLVED, -1)

    def within_budget(resolve: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if next(budget) < 0:
            raise ValidationFailed("the introspection query asks for too much")
        return resolve(*args, **kwargs)

    result = execute_sync(
        schema,
        document,
        variable_values={d.variable.name.value: variables[d.variable.name.value] for d in used},
        middleware=MiddlewareManager(within_budget),
    )
    if result.errors:
        raise ValidationFailed(result.errors[0].message)
    return orjson.dumps(next(iter((result.data or {"": None}).values())))


def _named(type_: Any) -> str:
    while not isinstance(type_, NamedTypeNode):
        type_ = type_.type
    return type_.name.value
