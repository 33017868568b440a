"""Updates and deletes: the role's columns, presets, filters and checks put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hasura.engine.document import values as v
from hasura.engine.errors import ValidationFailed
from hasura.engine.plan import nodes as n
from hasura.engine.plan import permissions
from hasura.engine.plan.answers import answer
from hasura.engine.plan.conditions import where
from hasura.engine.plan.operands import column_value, operand
from hasura.engine.role_schema.meaning import ColumnOf, DeleteRoot, UpdateRoot

if TYPE_CHECKING:
    from hasura.engine.document.selection import Selected
    from hasura.engine.plan.reads import Reader
    from hasura.engine.resolve.model import Column, Table

_OPERATORS = ("_set", "_inc", "_append", "_prepend", "_delete_key", "_delete_elem", "_delete_at_path")
#: SQL type of an operator's right side, where it is not the column's own
_OPERAND_TYPES = {"_delete_key": "text", "_delete_elem": "integer", "_delete_at_path": "text[]"}


def _columns(value: v.Object) -> list[tuple[Column, v.Entry]]:
    return [(entry.meaning.column, entry) for entry in value.entries if isinstance(entry.meaning, ColumnOf)]


def update(reader: Reader, root: UpdateRoot, selected: Selected) -> n.Update | n.UpdateMany:
    """``update_t``, ``update_t_by_pk`` or ``update_t_many``."""
    table = root.table
    if root.kind == "many":
        given = selected.arguments["updates"]
        items = given.items if isinstance(given, v.List) else (given,)
        updates = []
        for item in items:
            assert isinstance(item, v.Object)  # noqa: S101
            fields = {entry.name: entry.value for entry in item.entries}
            condition = where(reader.source, reader.role, fields.get("where"))
            updates.append(_update(reader, table, fields, condition, selected, one=False, path=item.path))
        return n.UpdateMany(tuple(updates))
    if root.kind == "one":
        condition = _key(table, {e.name: e.value for e in _entries(selected.arguments["pk_columns"])})
    else:
        condition = where(reader.source, reader.role, selected.arguments["where"])
    return _update(
        reader,
        table,
        selected.arguments,
        condition,
        selected,
        one=root.kind == "one",
        path=f"{selected.path}.args",
    )


def _entries(value: v.Value) -> tuple[v.Entry, ...]:
    return value.entries if isinstance(value, v.Object) else ()


def _key(table: Table, given: Any) -> n.Condition:
    return n.both(
        *(
            n.Compare(column.sql_name, "_eq", operand(given[column.name], column.type.sql))
            for column in table.primary_key
        )
    )


def _update(
    reader: Reader,
    table: Table,
    fields: Any,
    condition: n.Condition,
    selected: Selected,
    *,
    one: bool,
    path: str,
) -> n.Update:
    assignments: dict[str, n.Assignment] = {}
    for operator in _OPERATORS:
        for column, entry in _columns(fields[operator]) if isinstance(fields.get(operator), v.Object) else ():
            if column.sql_name in assignments:
                raise ValidationFailed(
                    f'Column found in multiple operators: "{column.name}".',
                    f"{path}.{operator}.{column.name}",
                )
            value = column_value(column, entry.value, _OPERAND_TYPES.get(operator))
            assignments[column.sql_name] = n.Assignment(column.sql_name, operator, value)
    for column, preset in permissions.presets(table, reader.role, "update"):
        assignments[column.sql_name] = n.Assignment(column.sql_name, "_set", preset)
    return n.Update(
        table=table.key,
        assignments=tuple(assignments.values()),
        where=n.both(permissions.row_filter(reader.source, table, reader.role, "update"), condition),
        check=permissions.update_check(reader.source, table, reader.role),
        answer=answer(reader, selected, one=one),
    )


def delete(reader: Reader, root: DeleteRoot, selected: Selected) -> n.Delete:
    """``delete_t`` or ``delete_t_by_pk``."""
    table = root.table
    if root.one:
        condition = _key(table, selected.arguments)
    else:
        condition = where(reader.source, reader.role, selected.arguments["where"])
    return n.Delete(
        table=table.key,
        where=n.both(permissions.row_filter(reader.source, table, reader.role, "delete"), condition),
        answer=answer(reader, selected, one=root.one),
    )
