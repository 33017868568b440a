"""Names that two sources would give to different things: the source that comes first keeps them."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import TYPE_CHECKING, Any

from hasura.engine.resolve import inconsistent
from hasura.engine.resolve.model import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hasura.engine.resolve.model import Function, Source


def without_conflicts(source: Source, others: Iterable[Source]) -> tuple[Source, list[dict[str, Any]]]:
    """``source`` without the tables and functions whose names ``others`` have, and reports of these."""
    taken = {name for other in others for each in _parts(other) for name in _names(other, each)}
    clashes = {each.key: found for each in _parts(source) if (found := _names(source, each) & taken)}
    inconsistencies = [
        inconsistent.of_source(
            "table" if key in source.tables else "function",
            key,
            source.name,
            f"Encountered conflicting definitions for {min(names)}. Fields and types must not be defined more "
            "than once across all sources.",
        )
        for key, names in clashes.items()
    ]
    tables = {key: table for key, table in source.tables.items() if key not in clashes}
    functions = {key: function for key, function in source.functions.items() if key not in clashes}
    return replace(source, tables=tables, functions=functions), inconsistencies


def _parts(source: Source) -> Iterable[Table | Function]:
    return (*source.tables.values(), *source.functions.values())


def _names(source: Source, each: Table | Function) -> set[str]:
    if isinstance(each, Table):
        fields, type_ = set(astuple(each.root_fields)), source.customization.type(each.name)
    else:
        fields, type_ = {each.name, each.aggregate_name}, each.args_type
    if source.customization.namespace is not None:
        fields = {source.customization.namespace}
    return {f"type '{type_}'"} | {f"field '{field}'" for field in fields}
