"""Runs nested inserts: the rows that a row refers to, the row, the rows that refer to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from hasura.engine.errors import NotSupported
from hasura.engine.execute.failures import translated
from hasura.engine.execute.statement import changed_records

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from hasura.engine.execute.operands import Inputs
    from hasura.engine.to_sql.mutations import BranchSql, TreeSql

Record = dict[str, Any]


async def insert_tree(
    connection: AsyncConnection[Any], tree: TreeSql, inputs: Inputs
) -> tuple[list[Record], int]:
    """The rows of the tree's own table, and how many rows of all tables were written.

    Raises:
        PermissionFailed: a row broke the role's check.
        NotSupported: a row that others depend on was not inserted (a conflict that does nothing).
    """
    records: list[Record] = []
    affected = 0
    for branch in tree.branches:
        found, written = await _branch(connection, tree, branch, inputs)
        records += found
        affected += written
    return records, affected


async def _branch(
    connection: AsyncConnection[Any], tree: TreeSql, branch: BranchSql, inputs: Inputs
) -> tuple[list[Record], int]:
    affected = 0
    handed = dict(inputs.handed)
    for nested in branch.before:
        rows, written = await insert_tree(connection, nested.tree, replace(inputs, handed={}))
        affected += written
        if not rows:
            raise NotSupported(
                f'cannot proceed to insert object relation "{nested.nested.relationship}" since insert to table '
                f'"{nested.tree.table[1]}" affects zero rows',
                nested.tree.branches[0].path.removesuffix(".data"),
            )
        handed |= {ours: _text(rows[0][theirs]) for ours, theirs in nested.nested.pairs}
    with translated(branch.path):
        text = await changed_records(connection, branch.change, replace(inputs, handed=handed))
    records: list[Record] = orjson.loads(text)
    affected += len(records)
    for nested in branch.after:
        if not nested.tree.branches:
            continue
        if not records:
            kind = "array" if nested.nested.many else "object"
            raise NotSupported(
                f"cannot proceed to insert {kind} relations since insert to table "
                f'"{tree.table[1]}" affects zero rows',
                branch.path,
            )
        given = {theirs: _text(records[0][ours]) for ours, theirs in nested.nested.pairs}
        affected += (await insert_tree(connection, nested.tree, replace(inputs, handed=given)))[1]
    return records, affected


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
