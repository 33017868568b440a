"""The way of a request, on one screen.

``serve`` hands in who asks (``session``) and what (``request``); each line below is a stage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasura.engine import response
from hasura.engine.document.parse import GraphQLRequest, OperationKind, bounded_depth, select_operation
from hasura.engine.errors import ValidationFailed
from hasura.engine.execute import run
from hasura.engine.execute.operands import Inputs
from hasura.engine.plan.live import LivePlan

if TYPE_CHECKING:
    from hasura.engine.execute.run import Pool
    from hasura.engine.session import Session
    from hasura.engine.snapshot import Snapshot

__all__ = ["GraphQLRequest", "LivePlan", "answer", "operation_kind", "plan_live"]


async def answer(snapshot: Snapshot, pool: Pool, session: Session, request: GraphQLRequest) -> bytes:
    """The body ``{"data": …}`` of a query's or mutation's answer.

    Raises:
        EngineError: the request is refused, or failed; nothing of it has been done.
    """
    with bounded_depth():
        operation = select_operation(request)
        if operation.kind == "subscription":
            raise ValidationFailed("subscriptions are not supported over HTTP, use websockets instead")
        role = snapshot.role(session)
        values = role.values(operation, request.variables)
        prepared = role.prepare(operation, values)
        inputs = Inputs(session, values)
        if operation.kind == "mutation":
            found = await run.write(pool, prepared.steps, inputs)
        else:
            found = await prepared.query.run(pool, inputs) if prepared.query else []
        return response.assemble(role.schema, operation, prepared.roots, found, values)


def plan_live(snapshot: Snapshot, session: Session, request: GraphQLRequest) -> LivePlan:
    """A subscription, ready to be refreshed by ``live``.

    Raises:
        EngineError: the request is refused.
    """
    with bounded_depth():
        operation = select_operation(request)
        role = snapshot.role(session)
        values = role.values(operation, request.variables)
        prepared = role.prepare_live(operation, values)
        inputs = Inputs(session, values)
        cursor = {prepared.cursor[0]: inputs.text(prepared.cursor[1])} if prepared.cursor else None
    return LivePlan(
        prepared.statement.sql, inputs.texts(prepared.statement.operands), prepared.tables, cursor
    )


def operation_kind(request: GraphQLRequest) -> OperationKind:
    """Which of the three the request asks for. Raises ``ValidationFailed``."""
    return select_operation(request).kind
