"""What the engine serves at one moment: metadata and catalog resolved, a schema for each role made on demand.

A change of metadata makes a new snapshot; requests that began on the old one end on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from hasura.engine.catalog.read import read_catalog
from hasura.engine.errors import EngineError, ParseFailed
from hasura.engine.metadata.model import Metadata
from hasura.engine.plan import permissions
from hasura.engine.prepared import RoleSchema
from hasura.engine.resolve import inconsistent
from hasura.engine.resolve.build import resolve
from hasura.engine.resolve.model import Source
from hasura.engine.role_schema.build import build_schema
from hasura.engine.session import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import AsyncConnection

    from hasura.engine.metadata import model as metadata_model
    from hasura.engine.resolve.model import Permissions, Table
    from hasura.engine.session import Session


@dataclass(frozen=True)
class Snapshot:
    """``metadata`` is the document as stored; ``inconsistencies`` are Hasura's inconsistent objects."""

    metadata: dict[str, Any]
    source: Source
    #: the one of the metadata's sources whose tables these are
    source_name: str
    inconsistencies: list[dict[str, Any]]
    stringify_numeric: bool
    #: roles that may not ask for the schema
    not_introspectable: frozenset[str] = frozenset()
    _roles: dict[tuple[str, bool], RoleSchema] = field(default_factory=dict)

    @property
    def tables(self) -> frozenset[tuple[str, str]]:
        """The tracked base tables."""
        return frozenset(key for key, table in self.source.tables.items() if table.catalog.kind in {"r", "p"})

    def role(self, session: Session) -> RoleSchema:
        """The schema that ``session`` sees."""
        known = session.role == ADMIN or session.role in self.source.roles
        # Roles that the metadata does not name all see the same: nothing.
        known = known or session.role in self.not_introspectable
        key = (session.role if known else "", session.trusted_backend)
        found = self._roles.get(key)
        if found is None:
            schema = build_schema(
                self.source,
                key[0],
                backend=session.trusted_backend,
                introspectable=session.role not in self.not_introspectable,
            )
            found = self._roles[key] = RoleSchema(self.source, key[0], schema, self.stringify_numeric)
        return found


async def build_snapshot(
    metadata: dict[str, Any],
    connection: AsyncConnection[Any],
    *,
    stringify_numeric: bool = False,
    infer_function_permissions: bool = True,
) -> Snapshot:
    """The snapshot of ``metadata`` over the database that ``connection`` is on.

    Raises:
        ParseFailed: the document is no metadata of version 3.
    """
    try:
        document = Metadata.model_validate(metadata)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
        raise ParseFailed(first["msg"], f"$.args.metadata{where}") from None
    served = _served(document.sources)
    others = [_unserved(each.name) for each in document.sources if each is not served and _has_content(each)]
    tables = served.tables if served else ()
    enums = [(table.table.schema_, table.table.name) for table in tables if table.is_enum]
    catalog = await read_catalog(connection, enums)
    hidden_from = frozenset(document.graphql_schema_introspection.disabled_for_roles)
    if served is None:
        nothing = Source({}, {}, frozenset())
        return Snapshot(metadata, nothing, "default", others, stringify_numeric, hidden_from)
    source = resolve(
        served,
        catalog,
        document.inherited_roles,
        infer_function_permissions=infer_function_permissions,
    )
    inconsistencies = [*source.inconsistencies, *_unreadable_permissions(source, served.name), *others]
    return Snapshot(metadata, source, served.name, inconsistencies, stringify_numeric, hidden_from)


def _served(sources: Sequence[metadata_model.Source]) -> metadata_model.Source | None:
    """The source that is the engine's own database: the one named ``default``, else the first of its kind."""
    own = [each for each in sources if each.kind == "postgres"]
    return next((each for each in own if each.name == "default"), own[0] if own else None)


def _has_content(source: metadata_model.Source) -> bool:
    return bool(source.tables or source.functions or source.kind != "postgres")


def _unserved(name: str) -> dict[str, Any]:
    return {
        "type": "source",
        "name": f"source {name}",
        "definition": name,
        "reason": "Inconsistent object: this engine serves the tables of one source, the database that it was "
        "started on",
    }


def _unreadable_permissions(source: Source, source_name: str) -> Iterator[dict[str, Any]]:
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
                        table.key, role, source_name, operation=operation, permission=told, reason=reason
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
