"""``POST /v1/metadata``, for admins.

Source: https://hasura.io/docs/2.0/api-reference/metadata-api/
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hasura.engine.errors import EngineError, ParseFailed
from hasura.engine.metadata_ops.collections import COLLECTION_OPERATIONS
from hasura.engine.metadata_ops.computed_fields import COMPUTED_FIELD_OPERATIONS
from hasura.engine.metadata_ops.functions import FUNCTION_OPERATIONS
from hasura.engine.metadata_ops.options import OPTION_OPERATIONS
from hasura.engine.metadata_ops.outside import check_inside
from hasura.engine.metadata_ops.permissions import PERMISSION_OPERATIONS
from hasura.engine.metadata_ops.relationships import RELATIONSHIP_OPERATIONS
from hasura.engine.metadata_ops.remote_relationships import REMOTE_RELATIONSHIP_OPERATIONS
from hasura.engine.metadata_ops.roles import ROLE_OPERATIONS
from hasura.engine.metadata_ops.sources import SOURCE_OPERATIONS, rename_source
from hasura.engine.metadata_ops.tables import TABLE_OPERATIONS

from . import metadata_commands as whole
from .answers import api_refusal, json_answer
from .atomic import bulk_atomic
from .bodies import read_json
from .commands import bulk, bulk_keep_going, read_command, running
from .headers import header_map
from .many_tables import track_tables, untrack_tables

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from hasura.engine.metadata_ops.working import Operation

    from .commands import Command, Run
    from .engine import Engine

PREFIXES = ("pg", "postgres")


async def metadata(request: Request) -> Response:
    """One command, or several in bulk."""
    engine: Engine = request.app.state.engine
    try:
        session = engine.authenticator.authenticate(header_map(request.scope["headers"])).session
        body = await read_json(request.receive)
        async with running(engine, session) as run:
            run.check_admin()
            answer = await run_metadata(run, body)
        return json_answer(answer)
    except EngineError as error:
        return api_refusal(error)


async def run_metadata(run: Run, body: Any) -> Any:
    """``{"type", "args", "version"?, "resource_version"?}`` into the command's answer.

    :raises ParseFailed: no such command, or not its arguments.
    """
    kind, version, args, seen = read_command(body, "RQLMetadata")
    await run.based_on(seen)
    return await find_command(kind, version)(run, args)


def find_command(kind: str, version: int) -> Command:
    """:raises ParseFailed: there is none of that name. :raises NotSupported: Hasura has it, this engine not."""
    if version == 2:
        command = _VERSION_2.get(kind)
    elif version == 1:
        prefix, _, rest = kind.partition("_")
        command = _OF_SOURCES.get(rest) if prefix in PREFIXES else _WHOLE.get(kind)
    else:
        raise ParseFailed(f"unexpected version: {version}")
    if command is None:
        check_inside(kind)
        raise ParseFailed(_unknown(kind))
    return command


def _unknown(kind: str) -> str:
    prefix, _, rest = kind.partition("_")
    if prefix in PREFIXES:
        return f'unknown metadata command "{rest}" for backend {prefix}'
    return f'unknown metadata command "{kind}"; "{prefix}" was not recognized as a valid backend name'


def operation_command(operation: Operation) -> Command:
    """An operation on a draft, as a command."""

    async def command(run: Run, args: Any) -> Any:
        return await (await run.draft()).apply(operation, args)

    return command


def _commands(*tables: dict[str, Operation]) -> dict[str, Command]:
    return {name: operation_command(operation) for table in tables for name, operation in table.items()}


#: with the prefix of a kind of database
_OF_SOURCES: dict[str, Command] = {
    **_commands(
        TABLE_OPERATIONS,
        FUNCTION_OPERATIONS,
        RELATIONSHIP_OPERATIONS,
        PERMISSION_OPERATIONS,
        COMPUTED_FIELD_OPERATIONS,
        REMOTE_RELATIONSHIP_OPERATIONS,
        SOURCE_OPERATIONS,
    ),
    "track_tables": track_tables,
    "untrack_tables": untrack_tables,
    "suggest_relationships": whole.suggest,
    "get_source_tables": whole.source_tables,
}
_WHOLE: dict[str, Command] = {
    **_commands(ROLE_OPERATIONS, COLLECTION_OPERATIONS, OPTION_OPERATIONS),
    **whole.WHOLE_COMMANDS,
    "rename_source": operation_command(rename_source),
    "list_source_kinds": whole.source_kinds,
    "get_catalog_state": whole.catalog_state,
    "set_catalog_state": whole.set_catalog_state,
    "bulk": partial(bulk, each=run_metadata),
    "bulk_keep_going": partial(bulk_keep_going, each=run_metadata),
    "bulk_atomic": bulk_atomic,
}
_VERSION_2: dict[str, Command] = {
    "export_metadata": whole.export_v2,
    "replace_metadata": whole.replace_v2,
}
