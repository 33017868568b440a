"""What the engine serves at one moment: metadata and catalog resolved, a schema for each role made on demand.

A change of metadata makes a new snapshot; requests that began on the old one end on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from hasura.engine.catalog.read import read_catalog
from hasura.engine.errors import BadRequest, EngineError, ParseFailed
from hasura.engine.metadata.model import Metadata
from hasura.engine.plan import permissions
from hasura.engine.prepared import RoleSchema
from hasura.engine.resolve.build import resolve
from hasura.engine.resolve.model import Source
from hasura.engine.role_schema.build import build_schema
from hasura.engine.session import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import AsyncConnection

    from hasura.engine.resolve.model import Permissions, Table
    from hasura.engine.session import Session


@dataclass(frozen=True)
class Snapshot:
    """``metadata`` is the document as stored; ``inconsistencies`` are Hasura's inconsistent objects."""

    metadata: dict[str, Any]
    source: Source
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
    if len(document.sources) > 1:
        raise BadRequest("this engine serves one source")
    tables = document.sources[0].tables if document.sources else ()
    enums = [(table.table.schema_, table.table.name) for table in tables if table.is_enum]
    catalog = await read_catalog(connection, enums)
    hidden_from = frozenset(document.graphql_schema_introspection.disabled_for_roles)
    if not document.sources:
        return Snapshot(metadata, Source({}, {}, frozenset()), [], stringify_numeric, hidden_from)
    source = resolve(
        document.sources[0],
        catalog,
        document.inherited_roles,
        infer_function_permissions=infer_function_permissions,
    )
    inconsistencies = [*source.inconsistencies, *_unreadable_permissions(source)]
    return Snapshot(metadata, source, inconsistencies, stringify_numeric, hidden_from)


def _unreadable_permissions(source: Source) -> Iterator[dict[str, Any]]:
    """Permissions whose expressions do not fit the tables: found now, not at a user's first request."""
    for table in source.tables.values():
        for role, held in table.permissions.items():
            for operation in ("select", "insert", "update", "delete"):
                if getattr(held, operation) is None:
                    continue
                reason = _reason(source, table, role, held, operation)
                if reason is not None:
                    yield {
                        "type": f"{operation}_permission",
                        "name": f"{operation}_permission {role} in table {table.sql_name} in source default",
                        "definition": {
                            "role": role,
                            "table": {"schema": table.schema, "name": table.sql_name},
                            "permission": getattr(held, operation).model_dump(mode="json"),
                        },
                        "reason": f"Inconsistent object: {reason}",
                    }


def _reason(source: Source, table: Table, role: str, held: Permissions, operation: Any) -> str | None:
    columns = getattr(getattr(held, operation), "columns", ())
    missing = [name for name in columns if name not in table.by_sql_name] if columns != "*" else []
    if missing:
        return f'column "{missing[0]}" does not exist in table "{table.sql_name}"'
    try:
        permissions.row_filter(source, table, role, operation)
        if operation == "update":
            permissions.update_check(source, table, role)
        if operation in {"insert", "update"}:
            permissions.presets(table, role, operation)
    except (EngineError, KeyError, TypeError, AttributeError) as problem:
        return getattr(problem, "message", None) or "the expression is malformed"
    return None
