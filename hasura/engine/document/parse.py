"""Parses a request and picks its operation."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from cachetools import LRUCache
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    parse,
)

from hasura.engine.document.extent import Extent, extent
from hasura.engine.document.spread import variables_used
from hasura.engine.errors import ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from graphql import DocumentNode

#: Bound the work that one request text can cause before any of it is looked at.
MAX_TOKENS = 20_000
LONGEST_TEXT = 1_000_000
#: What is made of longer texts is not remembered: statements and their plans are many times larger.
LONGEST_KEPT = 20_000
#: Characters of the texts whose trees are remembered; a tree takes some 200 times its text.
_KEPT_TEXT = 1_000_000

OperationKind = Literal["query", "mutation", "subscription"]


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
    #: characters of its text
    size: int

    @cached_property
    def root(self) -> str:
        """The name of its one root field, or ``several``; nobody has checked yet that the schema has it."""
        selections = self.node.selection_set.selections
        one = selections[0] if len(selections) == 1 else None
        return one.name.value if isinstance(one, FieldNode) else "several"

    @property
    def kept(self) -> bool:
        """Whether what is made of the operation is worth remembering."""
        return self.size <= LONGEST_KEPT

    @cached_property
    def extent(self) -> Extent:
        """How much it asks for. Raises ``RecursionError``."""
        return extent(self.node, self.fragments)

    @cached_property
    def variables_used(self) -> tuple[str, ...]:
        """The variables that it names. Raises ``ParseFailed``, ``ValidationFailed``: its fragments make no sense."""
        with bounded_depth():
            return variables_used(self.node, self.document)

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
    return Operation(operations[0], fragments, document, len(query))


_Key = tuple[str, str | None]
_operations: LRUCache[_Key, Operation] = LRUCache(_KEPT_TEXT, lambda operation: operation.size)
_operations_lock = Lock()


def known_operation(request: GraphQLRequest) -> Operation | None:
    """What ``select_operation`` answers, where that costs nothing: the text was there before."""
    with _operations_lock:
        return _operations.get((request.query, request.operation_name))


def select_operation(request: GraphQLRequest) -> Operation:
    """The operation that ``request`` asks for; the same object for the same text, while it is remembered.

    Raises:
        ValidationFailed: the text is no GraphQL, or names no one operation.
    """
    found = known_operation(request)
    if found is not None:
        return found
    if len(request.query) > LONGEST_TEXT:
        raise ValidationFailed(f"the query is longer than {LONGEST_TEXT} characters", "$.query")
    try:
        with bounded_depth():
            found = _operation(request.query, request.operation_name)
    except GraphQLError as problem:
        raise ValidationFailed("not a valid graphql query", "$.query", internal=problem.message) from None
    if found.size <= _KEPT_TEXT // 10:
        with _operations_lock:
            _operations[request.query, request.operation_name] = found
    return found
