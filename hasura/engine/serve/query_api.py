"""``POST /v1/query`` and ``POST /v2/query``: SQL and, in the older of the two, metadata without prefixes.

Source: https://hasura.io/docs/2.0/api-reference/schema-api/
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hasura.engine.errors import EngineError, ParseFailed
from hasura.engine.metadata_ops.collections import COLLECTION_OPERATIONS
from hasura.engine.metadata_ops.computed_fields import COMPUTED_FIELD_OPERATIONS
from hasura.engine.metadata_ops.functions import FUNCTION_OPERATIONS, track_function, track_function_v1
from hasura.engine.metadata_ops.outside import check_inside
from hasura.engine.metadata_ops.permissions import PERMISSION_OPERATIONS
from hasura.engine.metadata_ops.relationships import RELATIONSHIP_OPERATIONS
from hasura.engine.metadata_ops.roles import ROLE_OPERATIONS
from hasura.engine.metadata_ops.tables import (
    TABLE_OPERATIONS,
    set_table_custom_fields,
    track_table,
    track_table_v1,
)

from . import metadata_commands as whole
from .answers import api_refusal, json_answer
from .bodies import read_json
from .commands import bulk, read_command, running, sql_command
from .headers import header_map
from .legacy_dml import DML_COMMANDS
from .metadata_api import operation_command

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from .commands import Command, Run
    from .engine import Engine


async def query_v1(request: Request) -> Response:
    """``/v1/query``: all but the commands on rows are for admins."""
    return await _answer(request, run_v1)


async def query_v2(request: Request) -> Response:
    """``/v2/query``: SQL and rows only."""
    return await _answer(request, run_v2)


async def _answer(request: Request, command: Command) -> Response:
    engine: Engine = request.app.state.engine
    try:
        session = engine.authenticator.authenticate(header_map(request.scope["headers"])).session
        body = await read_json(request.receive)
        async with running(engine, session) as run:
            answer = await command(run, body)
        return json_answer(answer)
    except EngineError as error:
        return api_refusal(error)


async def run_v1(run: Run, body: Any) -> Any:
    """One command of ``/v1/query``.

    :raises ParseFailed: no such command, or not its arguments.
    """
    kind, version, args, seen = read_command(body, "RQLQuery")
    if kind in _OPEN:
        return await _OPEN[kind](run, args)
    run.check_admin()
    await run.based_on(seen)
    commands = {1: _VERSION_1, 2: _VERSION_2}.get(version)
    if commands is None:
        raise ParseFailed(f"unexpected version: {version}", "$.version")
    command = commands.get(kind)
    if command is None:
        check_inside(kind)
        raise ParseFailed(f'unknown query type "{kind}"', "$.type")
    return await command(run, args)


async def run_v2(run: Run, body: Any) -> Any:
    """One command of ``/v2/query``.

    :raises ParseFailed: no such command, or not its arguments.
    """
    kind, _, args, _ = read_command(body, "RQLQuery")
    if kind in ("bulk", "concurrent_bulk"):
        return await bulk(run, args, run_v2)
    if kind in DML_COMMANDS:
        return await DML_COMMANDS[kind](run, args)
    run.check_admin()
    if kind in ("run_sql", "pg_run_sql"):
        return await sql_command(run, args)
    check_inside(kind)
    raise ParseFailed(f"Unrecognised RQLQuery type: {kind}")


#: what every role may ask for: each command checks for itself
_OPEN: dict[str, Command] = {**DML_COMMANDS, "bulk": partial(bulk, each=run_v1)}
_VERSION_1: dict[str, Command] = {
    **{
        name: operation_command(operation)
        for table in (
            TABLE_OPERATIONS,
            FUNCTION_OPERATIONS,
            RELATIONSHIP_OPERATIONS,
            PERMISSION_OPERATIONS,
            COMPUTED_FIELD_OPERATIONS,
            COLLECTION_OPERATIONS,
            ROLE_OPERATIONS,
        )
        for name, operation in table.items()
    },
    **whole.WHOLE_COMMANDS,
    "track_table": operation_command(track_table_v1),
    "track_function": operation_command(track_function_v1),
    "run_sql": sql_command,
}
_VERSION_2: dict[str, Command] = {
    "track_table": operation_command(track_table),
    "set_table_custom_fields": operation_command(set_table_custom_fields),
    "track_function": operation_command(track_function),
    "replace_metadata": whole.replace_v2,
}
