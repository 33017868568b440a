"""Who needs whom in the metadata: nothing goes while another object needs it, unless that one goes too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hasura.engine.errors import DependencyError

from .arguments import qualified
from .expressions import Reference, Target, is_session_variable, references
from .names import shown
from .permissions import KINDS
from .working import find, named, relationships, remove

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hasura.engine.catalog.model import Table as CatalogTable
    from hasura.engine.resolve.model import Source

    from .names import Key
    from .working import Working


class Dependent(NamedTuple):
    """An object that needs others: a ``relationship``, ``permission``, ``computed field`` or ``function``.

    ``name`` is the relationship's or field's, or the role's; ``operation`` a permission's.
    """

    kind: str
    key: Key
    name: str = ""
    operation: str = ""

    def told(self, source: str) -> str:
        """As Hasura reports it."""
        parts = (shown(self.key), self.name, self.operation)
        return f'{self.kind} {".".join(filter(None, parts))} in source "{source}"'


class Need(NamedTuple):
    """One dependent and one thing that it refers to."""

    dependent: Dependent
    reference: Reference


def needs(document_source: Mapping[str, Any], source: Source) -> Iterator[Need]:
    """Everything that refers to something else in one source; ``source`` is the same, resolved."""
    for entry in document_source.get("tables", ()):
        key = qualified(entry["table"], "$")
        for _, relationship in relationships(entry):
            dependent = Dependent("relationship", key, relationship["name"])
            for target in _of_relationship(source, key, relationship["name"]):
                yield Need(dependent, Reference(target))
        for field in entry.get("computed_fields", ()):
            function = qualified(field["definition"]["function"], "$")
            dependent = Dependent("computed field", key, field["name"])
            yield Need(dependent, Reference(Target("function", function)))
        for operation in KINDS:
            for held in entry.get(f"{operation}_permissions", ()):
                dependent = Dependent("permission", key, held["role"], operation)
                for reference in _of_permission(source, key, held["permission"]):
                    yield Need(dependent, reference)
    for key, tracked in source.functions.items():
        yield Need(Dependent("function", key), Reference(Target("table", tracked.table)))


def _of_relationship(source: Source, key: Key, name: str) -> Iterator[Target]:
    table = source.tables.get(key)
    relationship = table.relationships.get(name) if table else None
    if table is None or relationship is None:
        return
    yield Target("table", relationship.target)
    for ours, its in relationship.columns:
        yield Target("column", key, ours)
        yield Target("column", relationship.target, its)
    there = source.tables.get(relationship.target)
    pairs = set(relationship.columns)
    yield from _constraints(table.catalog, relationship.target, pairs)
    if there is not None:
        yield from _constraints(there.catalog, key, {(its, ours) for ours, its in pairs})


def _constraints(table: CatalogTable, remote: Key, pairs: set[tuple[str, str]]) -> Iterator[Target]:
    for foreign_key in table.foreign_keys:
        columns = set(zip(foreign_key.columns, foreign_key.remote_columns, strict=True))
        if foreign_key.remote_table == remote and columns == pairs:
            yield Target("constraint", (table.schema, table.name), foreign_key.name)


def _of_permission(source: Source, key: Key, permission: Mapping[str, Any]) -> Iterator[Reference]:
    for condition in ("filter", "check"):
        yield from references(source, key, permission.get(condition))
    for column, value in (permission.get("set") or {}).items():
        yield Reference(Target("column", key, column), not is_session_variable(value))
    columns = permission.get("columns") or ()
    if columns == "*":
        table = source.tables.get(key)
        columns = tuple(table.by_sql_name) if table else ()
    for column in columns:
        yield Reference(Target("column", key, column))
    for field in permission.get("computed_fields") or ():
        yield Reference(Target("computed_field", key, field))


def dependents(
    document_source: Mapping[str, Any], source: Source, targets: Iterable[Target], *, on_type: bool = False
) -> set[Dependent]:
    """The objects that refer to any of ``targets``; a table stands for all its parts."""
    wanted = set(targets)
    tables = {target.key for target in wanted if target.kind == "table"}
    return {
        need.dependent
        for need in needs(document_source, source)
        if need.reference.on_type >= on_type
        and (
            need.reference.target in wanted
            or (need.reference.target.key in tables and need.reference.target.kind != "function")
        )
    }


def report(source: str, found: Iterable[Dependent]) -> str:
    """A sorted list for a message."""
    return ", ".join(sorted(each.told(source) for each in found))


def check_unused(
    work: Working, source: str, targets: Iterable[tuple[str, Key] | tuple[str, Key, str]], *, cascade: bool
) -> None:
    """Makes sure that nobody needs ``targets``; with ``cascade`` by removing whoever does.

    Parts of a table that goes need no mention: they go with it.

    :raises DependencyError: somebody does.
    """
    wanted = [Target(*target) for target in targets]
    going = {target.key for target in wanted if target.kind == "table"}
    entry = work.source(source)
    found = {
        each
        for each in dependents(entry, work.resolved(source), wanted)
        if each.kind == "function" or each.key not in going
    }
    if found and not cascade:
        raise DependencyError(
            f"cannot drop due to the following dependent objects: {report(source, found)}", "$.args"
        )
    for each in found:
        purge(entry, each)


def purge(source: dict[str, Any], dependent: Dependent) -> None:
    """Takes an object out of a source's metadata; one that is gone already is no matter."""
    if dependent.kind == "function":
        function = find(source.get("functions", []), "function", dependent.key)
        if function is not None:
            remove(source, "functions", function)
        return
    table = find(source.get("tables", []), "table", dependent.key)
    if table is None:
        return
    fields = {
        "relationship": ("object_relationships", "array_relationships"),
        "computed field": ("computed_fields",),
        "permission": (f"{dependent.operation}_permissions",),
    }[dependent.kind]
    for field in fields:
        name = "role" if dependent.kind == "permission" else "name"
        entry = named(table.get(field, []), dependent.name, name)
        if entry is not None:
            remove(table, field, entry)
