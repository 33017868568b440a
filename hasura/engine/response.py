"""Puts an answer together: PostgreSQL's JSON text as it is, introspection from the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from graphql import DocumentNode, OperationDefinitionNode, SelectionSetNode, execute_sync

from hasura.engine.errors import ValidationFailed
from hasura.engine.plan.nodes import Typename

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graphql import FieldNode, GraphQLSchema

    from hasura.engine.document.parse import Operation


def assemble(
    schema: GraphQLSchema,
    operation: Operation,
    roots: Sequence[tuple[str, int | FieldNode | Typename]],
    found: Sequence[bytes],
    variables: Mapping[str, Any],
) -> bytes:
    """``{"data": {alias: …}}``; an int in ``roots`` is a place in ``found``."""
    fields = []
    for alias, root in roots:
        match root:
            case int():
                value = found[root]
            case Typename(name):
                value = orjson.dumps(name)
            case _:
                value = _introspected(schema, operation, root, variables)
        fields.append(b'"%b":%b' % (alias.encode(), value))
    return b'{"data":{%b}}' % b",".join(fields)


def _introspected(
    schema: GraphQLSchema, operation: Operation, node: FieldNode, variables: Mapping[str, Any]
) -> bytes:
    """What graphql-core says of the schema; the operation is cut down to the one field."""
    whole = operation.node
    alone = OperationDefinitionNode(
        operation=whole.operation,
        name=whole.name,
        variable_definitions=whole.variable_definitions,
        directives=(),
        selection_set=SelectionSetNode(selections=(node,)),
    )
    document = DocumentNode(definitions=(alone, *operation.fragments.values()))
    result = execute_sync(schema, document, variable_values=dict(variables))
    if result.errors:
        raise ValidationFailed(result.errors[0].message)
    return orjson.dumps(next(iter((result.data or {"": None}).values())))
