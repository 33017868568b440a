"""``run_sql``: an admin's SQL in a transaction of its own, checked against the metadata before it is committed.

Source: https://hasura.io/docs/2.0/api-reference/schema-api/run-sql/
"""

from __future__ import annotations

import contextlib
import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import ExecStatus

from hasura.engine.errors import DatabaseUnavailable, SqlFailed
from hasura.engine.metadata_ops.arguments import Arguments
from hasura.engine.metadata_ops.working import Working

from .follow import follow, look
from .split import split_statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hasura.engine.snapshot import Snapshot

#: SQL without any of these words cannot change what is tracked: Hasura's own rule of thumb
_MAY_CHANGE_TABLES = re.compile(
    r"\balter\b|\bdrop\b|\breplace\b|\bcreate function\b|\bcomment on\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class RunSql:
    """The arguments, read. ``checked``: whether the metadata must follow."""

    sql: str
    source: str
    cascade: bool
    read_only: bool
    no_transaction: bool
    checked: bool


def read_arguments(args: Any) -> RunSql:
    """``{"sql", "source"?, "cascade"?, "read_only"?, "check_metadata_consistency"?, "no_transaction"?}``.

    :raises ParseFailed: it is of another form.
    """
    given = Arguments(args)
    sql, read_only = given.text("sql"), given.flag("read_only")
    check = given.flag("check_metadata_consistency", default=_MAY_CHANGE_TABLES.search(sql) is not None)
    return RunSql(
        sql,
        given.source,
        given.flag("cascade"),
        read_only,
        given.flag("no_transaction"),
        checked=check and not read_only,
    )


@contextlib.asynccontextmanager
async def connected(database_url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A connection for one command: what it sets or leaves behind is nobody else's.

    :raises DatabaseUnavailable: PostgreSQL is away.
    """
    try:
        connection = await psycopg.AsyncConnection.connect(
            database_url, autocommit=True, connect_timeout=5, application_name="hasura-engine-run-sql"
        )
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable("the database cannot be reached") from error
    # Prepared statements are the extended protocol's, which takes one statement at a time.
    connection.prepare_threshold = None
    async with connection:
        yield connection


@contextlib.asynccontextmanager
async def transaction(connection: psycopg.AsyncConnection[Any], request: RunSql) -> AsyncIterator[None]:
    """Around everything that the request does; nothing around a request that asked for none.

    The SQL may end the transaction itself: then there is none to end, which PostgreSQL only warns of.

    :raises SqlFailed: a deferred constraint refused the commit.
    """
    if request.read_only:
        await connection.execute("SET default_transaction_read_only = on")
    if request.no_transaction:
        yield
        return
    await connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        with contextlib.suppress(psycopg.Error):
            await connection.execute("ROLLBACK")
        raise
    try:
        await connection.execute("COMMIT")
    except psycopg.Error as error:
        raise refusal(request.sql, error) from error


async def execute(connection: psycopg.AsyncConnection[Any], request: RunSql) -> dict[str, Any]:
    """The last statement's rows as text: ``{"result_type": "TuplesOk", "result": [header, row …]}``.

    ``{"result_type": "CommandOk", "result": None}`` for a statement without rows.

    :raises SqlFailed: PostgreSQL refused.
    """
    statements = split_statements(request.sql) if request.no_transaction else []
    answer: dict[str, Any] = {"result_type": "CommandOk", "result": None}
    try:
        for statement in statements or [request.sql]:
            answer = await _last_result(connection, statement)
    except psycopg.Error as error:
        raise refusal(request.sql, error) from error
    return answer


async def _last_result(connection: psycopg.AsyncConnection[Any], statement: str) -> dict[str, Any]:
    async with connection.cursor() as cursor:
        await cursor.execute(statement.encode())
        while cursor.nextset():
            pass
        result = cursor.pgresult
        if result is None or result.status != ExecStatus.TUPLES_OK:
            return {"result_type": "CommandOk", "result": None}
        columns = range(result.nfields)
        rows = [[(result.fname(column) or b"unknown").decode() for column in columns]]
        for row in range(result.ntuples):
            values = (result.get_value(row, column) for column in columns)
            rows.append(["NULL" if value is None else value.decode() for value in values])
        return {"result_type": "TuplesOk", "result": rows}


def refusal(statement: str, error: psycopg.Error) -> SqlFailed:
    """PostgreSQL's refusal in Hasura's form."""
    diagnosis = error.diag
    return SqlFailed(
        "query execution failed",
        "$.args",
        internal={
            "statement": statement,
            "prepared": False,
            "error": {
                "exec_status": "FatalError",
                "hint": diagnosis.message_hint,
                "message": diagnosis.message_primary or str(error),
                "status_code": diagnosis.sqlstate,
                "description": diagnosis.message_detail,
            },
            "arguments": [],
        },
    )


async def execute_and_follow(
    connection: psycopg.AsyncConnection[Any], request: RunSql, document: dict[str, Any], snapshot: Snapshot
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The answer, and the metadata that fits the database as it is now inside the transaction.

    :raises SqlFailed: PostgreSQL refused.
    :raises DependencyError: other objects need what was dropped, and not ``cascade``.
    :raises NotSupported: a function became what a tracked one cannot be.
    """
    work = Working(copy.deepcopy(document), snapshot)
    source = work.source(request.source)
    before = await look(connection, source)
    answer = await execute(connection, request)
    await follow(connection, source, snapshot.source(request.source), before, cascade=request.cascade)
    return answer, work.document
