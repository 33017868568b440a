"""Parses a request and picks its operation."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from graphql import (
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    parse,
    validate,
)
from graphql.validation import (
    ASTValidationRule,
    KnownDirectivesRule,
    KnownFragmentNamesRule,
    NoFragmentCyclesRule,
    NoUndefinedVariablesRule,
    UniqueDirectivesPerLocationRule,
    UniqueFragmentNamesRule,
    UniqueOperationNamesRule,
    UniqueVariableNamesRule,
)

from hasura.engine.errors import ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from graphql import DocumentNode, GraphQLSchema

#: Bounds the work that one request text can cause before any of it is looked at.
MAX_TOKENS = 20_000
#: Longer texts are parsed anew each time: remembering thousands of their trees would take gigabytes.
LONGEST_KEPT = 20_000

OperationKind = Literal["query", "mutation", "subscription"]

# The rules that look at a document as a whole. Fields, arguments and values are checked where they are typed
# (selection, values), because Hasura words and places those errors in its own way. Whether fields can be merged is
# seen there too: graphql-core's rule for it takes quadratic time.
_RULES: list[type[ASTValidationRule]] = [
    UniqueOperationNamesRule,
    UniqueFragmentNamesRule,
    UniqueVariableNamesRule,
    KnownFragmentNamesRule,
    NoFragmentCyclesRule,
    NoUndefinedVariablesRule,
    KnownDirectivesRule,
    UniqueDirectivesPerLocationRule,
]


@dataclass(frozen=True)
class GraphQLRequest:
    """What a client sends: ``variables`` are JSON values."""

    query: str
    operation_name: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Operation:
    """The operation to run, with the fragments that its document defines."""

    node: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    document: DocumentNode
    #: whether the operation, and what is made of it, is worth remembering
    kept: bool

    @property
    def kind(self) -> OperationKind:
        return self.node.operation.value


@contextmanager
def bounded_depth() -> Iterator[None]:
    """Nesting that Python cannot follow is refused, wherever it shows."""
    try:
        yield
    except RecursionError:
        raise ValidationFailed("the query is nested too deeply", "$.query") from None


def _operation(query: str, name: str | None) -> Operation:
    document = parse(query, no_location=True, max_tokens=MAX_TOKENS)
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    fragments = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    if name is not None:
        operations = [node for node in operations if node.name and node.name.value == name]
        if not operations:
            raise ValidationFailed(f'no such operation found in the document: "{name}"')
    if len(operations) != 1:
        raise ValidationFailed(
            "exactly one operation has to be present in the document when operationName is not specified"
        )
    return Operation(operations[0], fragments, document, kept=len(query) <= LONGEST_KEPT)


_kept_operation = lru_cache(maxsize=2048)(_operation)


def select_operation(request: GraphQLRequest) -> Operation:
    """The operation that ``request`` asks for; the same object for the same text, if it is kept.

    Raises:
        ValidationFailed: the text is no GraphQL, or names no one operation.
    """
    select = _kept_operation if len(request.query) <= LONGEST_KEPT else _operation
    try:
        with bounded_depth():
            return select(request.query, request.operation_name)
    except GraphQLError as problem:
        raise ValidationFailed("not a valid graphql query", "$.query", internal=problem.message) from None


def check_document(schema: GraphQLSchema, operation: Operation) -> None:
    """Refuses what no schema gives sense to: fragment cycles, unknown variables and directives."""
    found = validate(schema, operation.document, _RULES, max_errors=1)
    if found:
        raise ValidationFailed(found[0].message)
