"""What an operation says when its fragments are spread, whatever the schema: their sense, and the variables it uses.

Texts and paths are Hasura's. One walk over the document; graphql-core's rules for this take ten times as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    ListValueNode,
    ObjectValueNode,
    VariableNode,
)

from hasura.engine.errors import ParseFailed, ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from graphql import (
        ArgumentNode,
        DirectiveNode,
        DocumentNode,
        OperationDefinitionNode,
        SelectionSetNode,
        ValueNode,
    )


def variables_used(operation: OperationDefinitionNode, document: DocumentNode) -> tuple[str, ...]:
    """The variables that the operation and its fragments name, each once.

    Raises:
        ParseFailed, ValidationFailed: fragments are defined twice or nowhere, or spread themselves.
        RecursionError: selections nest deeper than Python can follow.
    """
    fragments: dict[str, FragmentDefinitionNode] = {}
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode):
            if definition.name.value in fragments:
                raise ParseFailed(f'multiple definitions for fragment "{definition.name.value}"')
            fragments[definition.name.value] = definition
    walk = _Walk(fragments)
    walk.directives(operation.directives or ())
    walk.selections(operation.selection_set, "$")
    return tuple(walk.used)


class _Walk:
    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._done: set[str] = set()
        #: the fragments around what is being walked, outermost first
        self._around: list[str] = []
        #: a dict for its order
        self.used: dict[str, None] = {}

    def selections(self, selections: SelectionSetNode, path: str) -> None:
        for node in selections.selections:
            if node.directives:
                self.directives(node.directives)
            if isinstance(node, FieldNode):
                if node.arguments:
                    self._arguments(node.arguments)
                if node.selection_set is not None:
                    self.selections(node.selection_set, f"{path}.selectionSet.{node.name.value}")
            elif isinstance(node, FragmentSpreadNode):
                self._spread(node.name.value, f"{path}.selectionSet")
            else:
                self.selections(node.selection_set, path)  # type: ignore[attr-defined]

    def _spread(self, name: str, path: str) -> None:
        if name in self._done:
            return
        if name in self._around:
            cycle = self._around[self._around.index(name) :]
            raise ValidationFailed(f"the fragment definition(s) {_listed(cycle)} form a cycle", path)
        if name not in self._fragments:
            raise ValidationFailed(f'reference to undefined fragment "{name}"', path)
        self._around.append(name)
        self.selections(self._fragments[name].selection_set, f"{path}.{name}")
        self._around.pop()
        self._done.add(name)

    def directives(self, directives: Iterable[DirectiveNode]) -> None:
        for directive in directives:
            self._arguments(directive.arguments or ())

    def _arguments(self, arguments: Iterable[ArgumentNode]) -> None:
        for argument in arguments:
            self._value(argument.value)

    def _value(self, value: ValueNode) -> None:
        if isinstance(value, VariableNode):
            self.used[value.name.value] = None
        elif isinstance(value, ListValueNode):
            for item in value.values:
                self._value(item)
        elif isinstance(value, ObjectValueNode):
            for field in value.fields:
                self._value(field.value)


def _listed(names: list[str]) -> str:
    *first, last = names
    if len(first) < 2:
        return " and ".join(names)
    return f"{', '.join(first)}, and {last}"
