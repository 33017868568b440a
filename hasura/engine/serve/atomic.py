"""``bulk_atomic``: several changes judged once, when all are made, so that they may depend on each other."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from hasura.engine.errors import BadRequest, EngineError
from hasura.engine.metadata_ops.arguments import expect
from hasura.engine.metadata_ops.relationships import RELATIONSHIP_OPERATIONS
from hasura.engine.metadata_ops.working import SUCCESS, Working

from .commands import nested, read_command
from .draft import new_inconsistencies, source_of

if TYPE_CHECKING:
    from .commands import Run

#: Hasura's own, of those that this engine has.
_ATOMIC = {
    f"{prefix}_{name}": RELATIONSHIP_OPERATIONS[name]
    for prefix in ("pg", "postgres")
    for name in ("create_object_relationship", "create_array_relationship", "drop_relationship")
}


async def bulk_atomic(run: Run, args: Any) -> Any:
    """Relationships created and dropped; all of them, or none.

    :raises BadRequest: together they make something inconsistent.
    """
    draft = await run.draft()
    work = Working(copy.deepcopy(draft.document), draft.snapshot)
    for place, body in enumerate(expect(list, args, "$.args", "Bulk")):
        kind, _, arguments, _ = read_command(body, "RQLMetadata")
        operation = _ATOMIC.get(kind)
        if operation is None:
            raise EngineError("Bulk atomic does not support this command", "$.args")
        try:
            operation(work, arguments)
            draft.look_at(source_of(arguments))
        except EngineError as error:
            error.path = nested(error.path, place)
            raise
    snapshot = await draft.build(work.document)
    new = new_inconsistencies(draft.snapshot, snapshot)
    if new:
        raise BadRequest("Schema inconsistency", "$.args", internal=new)
    draft.take(work.document, snapshot)
    return SUCCESS
