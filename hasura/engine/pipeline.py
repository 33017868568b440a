"""The way of a request, on one screen.

``serve`` hands in who asks (``session``) and what (``request``); each line below is a stage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasura.engine import response
from hasura.engine.document.parse import GraphQLRequest, bounded_depth, known_operation, select_operation
from hasura.engine.errors import ValidationFailed
from hasura.engine.execute import joins, run
from hasura.engine.execute.operands import Inputs
from hasura.engine.offload import aside, is_large, is_long
from hasura.engine.plan.live import LivePlan
from telemetry import traces

if TYPE_CHECKING:
    from hasura.engine.document.parse import Operation
    from hasura.engine.execute.run import Pools
    from hasura.engine.prepared import Prepared, RoleSchema
    from hasura.engine.session import Session
    from hasura.engine.snapshot import Snapshot

#: Characters of an operation's name in a trace; its client chose it.
LONGEST_NAME = 100

__all__ = ["GraphQLRequest", "LivePlan", "answer", "live", "plan_live", "read"]


async def answer(snapshot: Snapshot, pools: Pools, session: Session, request: GraphQLRequest) -> bytes:
    """The body ``{"data": …}`` of a query's or mutation's answer.

    Raises:
        EngineError: the request is refused, or failed; nothing of it has been done (but see ``run.write``).
    """
    operation = await read(request)
    if not traces.on():
        return await _answer(snapshot, pools, session, request, operation)
    name = operation.node.name.value[:LONGEST_NAME] if operation.node.name else ""
    attributes = {"graphql.operation.type": operation.kind, "graphql.operation.name": name}
    with traces.span(f"{operation.kind} {name}".strip(), attributes=attributes):
        return await _answer(snapshot, pools, session, request, operation)


async def _answer(
    snapshot: Snapshot, pools: Pools, session: Session, request: GraphQLRequest, operation: Operation
) -> bytes:
    with bounded_depth():
        if operation.kind == "subscription":
            raise ValidationFailed("subscriptions are not supported over HTTP, use websockets instead")
        if is_large(request, operation) or not snapshot.knows(session):
            role, prepared, inputs = await aside(_ready, snapshot, session, request, operation)
        else:
            role, prepared, inputs = _prepare(snapshot, session, request, operation)
        if operation.kind == "mutation":
            found = await run.write(pools, prepared.writes, inputs)
        else:
            found = await run.read(pools, prepared.reads, inputs)
        if prepared.joins:
            found = await joins.complete(pools, prepared.joins, found, inputs)
        whole = (role.schema, operation, prepared.roots, found, inputs.variables)
        if prepared.introspects:
            return await aside(response.assemble, *whole)
        return response.assemble(*whole)


def _prepare(
    snapshot: Snapshot, session: Session, request: GraphQLRequest, operation: Operation
) -> tuple[RoleSchema, Prepared, Inputs]:
    role = snapshot.role(session)
    values = role.values(operation, request.variables)
    return role, role.prepare(operation, values), Inputs(session, values)


def _ready(
    snapshot: Snapshot, session: Session, request: GraphQLRequest, operation: Operation
) -> tuple[RoleSchema, Prepared, Inputs]:
    """As ``_prepare``, with the texts of the operands at hand."""
    with bounded_depth():
        role, prepared, inputs = _prepare(snapshot, session, request, operation)
        for statement in prepared.statements():
            inputs.remember(statement.operands)
        return role, prepared, inputs


async def live(snapshot: Snapshot, session: Session, request: GraphQLRequest) -> LivePlan:
    """As ``plan_live``, wherever that keeps nobody waiting."""
    with bounded_depth():
        large = is_large(request, await read(request)) or not snapshot.knows(session)
    plan = (snapshot, session, request)
    return await aside(plan_live, *plan) if large else plan_live(*plan)


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
        texts = inputs.texts(prepared.statement.operands)
    return LivePlan(prepared.source, prepared.statement.sql, texts, prepared.tables, cursor, prepared.keys)


async def read(request: GraphQLRequest) -> Operation:
    """The operation that the request asks for. Raises ``ValidationFailed``."""
    if is_long(request) and known_operation(request) is None:
        return await aside(select_operation, request)
    return select_operation(request)
