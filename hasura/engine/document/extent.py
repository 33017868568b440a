"""How much an operation asks for, told from its text alone: what limits are about, before anything is planned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphql import FieldNode, FragmentSpreadNode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphql import FragmentDefinitionNode, OperationDefinitionNode, SelectionSetNode


@dataclass(frozen=True, slots=True)
class Extent:
    """With fragments spread: all fields, those with a selection set (nodes), and how deep these nest (depth).

    What is asked of the schema itself has no depth. Source: https://hasura.io/docs/2.0/security/api-limits/
    """

    fields: int = 0
    nodes: int = 0
    depth: int = 0


class _Count:
    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        #: None while it is being counted: a fragment that spreads itself, which validation will refuse
        self._known: dict[str, Extent | None] = {}

    def of(self, selections: SelectionSetNode) -> Extent:
        fields = nodes = depth = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                fields += 1
                if node.selection_set is None:
                    continue
                inner = self.of(node.selection_set)
                nodes += 1
                deep = 0 if node.name.value.startswith("__") else inner.depth + 1
            else:
                inner = (
                    self._fragment(node.name.value)
                    if isinstance(node, FragmentSpreadNode)
                    else self.of(node.selection_set)  # type: ignore[attr-defined]
                )
                deep = inner.depth
            fields += inner.fields
            nodes += inner.nodes
            depth = max(depth, deep)
        return Extent(fields, nodes, depth)

    def _fragment(self, name: str) -> Extent:
        if name not in self._known:
            self._known[name] = None
            fragment = self._fragments.get(name)
            self._known[name] = self.of(fragment.selection_set) if fragment else None
        return self._known[name] or Extent()


def extent(node: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> Extent:
    """The extent of an operation. Raises ``RecursionError`` where it nests deeper than Python can follow."""
    return _Count(fragments).of(node.selection_set)
