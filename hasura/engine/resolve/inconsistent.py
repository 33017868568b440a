"""Reports of what does not fit the database, in the form of Hasura's inconsistent objects.

Clients and the commands on metadata know an object by its ``name``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

    from hasura.engine.catalog.model import QualifiedName


def of_whole_source(source: str, reason: str, cause: str | None) -> dict[str, Any]:
    """A source, of which nothing can be served."""
    report = {
        "type": "source",
        "name": f"source {source}",
        "definition": source,
        "reason": f"Inconsistent object: {reason}",
    }
    return report if cause is None else {**report, "message": cause}


def of_source(kind: str, key: QualifiedName, source: str, reason: str) -> dict[str, Any]:
    """A table or a function."""
    return _report(kind, f"{_shown(key)} in source {source}", _named(key), reason)


def of_relationship(
    key: QualifiedName, entry: BaseModel, name: str, source: str, reason: str, *, many: bool
) -> dict[str, Any]:
    """A relationship of the table ``key``."""
    kind = "array_relation" if many else "object_relation"
    reason = f'in relationship "{name}": {reason}'
    return _of_table(kind, key, name, source, definition=_told(entry), reason=reason)


def of_computed_field(
    key: QualifiedName, entry: BaseModel, name: str, source: str, reason: str
) -> dict[str, Any]:
    """A computed field of the table ``key``."""
    reason = f'in computed field "{name}": {reason}'
    return _of_table("computed_field", key, name, source, definition=_told(entry), reason=reason)


def of_remote_relationship(
    key: QualifiedName, entry: BaseModel, name: str, source: str, reason: str
) -> dict[str, Any]:
    """A relationship of the table ``key`` to another source."""
    reason = f'in remote relationship "{name}": {reason}'
    return _of_table("remote_relationship", key, name, source, definition=_told(entry), reason=reason)


def of_name_conflict(key: QualifiedName, entry: BaseModel, name: str, source: str) -> dict[str, Any]:
    """A computed field that has a column's name."""
    definition = {**_told(entry), "source": source, "table": _named(key)}
    reason = "field definition conflicts with postgres column"
    return _report("computed_field", _in_table(name, key, source), definition, reason)


def of_permission(
    key: QualifiedName,
    role: str,
    source: str,
    *,
    operation: str,
    permission: dict[str, Any],
    reason: str,
) -> dict[str, Any]:
    """A role's permission on the table ``key``."""
    definition = {"role": role, "permission": permission, "comment": None}
    reason = f'in permission for role "{role}": {reason}'
    return _of_table(f"{operation}_permission", key, role, source, definition=definition, reason=reason)


def _of_table(
    kind: str, key: QualifiedName, name: str, source: str, *, definition: dict[str, Any], reason: str
) -> dict[str, Any]:
    definition = {**definition, "source": source, "table": _named(key)}
    return _report(kind, _in_table(name, key, source), definition, f'in table "{_shown(key)}": {reason}')


def _report(kind: str, name: str, definition: Any, reason: str) -> dict[str, Any]:
    return {
        "type": kind,
        "name": f"{kind} {name}",
        "definition": definition,
        "reason": f"Inconsistent object: {reason}",
    }


def _told(entry: BaseModel) -> dict[str, Any]:
    return {"comment": None, **entry.model_dump(mode="json", by_alias=True, exclude_unset=True)}


def _in_table(name: str, key: QualifiedName, source: str) -> str:
    return f"{name} in table {_shown(key)} in source {source}"


def _named(key: QualifiedName) -> dict[str, str]:
    return {"schema": key[0], "name": key[1]}


def _shown(key: QualifiedName) -> str:
    return key[1] if key[0] == "public" else f"{key[0]}.{key[1]}"
