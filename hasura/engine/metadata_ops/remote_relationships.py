"""Relationships from a table of one source to a table of another.

Source: https://hasura.io/docs/2.0/api-reference/metadata-api/remote-relationships/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hasura.engine.errors import AlreadyExists, DependencyError, NotExists, NotSupported, ParseFailed

from .arguments import Arguments
from .names import as_json, of_table, quoted, shown
from .relationships import field_names
from .working import Outcome, named, remove

if TYPE_CHECKING:
    from .names import Key
    from .working import Operation, Working

FIELD = "remote_relationships"


def create_remote_relationship(work: Working, args: Any) -> Outcome:
    """``{"table", "source"?, "name", "definition": {"to_source": {…}}}``."""
    given = Arguments(args)
    key, name = given.key("table"), given.name("name")
    table = work.table(given.source, key)
    if name in field_names(work, given.source, key, table):
        raise AlreadyExists(f'field with name "{name}" already exists in table {quoted(key)}', "$.args")
    table.setdefault(FIELD, []).append({"name": name, "definition": _definition(given)})
    return Outcome(about=of_table("remote_relationship", name, key, given.source))


def update_remote_relationship(work: Working, args: Any) -> Outcome:
    """As ``create_remote_relationship``, in place of the one of that name."""
    given = Arguments(args)
    key, name = given.key("table"), given.name("name")
    _, entry = _existing(work, given.source, key, name)
    entry["definition"] = _definition(given)
    return Outcome(about=of_table("remote_relationship", name, key, given.source))


def delete_remote_relationship(work: Working, args: Any) -> Outcome:
    """``{"table", "source"?, "name"}``."""
    given = Arguments(args)
    table, entry = _existing(work, given.source, given.key("table"), given.name("name"))
    remove(table, FIELD, entry)
    return Outcome()


def check_not_joined(work: Working, source: str, *, cascade: bool) -> None:
    """Makes sure that no other source has relationships to this one; with ``cascade`` by removing them.

    :raises DependencyError: one has.
    """
    found = [
        (other["name"], table, entry)
        for other in work.document.get("sources", ())
        if other["name"] != source
        for table in other.get("tables", ())
        for entry in table.get(FIELD, ())
        if entry.get("definition", {}).get("to_source", {}).get("source") == source
    ]
    if found and not cascade:
        told = ", ".join(
            f'remote_relationship {shown(Arguments(table).key("table"))}.{entry["name"]} in source "{other}"'
            for other, table, entry in found
        )
        raise DependencyError(f"cannot drop due to the following dependent objects: {told}", "$.args")
    for _, table, entry in found:
        remove(table, FIELD, entry)


def _definition(given: Arguments) -> dict[str, Any]:
    if "remote_schema" in given.given or "to_remote_schema" in given.object("definition"):
        raise NotSupported("remote schemas are not supported by this engine", "$.args")
    to = Arguments(given.object("definition"), given.at("definition"))
    source = Arguments(to.object("to_source"), to.at("to_source"))
    kind = source.text("relationship_type")
    if kind not in ("object", "array"):
        raise ParseFailed('expected "object" or "array"', source.at("relationship_type"))
    return {
        "to_source": {
            "field_mapping": source.object("field_mapping"),
            "relationship_type": kind,
            "source": source.name("source"),
            "table": as_json(source.key("table")),
        }
    }


def _existing(work: Working, source: str, key: Key, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    table = work.table(source, key)
    entry = named(table.get(FIELD, []), name)
    if entry is None:
        raise NotExists(f'"{name}" does not exist', "$.args")
    return table, entry


REMOTE_RELATIONSHIP_OPERATIONS: dict[str, Operation] = {
    "create_remote_relationship": create_remote_relationship,
    "update_remote_relationship": update_remote_relationship,
    "delete_remote_relationship": delete_remote_relationship,
}
