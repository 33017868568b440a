"""``POST /v1/graphql/explain``: the SQL of a query or subscription and PostgreSQL's plan for it; for admins.

Source: https://hasura.io/docs/2.0/api-reference/explain/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from hasura.engine.document.parse import select_operation
from hasura.engine.document.values import FromVariable
from hasura.engine.errors import AccessDenied, EngineError, InvalidParams
from hasura.engine.execute.failures import translated
from hasura.engine.execute.operands import Inputs
from hasura.engine.metadata_ops.arguments import Arguments, expect
from hasura.engine.plan import nodes as n
from hasura.engine.response import Object
from hasura.engine.session import ADMIN, Session

from .answers import api_refusal, json_answer
from .bodies import graphql_request, read_json
from .headers import header_map

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from hasura.engine.document.parse import Operation
    from hasura.engine.execute.pool import Pool
    from hasura.engine.execute.run import Pools
    from hasura.engine.prepared import RoleSchema
    from hasura.engine.response import Origin

    from .engine import Engine


async def explain(request: Request) -> Response:
    """``{"query": a GraphQL request, "user"?: session variables}``; without a user the admin is meant."""
    engine: Engine = request.app.state.engine
    try:
        if engine.authenticator.authenticate(header_map(request.scope["headers"])).session.role != ADMIN:
            raise AccessDenied("restricted access : admin only")
        given = Arguments(await read_json(request.receive), "$", "GQLExplain")
        asked = graphql_request(given.value("query"), "$.query")
        session = _session(given.object("user", needed=False))
        operation = select_operation(asked)
        role = engine.snapshot.role(session)
        inputs = Inputs(session, role.values(operation, asked.variables))
        if operation.kind == "mutation":
            raise InvalidParams("only queries can be explained")
        if operation.kind == "subscription":
            return json_answer(await _subscription(engine.pools, role, operation, inputs))
        return json_answer(await _query(engine.pools, role, operation, inputs))
    except EngineError as error:
        return api_refusal(error)


def _session(user: dict[str, Any]) -> Session:
    variables = {
        name.lower(): expect(str, value, f"$.user.{name}", "SessionVariable") for name, value in user.items()
    }
    return Session(variables.pop("x-hasura-role", ADMIN), variables, trusted_backend=True)


async def _query(
    pools: Pools, role: RoleSchema, operation: Operation, inputs: Inputs
) -> list[dict[str, Any]]:
    """An entry for each root field. Those of one source are columns of one statement, so each has the same."""
    prepared = role.prepare(operation, inputs.variables)
    shown: dict[int, tuple[str, list[str]]] = {}
    for read in prepared.reads:
        alone = read.statement.alone
        lines = await _plan(pools[read.source], alone.sql, inputs.parameters(alone.operands))
        shown.update(dict.fromkeys(read.places, (alone.sql, lines)))
    entries = []
    for alias, origin in _flat(prepared.roots):
        statement = shown.get(origin) if isinstance(origin, int) else None
        sql, plan = statement or (None, None)
        entries.append({"field": alias, "sql": sql, "plan": plan})
    return entries


def _flat(roots: Object) -> Iterator[tuple[str, Origin]]:
    """The root fields, those under a namespace too."""
    for alias, origin in roots.fields:
        if isinstance(origin, Object):
            yield from _flat(origin)
        else:
            yield alias, origin


async def _subscription(
    pools: Pools, role: RoleSchema, operation: Operation, inputs: Inputs
) -> dict[str, Any]:
    """The statement that all subscribers of this shape share, and what is this one's own."""
    prepared = role.prepare_live(operation, inputs.variables)
    operands = prepared.statement.operands
    cursor = {prepared.cursor[0]: inputs.text(prepared.cursor[1])} if prepared.cursor else {}
    multiplexed = orjson.dumps({"cursor": cursor, "values": inputs.texts(operands)}).decode()
    parameters = {"result_ids": [uuid4()], "result_vars": [multiplexed]}
    return {
        "sql": prepared.statement.sql,
        "plan": await _plan(pools[prepared.source], prepared.statement.sql, parameters),
        "variables": {**_variables(operands, inputs), "cursor": cursor},
    }


def _variables(operands: tuple[n.Operand, ...], inputs: Inputs) -> dict[str, Any]:
    session: dict[str, str | None] = {}
    query: dict[str, str | None] = {}
    synthetic: list[str | None] = []
    for operand in operands:
        match operand:
            case n.SessionValue(name):
                session[name] = inputs.text(operand)
            case n.SessionDocument():
                session.update(inputs.session.variables)
            case n.Slot(FromVariable() as origin):
                query[".".join(map(str, origin.way))] = inputs.text(operand)
            case n.Slot():
                synthetic.append(inputs.text(operand))
    return {"session": session, "query": query, "synthetic": synthetic}


async def _plan(pool: Pool, sql: str, parameters: dict[str, Any]) -> list[str]:
    """EXPLAIN without ANALYZE: nothing is run."""
    with translated():
        async with pool.connection() as connection:
            rows = await connection.execute(f"EXPLAIN {sql}".encode(), parameters)
            return [line for (line,) in await rows.fetchall()]
