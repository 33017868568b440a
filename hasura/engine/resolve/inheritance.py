"""Inherited roles: permissions that a role has from other roles.

Reads add up: a row that any parent may see is seen, and of its columns those that the parents who see the row may
select; in the others stands null. Writes do not add up: a role inherits what its parents agree on, and what they do
not agree on is an inconsistency (https://hasura.io/docs/2.0/auth/authorization/inherited-roles/).
A permission that the metadata states for the inherited role itself wins.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hasura.engine.metadata.model import SelectPermission
from hasura.engine.resolve.model import Permissions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hasura.engine.catalog.model import QualifiedName
    from hasura.engine.metadata import model as metadata
    from hasura.engine.resolve.model import Function, Table


def in_order(roles: Iterable[metadata.InheritedRole]) -> list[metadata.InheritedRole]:
    """Inherited roles, each after those that it inherits from. Roles of a cycle are left out."""
    waiting = {role.role_name: role for role in roles}
    ordered: list[metadata.InheritedRole] = []
    while True:
        ready = [role for role in waiting.values() if not any(parent in waiting for parent in role.role_set)]
        if not ready:
            return ordered
        for role in ready:
            ordered.append(role)
            del waiting[role.role_name]


def inherit(
    roles: Sequence[metadata.InheritedRole],
    tables: Mapping[QualifiedName, Table],
    functions: Mapping[QualifiedName, Function],
    source: str,
) -> tuple[dict[QualifiedName, Table], dict[QualifiedName, Function], list[dict[str, Any]]]:
    """Tables and functions with the permissions of inherited roles, and what could not be inherited."""
    inconsistencies: list[dict[str, Any]] = []
    with_roles = dict(tables)
    callable_by = dict(functions)
    for role in in_order(roles):
        for key, table in with_roles.items():
            found = _inherited(table, role, source, inconsistencies)
            if found is not None:
                with_roles[key] = replace(table, permissions={**table.permissions, role.role_name: found})
        for key, function in callable_by.items():
            if function.roles & set(role.role_set):
                callable_by[key] = replace(function, roles=function.roles | {role.role_name})
    return with_roles, callable_by, inconsistencies


def _inherited(
    table: Table, role: metadata.InheritedRole, source: str, inconsistencies: list[dict[str, Any]]
) -> Permissions | None:
    parents = [table.permissions[parent] for parent in role.role_set if parent in table.permissions]
    own = table.permissions.get(role.role_name, Permissions())
    selects = [(p.select, p.redactions) for p in parents if p.select is not None]
    select, redactions = own.select, own.redactions
    if select is None and selects:
        select, redactions = _union(table, selects)
    writes: dict[str, Any] = {}
    for operation in ("insert", "update", "delete"):
        stated = getattr(own, operation)
        candidates = [getattr(p, operation) for p in parents if getattr(p, operation) is not None]
        if stated is None and any(candidate != candidates[0] for candidate in candidates):
            inconsistencies.append(_disagreement(table, role.role_name, operation, source))
            candidates = []
        writes[operation] = stated or (candidates[0] if candidates else None)
    found = Permissions(select, redactions=redactions, **writes)
    return found if select or any(writes.values()) else None


def _union(
    table: Table, selects: list[tuple[SelectPermission, Mapping[str, Any]]]
) -> tuple[SelectPermission, dict[str, Any]]:
    if len(selects) == 1:
        return selects[0][0], dict(selects[0][1])
    names = [_names(table, select) for select, _ in selects]
    every = dict.fromkeys(name for group in names for name in group)
    redactions: dict[str, Any] = {}
    for name in every:
        seen_by = [
            _both(select.filter, hidden.get(name))
            for (select, hidden), group in zip(selects, names, strict=True)
            if name in group
        ]
        if len(seen_by) < len(selects) or any(name in hidden for _, hidden in selects):
            redactions[name] = {"_or": seen_by}
    limits = [select.limit for select, _ in selects]
    merged = SelectPermission(
        columns=tuple(name for name in every if name in table.by_sql_name),
        computed_fields=tuple(name for name in every if name in table.computed_fields),
        filter={"_or": [select.filter for select, _ in selects]},
        limit=None if None in limits else max(limit for limit in limits if limit is not None),
        allow_aggregations=any(select.allow_aggregations for select, _ in selects),
        query_root_fields=_together([select.query_root_fields for select, _ in selects]),
        subscription_root_fields=_together([select.subscription_root_fields for select, _ in selects]),
    )
    return merged, redactions


def _names(table: Table, select: SelectPermission) -> list[str]:
    columns = list(table.by_sql_name) if select.columns == "*" else list(select.columns)
    return [*columns, *select.computed_fields]


def _both(row_filter: dict[str, Any], redaction: dict[str, Any] | None) -> dict[str, Any]:
    return row_filter if redaction is None else {"_and": [row_filter, redaction]}


def _together(fields: list[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    if None in fields:
        return None
    return tuple(dict.fromkeys(name for names in fields for name in names or ()))


def _disagreement(table: Table, role: str, operation: str, source: str) -> dict[str, Any]:
    """Hasura's form of what a role cannot inherit."""
    entity = {"permission_type": operation, "source": source, "table": table.name}
    return {
        "type": "inherited role permission inconsistency",
        "name": role,
        "entity": entity,
        "reason": f"Could not inherit permission for the role '{role}' for the entity: "
        f"'{operation} permission, table: {table.name}, source: '{source}''",
    }
