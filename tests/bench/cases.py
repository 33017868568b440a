"""The operations that are measured: as GraphQL, and as SQL for pgbench."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from hasura.engine.document.parse import GraphQLRequest, select_operation
from hasura.engine.metadata.directory import load_metadata_directory
from hasura.engine.session import Session
from hasura.engine.to_sql.mutations import MutationSql
from tests.bench.world import ROOT, SESSIONS, USERS, session_id, token, user_id
from tests.engine.served import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Iterator

#: requests that a load generator repeats: more than PostgreSQL's caches would notice as one
REQUESTS = 2_000


@dataclass(frozen=True)
class Case:
    """``$session`` is filled in where the query has it."""

    name: str
    query: str
    #: the same for the peer
    peer: str | None = None

    def variables(self, number: int, place: int) -> dict[str, Any]:
        return {"session": session_id(number, place)} if "$session" in self.query else {}


CASES = (
    Case(
        "a page of 20 messages",
        "query($session: uuid!) { chat_messages(where: {session_id: {_eq: $session}}, order_by: {id: desc}, limit: 20)"
        " { id message_id role content status timestamp } }",
        "query($session: UUID!) { allChatMessagesList(condition: {sessionId: $session}, orderBy: ID_DESC, first: 20)"
        " { id messageId role content status timestamp } }",
    ),
    Case(
        "the session list with counts",
        '{ chat_sessions(where: {shelf: {_eq: "active"}}, order_by: [{updated_at: desc}, {id: desc}], limit: 20)'
        " { session_id title messages_aggregate { aggregate { count } } } }",
        '{ allChatSessionsList(condition: {shelf: "active"}, orderBy: [UPDATED_AT_DESC, ID_DESC], first: 20)'
        " { sessionId title chatMessagesBySessionId { totalCount } } }",
    ),
    Case(
        "an insert of one message",
        'mutation($session: uuid!) { insert_chat_messages_one(object: {session_id: $session, content: "hello"})'
        " { id message_id } }",
    ),
    Case(
        "sessions with their latest messages",
        "{ chat_sessions(order_by: {id: asc}) { session_id title"
        " messages(order_by: {id: desc}, limit: 5) { id content } } }",
        "{ allChatSessionsList(orderBy: ID_ASC) { sessionId title"
        " chatMessagesBySessionIdList(orderBy: ID_DESC, first: 5) { id content } } }",
    ),
)


def requests(case: Case, query: str) -> Iterator[str]:
    """Lines for the load generator: token and body, by a tab."""
    choose = random.Random(1)  # noqa: S311 (the same requests in every run)
    for _ in range(REQUESTS):
        number, place = choose.randint(1, USERS), choose.randrange(SESSIONS)
        body = json.dumps({"query": query, "variables": case.variables(number, place)})
        yield f"{token(number)}\t{body}"


async def floor_script(case: Case, database_url: str) -> str:
    """The engine's own statement for pgbench, its operands made of a random number."""
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        snapshot = await snapshot_of(load_metadata_directory(ROOT / "hasura" / "metadata"), connection)
    session = Session("user", {"x-hasura-user-id": user_id(1)})
    role = snapshot.role(session)
    operation = select_operation(GraphQLRequest(case.query))
    prepared = role.prepare(operation, case.variables(1, 0))
    if prepared.reads:
        statement = prepared.reads[0].statement.alone
    else:
        step = prepared.writes[0].step
        assert isinstance(step, MutationSql)
        statement = step.change
    user, chat = "00000000-0000-4000-8000-", "00000000-0000-4000-9000-"
    texts = {
        "SessionValue": f"('{user}' || lpad(:n::text, 12, '0'))",
        "FromVariable": f"('{chat}' || lpad((5 * :n + :k)::text, 12, '0'))",
    }
    sql = statement.sql
    for place, operand in enumerate(statement.operands):
        origin = getattr(operand, "origin", None)
        made = texts.get(type(operand).__name__) or texts.get(type(origin).__name__)
        if made is None:
            raw = origin.raw if origin is not None else ""
            made = f"'{'true' if raw is True else raw}'"
        sql = sql.replace(f"%(p{place})s", made)
    one_line = " ".join(sql.split())
    return f"\\set n random(1, {USERS})\n\\set k random(0, {SESSIONS - 1})\n{one_line};\n"
