"""``POST /v1/metadata``: reads and replaces the metadata as a whole. A further command is a function here.

Source: https://hasura.io/docs/2.0/api-reference/metadata-api/manage-metadata/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hasura.engine.errors import AccessDenied, EngineError, NotSupported, ParseFailed
from hasura.engine.session import ADMIN

from .answers import api_refusal, json_answer
from .bodies import expect, field, read_json
from .headers import header_map

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from hasura.engine.snapshot import Snapshot

    from .engine import Engine

    #: The engine, the arguments, and the resource_version that the caller has seen.
    Command = Callable[[Engine, Any, int | None], Awaitable[Any]]


async def metadata(request: Request) -> Response:
    """One command, for admins."""
    engine: Engine = request.app.state.engine
    try:
        session = engine.authenticator.authenticate(header_map(request.headers)).session
        body = await read_json(request)
        if session.role != ADMIN:
            raise AccessDenied("restricted access : admin only", "$.args")
        return json_answer(await run(engine, body))
    except EngineError as error:
        return api_refusal(error)


async def run(engine: Engine, body: Any) -> Any:
    """``{"type", "args", "version"?, "resource_version"?}`` into the command's answer.

    :raises ParseFailed: no such command, or not its arguments.
    """
    expect(dict, body, "$", "RQLMetadata")
    kind = expect(str, field(body, "type", "$"), "$.type", "Text")
    version = expect(int, body.get("version", 1), "$.version", "Version")
    command = COMMANDS.get((kind, version))
    if command is None:
        raise ParseFailed(f'unknown metadata command "{kind}" of version {version}')
    seen = body.get("resource_version")
    if seen is not None:
        expect(int, seen, "$.resource_version", "MetadataResourceVersion")
    return await command(engine, body.get("args", {}), seen)


async def _export(engine: Engine, _args: Any, _seen: int | None) -> Any:
    return (await engine.stored_metadata()).metadata


async def _export_v2(engine: Engine, _args: Any, _seen: int | None) -> Any:
    stored = await engine.stored_metadata()
    return {"resource_version": stored.resource_version, "metadata": stored.metadata}


async def _replace(engine: Engine, args: Any, seen: int | None) -> Any:
    metadata = await _whole(engine, expect(dict, args, "$.args", "ReplaceMetadataV1"))
    await engine.replace_metadata(metadata, allow_inconsistent=False, based_on=seen)
    return {"message": "success"}


async def _replace_v2(engine: Engine, args: Any, seen: int | None) -> Any:
    expect(dict, args, "$.args", "ReplaceMetadataV2")
    allow = expect(
        bool,
        args.get("allow_inconsistent_metadata", False),
        "$.args.allow_inconsistent_metadata",
        "Bool",
    )
    given = expect(dict, field(args, "metadata", "$.args"), "$.args.metadata", "Metadata")
    metadata = await _whole(engine, given)
    return _consistency(await engine.replace_metadata(metadata, allow_inconsistent=allow, based_on=seen))


async def _reload(engine: Engine, _args: Any, _seen: int | None) -> Any:
    snapshot = await engine.reload_metadata()
    answer: dict[str, Any] = {"message": "success", "is_consistent": not snapshot.inconsistencies}
    if snapshot.inconsistencies:
        answer["inconsistent_objects"] = snapshot.inconsistencies
    return answer


async def _inconsistent(engine: Engine, _args: Any, _seen: int | None) -> Any:
    return _consistency(engine.snapshot)


async def _bulk(engine: Engine, args: Any, _seen: int | None) -> Any:
    """In order; the first that fails ends it, and those before it stand, as in Hasura."""
    return [await run(engine, each) for each in expect(list, args, "$.args", "Bulk")]


def _consistency(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "is_consistent": not snapshot.inconsistencies,
        "inconsistent_objects": snapshot.inconsistencies,
    }


async def _whole(engine: Engine, given: dict[str, Any]) -> dict[str, Any]:
    """Version 3 as it is; versions 1 and 2 know tables only: they are the default source's."""
    version = given.get("version", 1)
    if version == 3:
        sources = given.get("sources")
        for source in sources if isinstance(sources, list) else ():
            if isinstance(source, dict):
                source.setdefault("kind", "postgres")
        return given
    if version not in (1, 2):
        raise ParseFailed(f"unexpected metadata version: {version!s:.20}", "$.args.version")
    stored = (await engine.stored_metadata()).metadata
    default = next((each for each in stored.get("sources", []) if each["name"] == "default"), None)
    if default is None:
        raise NotSupported("cannot import metadata without sources since no default source is defined")
    functions = given.get("functions", [])
    if version == 1 and isinstance(functions, list):
        functions = [{"function": each} for each in functions]
    source = {**default, "tables": given.get("tables", []), "functions": functions}
    rest = {name: value for name, value in given.items() if name not in ("version", "tables", "functions")}
    return {"version": 3, "sources": [source], **rest}


COMMANDS: dict[tuple[str, int], Command] = {
    ("export_metadata", 1): _export,
    ("export_metadata", 2): _export_v2,
    ("replace_metadata", 1): _replace,
    ("replace_metadata", 2): _replace_v2,
    ("reload_metadata", 1): _reload,
    ("get_inconsistent_metadata", 1): _inconsistent,
    ("bulk", 1): _bulk,
}
