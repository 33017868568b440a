"""The commands that read and replace metadata as a whole.

Source: https://hasura.io/docs/2.0/api-reference/metadata-api/manage-metadata/
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from hasura.engine.errors import EngineError, ParseFailed
from hasura.engine.metadata_ops.arguments import Arguments, expect
from hasura.engine.metadata_ops.inspection import list_source_kinds, suggest_relationships
from hasura.engine.metadata_ops.names import as_json
from hasura.engine.metadata_ops.whole import cleared, completed, without_inconsistent
from hasura.engine.metadata_ops.working import SUCCESS

from .draft import INHERITANCE

if TYPE_CHECKING:
    from hasura.engine.snapshot import Snapshot

    from .commands import Command, Run


async def export(run: Run, _args: Any) -> Any:
    """The metadata document."""
    return (await run.draft()).document


async def export_v2(run: Run, _args: Any) -> Any:
    """The metadata document and its version."""
    draft = await run.draft()
    return {"resource_version": draft.resource_version, "metadata": draft.document}


async def replace(run: Run, args: Any) -> Any:
    """The whole document in ``args``, or in ``args.metadata``."""
    if isinstance(args, dict) and "metadata" in args:
        await replace_v2(run, args)
        return SUCCESS
    draft = await run.draft()
    document = completed(draft.document, expect(dict, args, "$.args", "ReplaceMetadataV1"), "$.args")
    await draft.replace(document, allow_inconsistent=False)
    return SUCCESS


async def replace_v2(run: Run, args: Any) -> Any:
    """``{"metadata", "allow_inconsistent_metadata"?}``."""
    given = Arguments(args, what="ReplaceMetadataV2")
    draft = await run.draft()
    document = completed(draft.document, given.object("metadata"), given.at("metadata"))
    allow = given.flag("allow_inconsistent_metadata")
    return _consistency(await draft.replace(document, allow_inconsistent=allow))


async def clear(run: Run, _args: Any) -> Any:
    """Nothing is left but the source itself."""
    draft = await run.draft()
    await draft.replace(cleared(draft.document), allow_inconsistent=True)
    return SUCCESS


async def reload(run: Run, _args: Any) -> Any:
    """Reads the database's tables anew, here and in every engine on it."""
    draft = await run.draft()
    snapshot = await draft.replace(draft.document, allow_inconsistent=True)
    answer: dict[str, Any] = {**SUCCESS, "is_consistent": not snapshot.inconsistencies}
    if snapshot.inconsistencies:
        answer["inconsistent_objects"] = snapshot.inconsistencies
    return answer


async def get_inconsistent(run: Run, _args: Any) -> Any:
    """Whether all of the metadata fits the database, and what does not."""
    return _consistency(run.snapshot)


async def drop_inconsistent(run: Run, _args: Any) -> Any:
    """What does not fit goes, and what then does not, until all does."""
    draft = await run.draft()
    while reports := [each for each in draft.snapshot.inconsistencies if each["type"] != INHERITANCE]:
        document = without_inconsistent(copy.deepcopy(draft.document), reports)
        if document == draft.document:
            raise EngineError("cannot continue due to new inconsistent metadata", "$.args", internal=reports)
        await draft.replace(document, allow_inconsistent=True)
    return SUCCESS


async def suggest(run: Run, args: Any) -> Any:
    """``suggest_relationships``."""
    return suggest_relationships(run.snapshot, args)


async def source_tables(run: Run, args: Any) -> Any:
    """The tables and views of a source's database, tracked or not."""
    name = Arguments(args).text("source")
    catalog = await (await run.draft()).catalog(name)
    return [as_json(key) for key in sorted(catalog.tables)]


async def source_kinds(_run: Run, _args: Any) -> Any:
    """``list_source_kinds``."""
    return list_source_kinds()


async def internal_state(run: Run, _args: Any) -> Any:
    """What is served, in broad strokes: the forms of Hasura's own caches are nobody's contract."""
    sources = {
        name: {
            "tables": {".".join(key): sorted(table.columns) for key, table in source.tables.items()},
            "functions": [".".join(key) for key in source.functions],
            "roles": sorted(source.roles),
        }
        for name, source in run.snapshot.sources.items()
    }
    return {"sources": sources, "inconsistent_objects": run.snapshot.inconsistencies}


async def catalog_state(run: Run, _args: Any) -> Any:
    """What the CLI and the console keep: ``{"id", "cli_state", "console_state"}``."""
    return await run.engine.catalog_state()


async def set_catalog_state(run: Run, args: Any) -> Any:
    """``{"type": "cli" | "console", "state"}``."""
    given = Arguments(args)
    kind = given.text("type")
    if kind == "cli":
        await run.engine.set_catalog_state("cli", given.value("state"))
    elif kind == "console":
        await run.engine.set_catalog_state("console", given.value("state"))
    else:
        raise ParseFailed('expected "cli" or "console"', given.at("type"))
    return SUCCESS


def _consistency(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "is_consistent": not snapshot.inconsistencies,
        "inconsistent_objects": snapshot.inconsistencies,
    }


WHOLE_COMMANDS: dict[str, Command] = {
    "export_metadata": export,
    "replace_metadata": replace,
    "clear_metadata": clear,
    "reload_metadata": reload,
    "get_inconsistent_metadata": get_inconsistent,
    "drop_inconsistent_metadata": drop_inconsistent,
    "dump_internal_state": internal_state,
}
