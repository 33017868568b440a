"""Inserts: rows of one table in one statement, or a tree of rows where objects bring related ones along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasura.engine.document import values as v
from hasura.engine.errors import BadRequest, ValidationFailed
from hasura.engine.plan import nodes as n
from hasura.engine.plan import permissions
from hasura.engine.plan.answers import answer
from hasura.engine.plan.conditions import where
from hasura.engine.plan.operands import column_value
from hasura.engine.role_schema.meaning import ColumnOf, InsertRoot, RelationshipOf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hasura.engine.document.selection import Selected
    from hasura.engine.plan.reads import Reader
    from hasura.engine.resolve.model import Table

Given = dict[str, n.Operand]

#: PostgreSQL's bound for the parameters of a statement, with room for those of the permissions
_MOST_VALUES = 65_000


def insert(reader: Reader, root: InsertRoot, selected: Selected) -> n.Insert | n.InsertTree:
    """``insert_t`` or ``insert_t_one``."""
    given = selected.arguments["object" if root.one else "objects"]
    objects = [
        item
        for item in (given.items if isinstance(given, v.List) else (given,))
        if isinstance(item, v.Object)
    ]
    conflict = _conflict(reader, root.table, selected.argument_object("on_conflict"))
    path = f"{selected.path}.args.{'object' if root.one else 'objects'}"
    shown = answer(reader, selected, one=root.one)
    if sum(len(item.entries) for item in objects) > _MOST_VALUES:
        raise BadRequest(f"one insert takes at most {_MOST_VALUES} values", path)
    if any(_nested(item) for item in objects):
        return n.InsertTree(
            root.table.key,
            _branches(reader, root.table, objects, conflict=conflict, handed={}, path=path),
            shown,
        )
    return _rows(
        reader, root.table, [_columns(item) for item in objects], conflict=conflict, shown=shown, path=path
    )


def _rows(
    reader: Reader,
    table: Table,
    rows: list[Given],
    *,
    conflict: n.Conflict | None,
    shown: n.Answer | None,
    path: str,
) -> n.Insert:
    # One column list for all rows: what a row leaves out gets the column's default.
    preset = {column.sql_name: value for column, value in permissions.presets(table, reader.role, "insert")}
    named = dict.fromkeys([*(name for row in rows for name in row), *preset])
    return n.Insert(
        table=table.key,
        columns=tuple(named),
        rows=tuple(tuple(preset.get(name) or row.get(name) for name in named) for row in rows),
        conflict=conflict,
        check=permissions.row_filter(reader.source, table, reader.role, "insert"),
        update_check=permissions.update_check(reader.source, table, reader.role),
        answer=shown,
        path=path,
    )


def _branches(
    reader: Reader,
    table: Table,
    objects: list[v.Object],
    *,
    conflict: n.Conflict | None,
    handed: Mapping[str, n.Operand],
    path: str,
) -> tuple[n.InsertBranch, ...]:
    """``handed`` are the columns that the parent row determines."""
    branches = []
    for item in objects:
        columns = _columns(item)
        _refuse_both(columns, handed, item.path)
        columns |= handed
        before: list[n.Nested] = []
        after: list[n.Nested] = []
        for entry in _nested(item):
            assert isinstance(entry.meaning, RelationshipOf)  # noqa: S101 (_nested chose it so)
            relationship = entry.meaning.relationship
            assert isinstance(entry.value, v.Object)  # noqa: S101
            if relationship.after_parent:
                after.append(_nest(reader, entry.meaning, entry.value))
                continue
            taken = [ours for ours, _ in relationship.columns if ours in columns]
            if taken:
                listed = ", ".join(f'"{name}"' for name in taken)
                raise ValidationFailed(
                    f'cannot insert object relationship "{relationship.name}" as {listed} column values '
                    "are already determined",
                    entry.path,
                )
            before.append(_nest(reader, entry.meaning, entry.value))
            columns |= {
                ours: n.Handed(ours, table.by_sql_name[ours].type.sql) for ours, _ in relationship.columns
            }
        row = _rows(reader, table, [columns], conflict=conflict, shown=None, path=path)
        branches.append(n.InsertBranch(row, tuple(before), tuple(after)))
    return tuple(branches)


def _nest(reader: Reader, meaning: RelationshipOf, value: v.Object) -> n.Nested:
    relationship, target = meaning.relationship, meaning.target
    data = value.get("data")
    objects = [
        item for item in (data.items if isinstance(data, v.List) else (data,)) if isinstance(item, v.Object)
    ]
    handed: dict[str, n.Operand] = {}
    if relationship.after_parent:
        handed = {
            theirs: n.Handed(theirs, target.by_sql_name[theirs].type.sql)
            for _, theirs in relationship.columns
        }
    given = value.get("on_conflict")
    conflict = _conflict(reader, target, given if isinstance(given, v.Object) else None)
    branches = _branches(reader, target, objects, conflict=conflict, handed=handed, path=value.path)
    return n.Nested(
        relationship.name, relationship.many, relationship.columns, n.InsertTree(target.key, branches)
    )


def _refuse_both(columns: Given, handed: Mapping[str, n.Operand], path: str) -> None:
    both = [f'"{name}"' for name in columns if name in handed]
    if both:
        raise ValidationFailed(
            f"cannot insert {', '.join(both)} columns as their values are already being determined by parent insert",
            path,
        )


def _columns(row: v.Object) -> Given:
    return {
        entry.meaning.column.sql_name: column_value(entry.meaning.column, entry.value)
        for entry in row.entries
        if isinstance(entry.meaning, ColumnOf)
    }


def _nested(row: v.Object) -> list[v.Entry]:
    return [e for e in row.entries if isinstance(e.meaning, RelationshipOf) and isinstance(e.value, v.Object)]


def _conflict(reader: Reader, table: Table, given: v.Object | None) -> n.Conflict | None:
    if given is None:
        return None
    constraint = given.get("constraint")
    assert isinstance(constraint, v.Enum)  # noqa: S101
    columns = given.get("update_columns")
    items = columns.items if isinstance(columns, v.List) else (columns,) if columns else ()
    chosen = tuple(item.value.column.sql_name for item in items if isinstance(item, v.Enum) and item.value)
    condition = where(reader.source, reader.role, given.get("where"))
    if chosen:
        condition = n.both(permissions.row_filter(reader.source, table, reader.role, "update"), condition)
    presets = tuple((c.sql_name, value) for c, value in permissions.presets(table, reader.role, "update"))
    return n.Conflict(constraint.value.name, chosen, presets if chosen else (), condition)
