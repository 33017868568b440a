"""`chat-sessions doctor`: what an operator would look at first, each finding in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
import psycopg
from pydantic import ValidationError

from backend.installation import JWT_SECRET
from backend.migrations import SCHEMA_VERSION_QUERY, expected_version
from backend.services.hasura_client import HasuraClient, HasuraError
from backend.services.tokens import Tokens
from backend.settings import JwtSecret

if TYPE_CHECKING:
    from backend.installation import Installation

_NOBODY = UUID(int=0)
_DRIFTED = """
SELECT s.session_id FROM chat_sessions AS s LEFT JOIN chat_messages AS m USING (session_id) GROUP BY s.id
HAVING (s.total_messages, s.last_message_at) IS DISTINCT FROM (count(m.id)::integer, max(m."timestamp"))
"""


@dataclass(frozen=True)
class Finding:
    subject: str
    ok: bool
    text: str


async def examine(installation: Installation, *, repair: bool = False) -> list[Finding]:
    """Every check, in the order in which one depends on another. Raises InstallationError."""
    return [*await _database(installation, repair=repair), *await _graphql(installation)]


async def _database(installation: Installation, *, repair: bool) -> list[Finding]:
    try:
        connection = await psycopg.AsyncConnection.connect(
            installation.database_url, autocommit=True, connect_timeout=5
        )
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        return [Finding("database", False, f"cannot be reached ({reason}): is the stack running?")]
    async with connection:
        version = connection.info.parameter_status("server_version")
        return [
            Finding(
                "database", True, f"PostgreSQL {version} on {connection.info.host}:{connection.info.port}"
            ),
            await _schema(connection),
            await _counts(connection, repair=repair),
        ]


async def _schema(connection: psycopg.AsyncConnection) -> Finding:
    expected = expected_version()
    try:
        row = await (await connection.execute(SCHEMA_VERSION_QUERY)).fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    applied = row[0] if row else None
    if applied is None:
        return Finding("schema", False, "was never migrated: run `chat-sessions migrate`")
    if applied < expected:
        return Finding("schema", False, f"is at {applied}, {expected} is needed: run `chat-sessions migrate`")
    return Finding("schema", True, f"is at {applied}")


async def _counts(connection: psycopg.AsyncConnection, *, repair: bool) -> Finding:
    try:
        drifted = [row[0] for row in await (await connection.execute(_DRIFTED)).fetchall()]
    except psycopg.errors.UndefinedTable:
        return Finding("message counts", False, "there are no tables to count")
    if not drifted:
        return Finding(
            "message counts", True, "total_messages and last_message_at are right in every session"
        )
    if not repair:
        hint = "run `chat-sessions doctor --repair`"
        return Finding("message counts", False, f"wrong in {len(drifted)} sessions: {hint}")
    for session_id in drifted:
        await connection.execute("SELECT update_session_message_count(%s)", [session_id])
    return Finding("message counts", True, f"repaired in {len(drifted)} sessions")


async def _graphql(installation: Installation) -> list[Finding]:
    url = installation.graphql_url
    health = str(httpx.URL(url).copy_with(path="/healthz"))
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            answer = await client.get(health)
    except httpx.HTTPError as error:
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        return [Finding("GraphQL", False, f"{health} cannot be reached ({reason}): is the stack running?")]
    if not answer.is_success:
        return [Finding("GraphQL", False, f"{health} answers {answer.status_code}: {answer.text[:200]}")]
    return [
        Finding("GraphQL", True, f"{health} answers {answer.text[:80]}"),
        await _permissions(installation),
    ]


async def _permissions(installation: Installation) -> Finding:
    """Asks as a user would: the token's key, the tracked tables and the row permission in one question."""
    try:
        secret = JwtSecret.model_validate_json(installation.environment.get(JWT_SECRET) or "{}")
    except ValidationError:
        return Finding("metadata", False, f"{JWT_SECRET} holds no HS256 key to ask with")
    token = Tokens(secret).access(_NOBODY, "user")
    try:
        async with HasuraClient(installation.graphql_url) as client:
            page = await client.get_user_chat_sessions(token, limit=1)
    except HasuraError as error:
        return Finding("metadata", False, f"a user's question fails ({type(error).__name__}: {error})")
    if page.items:
        return Finding("metadata", False, "a user sees a session that is not its own: check the permissions")
    return Finding("metadata", True, "is applied: a user's token is accepted and sees nobody else's sessions")
