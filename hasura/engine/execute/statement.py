"""Runs one statement on a connection. What comes back is text as PostgreSQL sent it, in bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.adapt import Loader

from hasura.engine.errors import PermissionFailed

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.abc import Buffer

    from hasura.engine.execute.operands import Inputs
    from hasura.engine.to_sql.statement import Statement

_NULL = b"null"
_TRUE = b"t"


class JsonText(Loader):
    """A value as the bytes that PostgreSQL sent."""

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


async def row(connection: AsyncConnection[Any], sql: str, parameters: dict[str, Any]) -> list[bytes]:
    """The columns of the statement's one row."""
    found = await rows(connection, sql, parameters)
    return found[0] if found else []


async def rows(connection: AsyncConnection[Any], sql: str, parameters: dict[str, Any]) -> list[list[bytes]]:
    """The columns of each row; SQL's null is JSON's."""
    async with connection.cursor() as cursor:
        # Always prepared: one text serves every request of its shape, and psycopg keeps only the latest of them.
        await cursor.execute(sql, parameters, prepare=True)
        result = cursor.pgresult
        if result is None:
            return []
        places = range(result.nfields)
        return [
            [_NULL if (value := result.get_value(place, column)) is None else value for column in places]
            for place in range(result.ntuples)
        ]


async def changed_records(connection: AsyncConnection[Any], change: Statement, inputs: Inputs) -> bytes:
    """What a change answers.

    Raises:
        PermissionFailed: a row broke the role's check.
    """
    text, held = await row(connection, change.sql, inputs.parameters(change.operands))
    if held != _TRUE:
        raise PermissionFailed("check constraint of an insert/update permission has failed")
    return text
