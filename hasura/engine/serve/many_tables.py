"""``pg_track_tables`` and ``pg_untrack_tables``: those that can be are, the others are warned of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hasura.engine.errors import BadRequest, EngineError, InvalidConfiguration
from hasura.engine.metadata_ops.arguments import Arguments, qualified
from hasura.engine.metadata_ops.names import of_source, shown
from hasura.engine.metadata_ops.tables import track_table, untrack_table
from hasura.engine.metadata_ops.working import SUCCESS

if TYPE_CHECKING:
    from hasura.engine.metadata_ops.working import Operation

    from .commands import Run


class MetadataWarnings(EngineError):
    """The caller allows no warnings, and there are some."""

    code = "metadata-warnings"
    status = 400


async def track_tables(run: Run, args: Any) -> Any:
    """``{"tables": [{"table", …}], "allow_warnings"?}``."""
    return await _each(run, args, track_table, "track")


async def untrack_tables(run: Run, args: Any) -> Any:
    """``{"tables": [{"table", "cascade"?, …}], "allow_warnings"?}``."""
    return await _each(run, args, untrack_table, "untrack")


async def _each(run: Run, args: Any, operation: Operation, verb: str) -> Any:
    given = Arguments(args)
    tables = [Arguments(each, f"$.args.tables[{place}]") for place, each in enumerate(given.list("tables"))]
    names = [f"{each.source}.{shown(qualified(each.value('table'), each.at('table')))}" for each in tables]
    twice = ", ".join(sorted({name for name in names if names.count(name) > 1}))
    if twice:
        raise BadRequest(
            f"The following tables occur more than once in the request: {twice}", "$.args.tables"
        )
    draft = await run.draft()
    warnings = []
    for each in tables:
        try:
            await draft.apply(operation, each.given)
        except EngineError as error:
            warnings.append(
                {
                    "code": f"{verb}-table-failed",
                    "message": error.message,
                    "type": "table",
                    "name": of_source("table", each.key("table"), each.source),
                }
            )
    if tables and len(warnings) == len(tables):
        raise InvalidConfiguration(f"all tables failed to {verb}", "$.args", internal=warnings)
    if warnings and not given.flag("allow_warnings", default=True):
        raise MetadataWarnings("failed due to metadata warnings", "$.args", internal=warnings)
    return {**SUCCESS, "warnings": warnings} if warnings else SUCCESS
