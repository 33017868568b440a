"""What one role may do with one table: the only reading of permissions that shapes a schema.

Row filters are not looked at here (``plan/permissions`` does); columns, operations and root fields are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hasura.engine.session import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hasura.engine.metadata.model import Columns
    from hasura.engine.resolve.model import Column, ComputedField, Permissions, Table


@dataclass(frozen=True, slots=True)
class Access:
    """Columns a role may select, insert and update (None: the operation does not exist for it).

    A select permission without columns is none: GraphQL knows no type without fields.
    """

    select: tuple[Column, ...] | None
    computed: tuple[ComputedField, ...]
    insert: tuple[Column, ...] | None
    update: tuple[Column, ...] | None
    delete: bool
    aggregate: bool
    query_root_fields: frozenset[str] | None = None
    subscription_root_fields: frozenset[str] | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns it may select."""
        return self.select or ()


_NOTHING = Access(None, (), None, None, delete=False, aggregate=False)


def access(table: Table, role: str, *, backend: bool) -> Access:
    """``backend``: the request came with the admin secret, so ``backend_only`` permissions count."""
    if role == ADMIN:
        return _everything(table)
    permissions = table.permissions.get(role)
    return _restricted(table, permissions, backend=backend) if permissions else _NOTHING


def _everything(table: Table) -> Access:
    columns = tuple(table.columns.values())
    writable = tuple(column for column in columns if not column.generated)
    return Access(
        select=columns,
        computed=tuple(table.computed_fields.values()),
        insert=writable if table.catalog.insertable else None,
        update=writable if table.catalog.updatable else None,
        delete=table.catalog.deletable,
        aggregate=True,
    )


def _restricted(table: Table, permissions: Permissions, *, backend: bool) -> Access:
    select, insert = permissions.select, permissions.insert
    update, delete = permissions.update, permissions.delete
    if insert and ((insert.backend_only and not backend) or not table.catalog.insertable):
        insert = None
    if update and ((update.backend_only and not backend) or not table.catalog.updatable):
        update = None
    if delete and ((delete.backend_only and not backend) or not table.catalog.deletable):
        delete = None
    computed = _computed(table, select.computed_fields) if select else ()
    columns = _columns(table, select.columns) if select else ()
    return Access(
        select=columns if columns or computed else None,
        computed=computed,
        insert=_writable(table, insert.columns, insert.set.keys()) if insert else None,
        update=_writable(table, update.columns, update.set.keys()) if update else None,
        delete=delete is not None,
        aggregate=bool(select and select.allow_aggregations),
        query_root_fields=_root_fields(select.query_root_fields) if select else None,
        subscription_root_fields=_root_fields(select.subscription_root_fields) if select else None,
    )


def _root_fields(names: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


def _columns(table: Table, names: Columns) -> tuple[Column, ...]:
    return tuple(column for column in table.columns.values() if names == "*" or column.sql_name in names)


def _computed(table: Table, names: tuple[str, ...]) -> tuple[ComputedField, ...]:
    # A field that answers a value needs a permission; one that answers rows is as visible as their table.
    return tuple(f for f in table.computed_fields.values() if f.name in names or f.target is not None)


def _writable(table: Table, names: Columns, presets: Iterable[str]) -> tuple[Column, ...]:
    # A column that the metadata presets is never the caller's to give.
    fixed = set(presets)
    return tuple(
        column for column in _columns(table, names) if not column.generated and column.sql_name not in fixed
    )
