"""An access token without a password: for trying the API by hand on the machine that holds the key anyway."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from pydantic import ValidationError

from backend.installation import JWT_SECRET, Installation
from backend.services.tokens import ACCESS_LIFETIME, Tokens
from backend.settings import JwtSecret


class TokenRefused(Exception):
    """No token is made. The text is one line for a person."""


@dataclass(frozen=True)
class DevelopmentToken:
    token: str
    warning: str


def token_of(installation: Installation, username: str) -> DevelopmentToken:
    """A token as `/auth/login` gives one. Raises TokenRefused, InstallationError."""
    if not installation.database_is_local:
        raise TokenRefused(
            "this makes a token without asking for a password, for development only, and the database is on another "
            "machine: sign in through POST /auth/login"
        )
    try:
        secret = JwtSecret.model_validate_json(installation.environment.get(JWT_SECRET) or "{}")
    except ValidationError:
        raise TokenRefused(f"{JWT_SECRET} holds no HS256 key to sign with: start the stack once") from None
    try:
        with psycopg.connect(installation.database_url, connect_timeout=5) as connection:
            row = connection.execute(
                "SELECT id, username, role FROM users WHERE lower(username) = lower(%s)", [username]
            ).fetchone()
    except psycopg.errors.UndefinedTable:
        raise TokenRefused("the database has no schema yet: run `chat-sessions migrate`") from None
    except psycopg.OperationalError:
        raise TokenRefused("the database cannot be reached: is the stack running (`make up`)?") from None
    if row is None:
        raise TokenRefused(
            f"there is no user {username!r}: register it in the web UI or through POST /auth/register"
        )
    user_id, name, role = row
    minutes = int(ACCESS_LIFETIME.total_seconds() // 60)
    return DevelopmentToken(
        Tokens(secret).access(user_id, role),
        f"For development: no password was checked. Whoever has this token acts as {name} ({role}) "
        f"for {minutes} minutes; it cannot be revoked.",
    )
