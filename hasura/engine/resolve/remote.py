"""Relationships that lead from a table of one source to a table of another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hasura.engine.resolve import inconsistent
from hasura.engine.resolve.misfit import Misfit
from hasura.engine.resolve.model import RemoteRelationship

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hasura.engine.metadata import model as metadata
    from hasura.engine.resolve.model import Source, Table


def with_remote(entry: metadata.Source, sources: Mapping[str, Source]) -> tuple[Source, list[dict[str, Any]]]:
    """The source of ``entry`` with its relationships to ``sources``, and reports of those that do not fit."""
    source = sources[entry.name]
    inconsistencies: list[dict[str, Any]] = []
    tables = dict(source.tables)
    for each in entry.tables:
        key = (each.table.schema_, each.table.name)
        if key not in tables:
            continue
        remote: dict[str, RemoteRelationship] = {}
        for relationship in each.remote_relationships:
            try:
                remote[relationship.name] = _relationship(relationship, tables[key], sources)
            except Misfit as misfit:
                inconsistencies.append(
                    inconsistent.of_remote_relationship(
                        key, relationship, relationship.name, source.name, str(misfit)
                    )
                )
        if remote:
            tables[key] = replace(tables[key], remote=remote)
    return replace(source, tables=tables), inconsistencies


def _relationship(
    entry: metadata.RemoteRelationship, table: Table, sources: Mapping[str, Source]
) -> RemoteRelationship:
    to = entry.definition.to_source
    if to is None:
        raise Misfit("relationships to remote schemas are not supported by this engine")
    if entry.name in table.columns or entry.name in table.relationships:
        raise Misfit(f'conflicting definitions for field "{entry.name}"')
    if to.source not in sources:
        raise Misfit(f'source not found: "{to.source}"')
    key = (to.table.schema_, to.table.name)
    target = sources[to.source].tables.get(key)
    if target is None:
        raise Misfit(f'table "{key[1]}" does not exist in source: {to.source}')
    for ends, names in ((table, to.field_mapping.keys()), (target, to.field_mapping.values())):
        missing = [name for name in names if name not in ends.by_sql_name]
        if missing:
            raise Misfit(f'"{missing[0]}" does not exist')
    many = to.relationship_type == "array"
    return RemoteRelationship(entry.name, many, to.source, key, tuple(to.field_mapping.items()))
