"""Access tokens: JWTs in the form that Hasura accepts, signed with the key that GraphQL verifies with.

https://hasura.io/docs/2.0/auth/authentication/jwt/#the-spec
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import jwt

if TYPE_CHECKING:
    from backend.settings import JwtSecret

ACCESS_LIFETIME = timedelta(minutes=15)
#: Outlives one answer; a new one is minted for each write anyway.
ASSISTANT_LIFETIME = timedelta(minutes=5)


class InvalidToken(Exception):
    """Expired, forged, or not a token at all."""


@dataclass(frozen=True, slots=True)
class User:
    """Who a request is from, and the token that proves it to GraphQL."""

    id: UUID
    roles: frozenset[str]
    token: str
    expires_at: datetime
    #: Of which device; a token that nobody signed in for has none.
    sign_in_id: UUID | None = None


class Tokens:
    """Mints and reads tokens with the key of ``HASURA_GRAPHQL_JWT_SECRET``."""

    def __init__(self, secret: JwtSecret) -> None:
        self._secret = secret
        self._key = secret.key.get_secret_value()

    def access(
        self,
        user_id: UUID,
        role: str,
        *,
        sign_in_id: UUID | None = None,
        lifetime: timedelta = ACCESS_LIFETIME,
    ) -> str:
        """For a person. An admin's acts as ``user`` too, unless a request asks for the role ``admin``."""
        allowed = ["user", "admin"] if role == "admin" else ["user"]
        # https://openid.net/specs/openid-connect-frontchannel-1_0.html#OPContract has the name
        sid = {} if sign_in_id is None else {"sid": str(sign_in_id)}
        return self._mint(user_id, "user", allowed, lifetime, **sid)

    def assistant(self, user_id: UUID) -> str:
        """For writing answers into the sessions of one user, and nothing else."""
        return self._mint(user_id, "assistant", ["assistant"], ASSISTANT_LIFETIME)

    def read(self, token: str) -> User:
        """Raises InvalidToken."""
        try:
            payload = jwt.decode(
                token,
                self._key,
                algorithms=[self._secret.type],
                issuer=self._secret.issuer,
                audience=self._secret.audience,
                options={"require": ["exp", "sub"]},
            )
            claims = payload[self._secret.claims_namespace]
            if self._secret.claims_format == "stringified_json":
                claims = json.loads(claims)
            roles = frozenset(str(role) for role in claims["x-hasura-allowed-roles"])
            expires_at = datetime.fromtimestamp(payload["exp"], UTC)
            sign_in_id = UUID(payload["sid"]) if "sid" in payload else None
            return User(UUID(claims["x-hasura-user-id"]), roles, token, expires_at, sign_in_id)
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:
            raise InvalidToken(type(exc).__name__) from exc

    def _mint(self, user_id: UUID, role: str, allowed: list[str], lifetime: timedelta, **more: str) -> str:
        now = datetime.now(UTC)
        claims: Any = {
            "x-hasura-default-role": role,
            "x-hasura-allowed-roles": allowed,
            "x-hasura-user-id": str(user_id),
        }
        if self._secret.claims_format == "stringified_json":
            claims = json.dumps(claims)
        payload = {
            "sub": str(user_id),
            "iss": self._secret.issuer,
            "iat": now,
            "exp": now + lifetime,
            self._secret.claims_namespace: claims,
            **more,
        }
        if self._secret.audience is not None:
            payload["aud"] = self._secret.audience
        return jwt.encode(payload, self._key, self._secret.type)
