"""The GraphQL endpoint: whether it answers, has our permissions, and keeps them."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
import psycopg
from pydantic import SecretStr, ValidationError

from backend.doctor.finding import note, ok, reason, wrong
from backend.installation import ADMIN_SECRET, JWT_SECRET, ROOT
from backend.metadata_export import ExportFailed, differing, download
from backend.services.hasura_client import HasuraClient, HasuraError, Unauthorized
from backend.services.tokens import Tokens
from backend.settings import JwtSecret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from backend.doctor.finding import Finding
    from backend.installation import Installation

_NOBODY = UUID(int=0)
_TIMEOUT = 5.0
#: A Date header has whole seconds.
_SKEW = timedelta(seconds=3)


async def examine(installation: Installation) -> AsyncIterator[Finding]:
    """Raises InstallationError."""
    health = _beside(installation, "/healthz")
    async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as http:
        try:
            answer = await http.get(health)
            version = await http.get(_beside(installation, "/v1/version"))
        except httpx.HTTPError as error:
            yield wrong("GraphQL", f"{health} cannot be reached ({reason(error)}): is the stack running?")
            return
        if not answer.is_success:
            yield wrong("GraphQL", f"{health} answers {answer.status_code}: {answer.text[:200]}")
            return
        yield _says(health, answer, version)
        yield await strangers(installation, http)
    yield metadata(installation)
    try:
        secret = JwtSecret.model_validate_json(installation.environment.get(JWT_SECRET) or "{}")
    except ValidationError:
        yield wrong("tokens", f"{JWT_SECRET} holds no HMAC key to ask with")
        return
    async with HasuraClient(installation.graphql_url, timeout=_TIMEOUT) as client:
        yield await tokens(client, secret)
        yield await rows(client, Tokens(secret), await _somebody(installation))


def _says(health: str, answer: httpx.Response, version: httpx.Response) -> Finding:
    try:
        name = str(version.json()["version"])
    except (ValueError, KeyError, TypeError):
        name = "of no known version"
    text = f"{health} answers {answer.text[:80]}, {name}"
    if answer.text.strip() != "OK":
        return wrong(
            "GraphQL", f"{text}: `chat-sessions export-metadata` or the console shows what is inconsistent"
        )
    if date := answer.headers.get("date"):
        skew = abs(parsedate_to_datetime(date) - datetime.now(UTC))
        if skew > _SKEW:
            return wrong("GraphQL", f"{text}; its clock is {skew.total_seconds():.0f} s from this machine's")
    return ok("GraphQL", text)


async def strangers(installation: Installation, http: httpx.AsyncClient) -> Finding:
    """Without a token, and without the admin secret."""
    subject = "strangers"
    try:
        admins = await http.post(
            _beside(installation, "/v1/metadata"), json={"type": "export_metadata", "args": {}}
        )
        asked = await http.post(installation.graphql_url, json={"query": "{ __typename }"})
    except httpx.HTTPError as error:
        return wrong(subject, f"cannot be tried ({reason(error)})")
    if admins.is_success:
        return wrong(subject, f"everybody is an admin: set {ADMIN_SECRET}")
    if asked.is_success and "errors" not in asked.json():
        return note(subject, "GraphQL answers without a token: is HASURA_GRAPHQL_UNAUTHORIZED_ROLE meant?")
    return ok(subject, "nobody gets in without a token, nor becomes an admin without the secret")


def metadata(installation: Installation) -> Finding:
    """What is served against the files."""
    subject = "metadata"
    folder = Path(installation.environment.get("HASURA_GRAPHQL_METADATA_DIR") or ROOT / "hasura" / "metadata")
    if not (folder / "version.yaml").exists():
        return note(subject, f"is not compared: there is no {folder} here")
    if not installation.environment.get(ADMIN_SECRET):
        return note(subject, f"is not compared: {ADMIN_SECRET} is not set here")
    try:
        files = differing(download(installation), folder)
    except ExportFailed as error:
        return wrong(subject, f"cannot be compared: {error}")
    if files:
        hint = "changed in a console? `chat-sessions export-metadata` brings it into the files, a restart puts it back"
        return wrong(subject, f"what is served is not what {folder} says ({hint})", *files)
    return ok(subject, f"is what {folder} says")


async def tokens(client: HasuraClient, secret: JwtSecret) -> Finding:
    """A good one is taken; one that is old, or of another key, is not."""
    good = Tokens(secret)
    forged = Tokens(secret.model_copy(update={"key": SecretStr(secrets.token_hex(64))}))
    bad = {
        "one that has expired": good.access(_NOBODY, "user", lifetime=timedelta(minutes=-5)),
        "one of another key": forged.access(_NOBODY, "admin"),
    }
    try:
        await client.ping(good.access(_NOBODY, "user"))
        for what, token in bad.items():
            try:
                await client.ping(token)
            except Unauthorized:
                continue
            return wrong("tokens", f"{what} is accepted: {JWT_SECRET} is another one there")
    except HasuraError as error:
        return wrong("tokens", f"a good one is refused ({reason(error)}): {JWT_SECRET} is another one there")
    return ok("tokens", "ours are accepted, old and forged ones are not")


async def rows(client: HasuraClient, signer: Tokens, somebody: UUID | None) -> Finding:
    """Reads as a stranger, and as somebody who has sessions: neither sees a row of another person."""
    subject = "row permissions"
    asked = {_NOBODY, somebody or _NOBODY}
    try:
        seen = {
            f"{table} (role {role})"
            for user in asked
            for role, token in (("user", signer.access(user, "user")), ("assistant", signer.assistant(user)))
            for table in await client.rows_of_others(token, user, assistant=role == "assistant")
        }
    except HasuraError as error:
        return wrong(subject, f"a user's question fails ({reason(error)})")
    if seen:
        return wrong(subject, "people see what is not theirs", *sorted(seen))
    return ok(subject, "nobody sees a row of others" + ("" if somebody else " (there are no sessions yet)"))


async def _somebody(installation: Installation) -> UUID | None:
    """Whoever has begun the latest session. None also where the database is away, which another check says."""
    try:
        async with await psycopg.AsyncConnection.connect(
            installation.database_url, autocommit=True, connect_timeout=5
        ) as connection:
            cursor = await connection.execute("SELECT user_id FROM chat_sessions ORDER BY id DESC LIMIT 1")
            row = await cursor.fetchone()
    except psycopg.Error:
        return None
    return row[0] if row else None


def _beside(installation: Installation, path: str) -> str:
    return str(httpx.URL(installation.graphql_url).copy_with(raw_path=path.encode()))
