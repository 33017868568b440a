"""What the engine serves at one moment: metadata and catalog resolved, a schema for each role made on demand.

A change of metadata makes a new snapshot; requests that began on the old one end on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from hasura.engine.errors import EngineError, ParseFailed
from hasura.engine.metadata.model import Customization, Metadata
from hasura.engine.plan import permissions
from hasura.engine.prepared import RoleSchema
from hasura.engine.resolve import inconsistent
from hasura.engine.resolve.build import resolve
from hasura.engine.resolve.conflicts import without_conflicts
from hasura.engine.resolve.model import Source
from hasura.engine.resolve.remote import with_remote
from hasura.engine.role_schema.build import build_schema
from hasura.engine.session import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hasura.engine.catalog.model import Catalog
    from hasura.engine.metadata import model as metadata_model
    from hasura.engine.resolve.model import Permissions, Table
    from hasura.engine.session import Session


@dataclass(frozen=True)
class Snapshot:
    """``metadata`` is the document as stored; ``inconsistencies`` are Hasura's inconsistent objects."""

    metadata: dict[str, Any]
    #: by name; sources that cannot be served are not among them
    sources: dict[str, Source]
    inconsistencies: list[dict[str, Any]]
    stringify_numeric: bool
    #: roles that may not ask for the schema
    not_introspectable: frozenset[str] = frozenset()
    _roles: dict[tuple[str, bool], RoleSchema] = field(default_factory=dict)

    def source(self, name: str) -> Source:
        """A source with what is tracked in it; of one that is not served, nothing is."""
        return self.sources.get(name) or Source(name, Customization(), {}, {}, frozenset())

    def knows(self, session: Session) -> bool:
        """Whether ``role`` answers at once: a schema of many tables takes long to make."""
        return self._key(session) in self._roles

    def _key(self, session: Session) -> tuple[str, bool]:
        known = session.role == ADMIN or any(session.role in source.roles for source in self.sources.values())
        # Roles that the metadata does not name all see the same: nothing.
        known = known or session.role in self.not_introspectable
        return (session.role if known else "", session.trusted_backend)

    def role(self, session: Session) -> RoleSchema:
        """The schema that ``session`` sees."""
        key = self._key(session)
        found = self._roles.get(key)
        if found is None:
            schema = build_schema(
                self.sources.values(),
                key[0],
                backend=session.trusted_backend,
                introspectable=session.role not in self.not_introspectable,
            )
            found = self._roles[key] = RoleSchema(key[0], schema, self.stringify_numeric)
        return found


def read_metadata(metadata: dict[str, Any]) -> Metadata:
    """The document, checked for its form.

    Raises:
        ParseFailed: it is no metadata of version 3.
    """
    try:
        return Metadata.model_validate(metadata)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
        raise ParseFailed(first["msg"], f"$.args.metadata{where}") from None


def build_snapshot(
    metadata: dict[str, Any],
    document: Metadata,
    catalogs: Mapping[str, Catalog | SourceProblem],
    *,
    stringify_numeric: bool = False,
    infer_function_permissions: bool = True,
) -> Snapshot:
    """The snapshot of ``metadata``, read as ``document``, over the databases whose catalogs these are, by source."""
    sources: list[Source] = []
    inconsistencies: list[dict[str, Any]] = []
    for each in document.sources:
        catalog = _unserved(each) or catalogs[each.name]
        if isinstance(catalog, SourceProblem):
            inconsistencies.append(inconsistent.of_whole_source(each.name, catalog.reason, catalog.cause))
            continue
        source = resolve(
            each, catalog, document.inherited_roles, infer_function_permissions=infer_function_permissions
        )
        source, conflicts = without_conflicts(source, sources)
        sources.append(source)
        inconsistencies += [*source.inconsistencies, *conflicts, *_unreadable_permissions(source)]
    served = {source.name: source for source in sources}
    for each in document.sources:
        if each.name in served:
            served[each.name], misfits = with_remote(each, served)
            inconsistencies += misfits
    return Snapshot(
        metadata,
        served,
        inconsistencies,
        stringify_numeric,
        frozenset(document.graphql_schema_introspection.disabled_for_roles),
    )


@dataclass(frozen=True, slots=True)
class SourceProblem:
    """Why a source is not served; ``cause`` is the database's own word for it."""

    reason: str
    cause: str | None = None


def _unserved(source: metadata_model.Source) -> SourceProblem | None:
    if source.kind != "postgres":
        return SourceProblem(f"sources of kind {source.kind} are not supported by this engine")
    if source.customization.naming_convention == "graphql-default":
        return SourceProblem("the naming convention graphql-default is not supported by this engine")
    return None


def _unreadable_permissions(source: Source) -> Iterator[dict[str, Any]]:
    """Permissions whose expressions do not fit the tables: found now, not at a user's first request."""
    for table in source.tables.values():
        for role, held in table.permissions.items():
            for operation in ("select", "insert", "update", "delete"):
                if getattr(held, operation) is None:
                    continue
                reason = _reason(source, table, role, held, operation)
                if reason is not None:
                    told = _told(operation, getattr(held, operation))
                    yield inconsistent.of_permission(
                        table.key, role, source.name, operation=operation, permission=told, reason=reason
                    )


def _told(operation: str, permission: Any) -> dict[str, Any]:
    """A permission as Hasura shows it: a select permission with what it has when nothing is said."""
    defaults: dict[str, Any] = {}
    if operation == "select":
        defaults = {"allow_aggregations": False, "computed_fields": []}
    return {**defaults, **permission.model_dump(mode="json", exclude_unset=True)}


def _reason(source: Source, table: Table, role: str, held: Permissions, operation: Any) -> str | None:
    columns = getattr(getattr(held, operation), "columns", ())
    missing = [name for name in columns if name not in table.by_sql_name] if columns != "*" else []
    if missing:
        return f'"{missing[0]}" does not exist in table "{table.sql_name}"'
    for name in getattr(getattr(held, operation), "computed_fields", ()):
        field = table.computed_fields.get(name)
        if field is None:
            return f'computed field "{name}" does not exist'
        if field.target is not None:
            table_name = f'"{field.target[1]}"'
            return (
                f'select permissions on computed field "{name}" are auto-derived from the '  # noqa: S608 - no SQL
                f"permissions on its returning table {table_name} and cannot be specified manually"
            )
    try:
        permissions.row_filter(source, table, role, operation)
        if operation == "update":
            permissions.update_check(source, table, role)
        if operation in {"insert", "update"}:
            permissions.presets(table, role, operation)
    except (EngineError, KeyError, TypeError, AttributeError) as problem:
        return getattr(problem, "message", None) or "the expression is malformed"
    return None
