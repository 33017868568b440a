"""Which documents roles may run, where HASURA_GRAPHQL_ENABLE_ALLOWLIST is on.

Source: https://hasura.io/docs/2.0/security/allow-list/
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from graphql import REMOVE, GraphQLError, Visitor, parse, print_ast, visit

from hasura.engine.document.parse import select_operation
from hasura.engine.errors import ValidationFailed
from hasura.engine.session import ADMIN

if TYPE_CHECKING:
    from graphql import DocumentNode, FieldNode

    from hasura.engine.document.parse import GraphQLRequest
    from hasura.engine.session import Session


class Allowlist:
    """The documents of the collections that the metadata allows to everybody.

    Collections that it allows to single roles allow nothing, as in Hasura's community edition.
    """

    def __init__(self, metadata: dict[str, Any]) -> None:
        everybodys = {
            entry["collection"]
            for entry in metadata.get("allowlist") or ()
            if (entry.get("scope") or {}).get("global", True)
        }
        self._documents = set()
        for collection in metadata.get("query_collections") or ():
            for query in collection["definition"]["queries"] if collection["name"] in everybodys else ():
                # What is no GraphQL allows nothing.
                with contextlib.suppress(GraphQLError, RecursionError):
                    self._documents.add(_normal(parse(query["query"], no_location=True)))

    def check(self, session: Session, request: GraphQLRequest) -> None:
        """:raises ValidationFailed: the document is none of those, and the caller no admin."""
        if session.role != ADMIN and _normal(select_operation(request).document) not in self._documents:
            raise ValidationFailed("query is not allowed")


def _normal(document: DocumentNode) -> str:
    """Without layout, comments and ``__typename``, which clients add by themselves."""
    return print_ast(visit(document, _WithoutTypename()))


class _WithoutTypename(Visitor):
    def enter_field(self, node: FieldNode, *_: Any) -> Any:
        return REMOVE if node.name.value == "__typename" else None
