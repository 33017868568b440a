"""Runs nested inserts: the rows that a row refers to, the row, the rows that refer to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from hasura.engine.errors import EngineError
from hasura.engine.execute.failures import translated
from hasura.engine.execute.statement import changed_records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import AsyncConnection

    from hasura.engine.execute.operands import Inputs
    from hasura.engine.to_sql.mutations import BranchSql, NestedSql, TreeSql

Record = dict[str, Any]


async def insert_tree(
    connection: AsyncConnection[Any], tree: TreeSql, inputs: Inputs
) -> tuple[list[Record], int]:
    """The rows of the tree's own table, and how many rows of all tables were written.

    Raises:
        PermissionFailed: a row broke the role's check.
        EngineError: a row that others depend on was not inserted (a conflict that does nothing).
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
            raise EngineError(
                f'cannot proceed to insert object relation "{nested.nested.relationship}" since insert to table '
                f'"{nested.tree.table[1]}" affects zero rows'
            )
        handed |= {ours: _text(rows[0][theirs]) for ours, theirs in nested.nested.pairs}
    with translated(branch.path):
        text = await changed_records(connection, branch.change, replace(inputs, handed=handed))
    records: list[Record] = orjson.loads(text)
    affected += len(records)
    for nested in branch.after:
        affected += await _after(connection, tree, nested, records, inputs)
    return records, affected


async def _after(
    connection: AsyncConnection[Any], tree: TreeSql, nested: NestedSql, records: list[Record], inputs: Inputs
) -> int:
    if not nested.tree.branches:
        return 0
    if not records:
        kind = "array" if nested.nested.many else "object"
        raise EngineError(
            f'cannot proceed to insert {kind} relations since insert to table "{tree.table[1]}" affects zero rows'
        )
    handed: Mapping[str, str | None] = {
        theirs: _text(records[0][ours]) for ours, theirs in nested.nested.pairs
    }
    return (await insert_tree(connection, nested.tree, replace(inputs, handed=handed)))[1]


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
