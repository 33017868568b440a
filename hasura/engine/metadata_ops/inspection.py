"""Commands that only look: at the metadata, and at what of the database could be tracked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .arguments import Arguments, qualified
from .names import as_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hasura.engine.resolve.model import Table
    from hasura.engine.snapshot import Snapshot

    from .names import Key


def list_source_kinds() -> dict[str, Any]:
    """The kinds of database that a source may be."""
    return {
        "sources": [
            {"builtin": True, "available": True, "kind": kind, "display_name": kind} for kind in ("postgres",)
        ]
    }


def suggest_relationships(snapshot: Snapshot, args: Any) -> dict[str, Any]:
    """What the foreign keys between tracked tables allow: ``{"relationships": [{"type", "from", "to"}]}``.

    ``{"source"?, "tables"?, "omit_tracked"?}``: a foreign key counts when either of its tables is among ``tables``.
    """
    given = Arguments(args)
    omit = given.flag("omit_tracked")
    wanted: set[Key] | None = None
    if given.given.get("tables") is not None:
        wanted = {qualified(table, given.at("tables")) for table in given.list("tables")}
    tables = snapshot.source(given.source).tables
    return {
        "relationships": [
            suggestion
            for table in tables.values()
            for suggestion in _suggestions(table, tables.get, wanted, omit_tracked=omit)
        ]
    }


def _suggestions(
    table: Table, find: Any, wanted: set[Key] | None, *, omit_tracked: bool
) -> Iterator[dict[str, Any]]:
    unique = [set(key.columns) for key in table.catalog.unique_keys]
    for foreign_key in table.catalog.foreign_keys:
        remote: Table | None = find(foreign_key.remote_table)
        if remote is None or (wanted is not None and not {table.key, remote.key} & wanted):
            continue
        pairs = list(zip(foreign_key.columns, foreign_key.remote_columns, strict=True))
        here = {
            "table": as_json(table.key),
            "columns": list(foreign_key.columns),
            "constraint_name": foreign_key.name,
        }
        there = {"table": as_json(remote.key), "columns": list(foreign_key.remote_columns)}
        if not (omit_tracked and _is_tracked(table, remote.key, pairs)):
            yield {"type": "object", "from": here, "to": there}
        if not (omit_tracked and _is_tracked(remote, table.key, [(its, ours) for ours, its in pairs])):
            kind = "object" if set(foreign_key.columns) in unique else "array"
            yield {"type": kind, "from": there, "to": here}


def _is_tracked(table: Table, target: Key, pairs: list[tuple[str, str]]) -> bool:
    return any(
        relationship.target == target and set(relationship.columns) == set(pairs)
        for relationship in table.relationships.values()
    )
