"""Inserts, updates and deletes: the role's columns, presets, filters and checks put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hasura.engine.document import values as v
from hasura.engine.errors import ValidationFailed
from hasura.engine.plan import nodes as n
from hasura.engine.plan import permissions
from hasura.engine.plan.conditions import where
from hasura.engine.plan.operands import operand
from hasura.engine.role_schema.meaning import AggregatePart, ColumnOf, DeleteRoot, InsertRoot, UpdateRoot

if TYPE_CHECKING:
    from hasura.engine.document.selection import Selected
    from hasura.engine.plan.reads import Reader
    from hasura.engine.resolve.model import Column, Table

_OPERATORS = ("_set", "_inc", "_append", "_prepend", "_delete_key", "_delete_elem", "_delete_at_path")
#: SQL type of an operator's right side, where it is not the column's own
_OPERAND_TYPES = {"_delete_key": "text", "_delete_elem": "integer", "_delete_at_path": "text[]"}


def insert(reader: Reader, root: InsertRoot, selected: Selected) -> n.Insert:
    """``insert_t`` or ``insert_t_one``."""
    table, role = root.table, reader.role
    given = selected.arguments["object" if root.one else "objects"]
    objects = given.items if isinstance(given, v.List) else (given,)
    rows = [_values(item) for item in objects]
    fixed = permissions.presets(table, role, "insert")
    # One column list for all rows: what a row leaves out gets the column's default.
    named = dict.fromkeys(name for row in rows for name in row) | dict.fromkeys(c.sql_name for c, _ in fixed)
    preset = {column.sql_name: value for column, value in fixed}
    return n.Insert(
        table=table.key,
        columns=tuple(named),
        rows=tuple(tuple(preset.get(name) or row.get(name) for name in named) for row in rows),
        conflict=_conflict(reader, table, selected.argument_object("on_conflict")),
        check=permissions.row_filter(reader.source, table, role, "insert"),
        update_check=permissions.update_check(reader.source, table, role),
        answer=_answer(reader, selected, one=root.one),
        path=f"{selected.path}.args.{'object' if root.one else 'objects'}",
    )


def _values(row: v.Value) -> dict[str, n.Operand]:
    assert isinstance(row, v.Object)  # noqa: S101 (coercion made it so)
    return {column.sql_name: _value(column, entry.value) for column, entry in _columns(row)}


def _columns(value: v.Object) -> list[tuple[Column, v.Entry]]:
    return [(entry.meaning.column, entry) for entry in value.entries if isinstance(entry.meaning, ColumnOf)]


def _value(column: Column, value: v.Value, cast: str | None = None) -> n.Operand:
    cast = cast or column.type.sql
    if isinstance(value, v.Null):
        return n.Slot(v.Constant(None), column.scalar, cast, value.path)
    return operand(value, cast)


def _conflict(reader: Reader, table: Table, given: v.Object | None) -> n.Conflict | None:
    if given is None:
        return None
    constraint = given.get("constraint")
    assert isinstance(constraint, v.Enum)  # noqa: S101
    columns = given.get("update_columns")
    items = columns.items if isinstance(columns, v.List) else (columns,) if columns else ()
    chosen = tuple(item.value.sql_name for item in items if isinstance(item, v.Enum) and item.value)
    condition = where(reader.source, reader.role, given.get("where"))
    if chosen:
        condition = n.both(permissions.row_filter(reader.source, table, reader.role, "update"), condition)
    presets = tuple((c.sql_name, value) for c, value in permissions.presets(table, reader.role, "update"))
    return n.Conflict(constraint.value.name, chosen, presets if chosen else (), condition)


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
            value = _value(column, entry.value, _OPERAND_TYPES.get(operator))
            assignments[column.sql_name] = n.Assignment(column.sql_name, operator, value)
    for column, preset in permissions.presets(table, reader.role, "update"):
        assignments[column.sql_name] = n.Assignment(column.sql_name, "_set", preset)
    if not assignments:
        raise ValidationFailed(
            "At least any one of _set, _inc, _append, _prepend, _delete_key, _delete_elem or _delete_at_path "
            "operators is expected",
            path,
        )
    return n.Update(
        table=table.key,
        assignments=tuple(assignments.values()),
        where=n.both(permissions.row_filter(reader.source, table, reader.role, "update"), condition),
        check=permissions.update_check(reader.source, table, reader.role),
        answer=_answer(reader, selected, one=one),
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
        answer=_answer(reader, selected, one=root.one),
    )


def _answer(reader: Reader, selected: Selected, *, one: bool) -> n.Answer:
    if one:
        return n.SingleRow(reader.fields(selected.selections))
    parts: list[tuple[str, n.AffectedRows | n.Returning | n.Typename]] = []
    for item in selected.selections:
        match item.meaning:
            case AggregatePart("affected_rows"):
                parts.append((item.alias, n.AffectedRows()))
            case AggregatePart("returning"):
                parts.append((item.alias, n.Returning(reader.fields(item.selections))))
            case _:
                parts.append((item.alias, n.Typename(item.parent)))
    return n.Response(tuple(parts))
