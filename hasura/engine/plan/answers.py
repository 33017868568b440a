"""What a mutation answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasura.engine.plan import nodes as n
from hasura.engine.role_schema.meaning import AggregatePart

if TYPE_CHECKING:
    from hasura.engine.document.selection import Selected
    from hasura.engine.plan.reads import Reader


def answer(reader: Reader, selected: Selected, *, one: bool) -> n.Answer:
    """``t_mutation_response``, or the one row."""
    if one:
        return n.SingleRow(reader.fields(selected.selections))
    parts: list[tuple[str, n.AffectedRows | n.Returning | n.Typename]] = []
    for item in selected.selections:
        match item.meaning:
            case AggregatePart("affected_rows"):
                parts.append((item.alias, n.AffectedRows()))
            case AggregatePart("returning"):
                parts.append((item.alias, n.Returning(reader.fields(item.selections))))
            case _:
                parts.append((item.alias, n.Typename(item.parent)))
    return n.Response(tuple(parts))
