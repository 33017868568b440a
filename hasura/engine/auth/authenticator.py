"""One request's headers against the configured secrets: admin secret, token, or nobody in particular."""

from __future__ import annotations

import hashlib
import hmac
import math
import time
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from cachetools import LRUCache

from hasura.engine.errors import AccessDenied, BadRequest, InvalidHeaders, Unauthorized
from hasura.engine.session import ADMIN, Session

from .claims import HasuraClaims, hasura_claims
from .jwt_keys import FetchedKeys, FixedKeys, key_from_settings
from .jwt_verify import verified_claims

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SecretStr

    from .jwt_config import JwtConfig
    from .jwt_keys import Key

ADMIN_SECRET = "x-hasura-admin-secret"  # noqa: S105 - the name of a header
ACCESS_KEY = "x-hasura-access-key"
ROLE = "x-hasura-role"
USE_BACKEND_ONLY = "x-hasura-use-backend-only-permissions"
#: verified tokens that are remembered, by their SHA-256: the signature is half the cost of a small request
_KEPT = 4096
_TRUE, _FALSE = ("true", "t", "yes", "y"), ("false", "f", "no", "n")


@dataclass(frozen=True, slots=True)
class Identity:
    """A session, and the moment (seconds since 1970) when the token that proves it ends."""

    session: Session
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class _Proof:
    """A token that verified, and the keys that it verified with."""

    keys: Sequence[Key]
    claims: HasuraClaims
    expires_at: float | None
    #: what it made of its bearer so far, by the role that was asked for
    identities: dict[str | None, Identity] = field(default_factory=dict)


class Authenticator:
    """Built once from the settings. Header names are lower case everywhere in here."""

    def __init__(
        self, admin_secret: SecretStr | None, jwt_config: JwtConfig | None, unauthorized_role: str | None
    ) -> None:
        self._secret = None if admin_secret is None else admin_secret.get_secret_value().encode()
        self._config = jwt_config
        self._unauthorized_role = unauthorized_role
        self.keys = _keys(jwt_config)
        self._proofs: LRUCache[bytes, _Proof] = LRUCache(_KEPT)

    def authenticate(self, headers: Mapping[str, str]) -> Identity:
        """Who sent these headers.

        :raises Unauthorized: the admin secret is wrong, or missing where nothing else is accepted.
        :raises InvalidJWT: the token does not verify.
        :raises AccessDenied: the role asked for is not among the token's.
        """
        if self._secret is None:
            return Identity(_trusted_session(headers))
        given = headers.get(ADMIN_SECRET, headers.get(ACCESS_KEY))
        if given is not None:
            if not hmac.compare_digest(given.encode(), self._secret):
                raise Unauthorized(f'invalid "{ADMIN_SECRET}"/"{ACCESS_KEY}"')
            return Identity(_trusted_session(headers))
        if self._config is None:
            if self._unauthorized_role is None:
                raise Unauthorized(f'"{ADMIN_SECRET}"/"{ACCESS_KEY}" required, but not found')
            return Identity(_session(self._unauthorized_role, _variables(headers)))
        token = _token(headers, self._config)
        if token is not None:
            return self._bearer(token, headers, self._config)
        if self._unauthorized_role is None:
            raise InvalidHeaders("Missing 'Authorization' or 'Cookie' header in JWT authentication mode")
        return Identity(_session(self._unauthorized_role, _variables(headers)))

    def _bearer(self, token: str, headers: Mapping[str, str], config: JwtConfig) -> Identity:
        proof = self._proof(token, config)
        asked = headers.get(ROLE)
        identity = proof.identities.get(asked)
        if identity is None:
            known = proof.claims
            role = asked or known.default_role
            if role not in known.allowed_roles:
                raise AccessDenied("Your requested role is not in allowed roles")
            # Only the token speaks for its bearer: x-hasura-* headers of the request are not looked at.
            identity = Identity(_session(role, known.variables), proof.expires_at)
            proof.identities[asked] = identity
        return identity

    def _proof(self, token: str, config: JwtConfig) -> _Proof:
        """What the token proves. Once verified, it proves the same until it expires or the keys change."""
        keys = self.keys.current()
        digest = hashlib.sha256(token.encode()).digest()
        proof = self._proofs.get(digest)
        if proof is None or proof.keys is not keys or time.time() >= (proof.expires_at or math.inf):
            claims = verified_claims(token, keys, config)
            expires_at = claims["exp"] + config.allowed_skew if "exp" in claims else None
            proof = self._proofs[digest] = _Proof(keys, hasura_claims(claims, config), expires_at)
        return proof


def _keys(config: JwtConfig | None) -> FixedKeys | FetchedKeys:
    if config is not None and config.jwk_url is not None:
        return FetchedKeys(config.jwk_url)
    return FixedKeys(*(() if config is None else (key_from_settings(config),)))


def _token(headers: Mapping[str, str], config: JwtConfig) -> str | None:
    match config.header.type:
        case "Authorization":
            header = headers.get("authorization")
            if header is None:
                return None
            match header.split():
                case ["Bearer", token]:
                    return token
                case _:
                    raise InvalidHeaders("Malformed Authorization header")
        case "Cookie":
            try:
                cookie = SimpleCookie(headers.get("cookie", "")).get(config.header.name)
            except CookieError:
                return None
            return None if cookie is None else cookie.value
        case "CustomHeader":
            return headers.get(config.header.name.lower())


def _variables(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in headers.items()
        if name.startswith("x-hasura-") and name not in (ADMIN_SECRET, ACCESS_KEY)
    }


def _session(role: str, variables: Mapping[str, str], *, trusted_backend: bool = False) -> Session:
    return Session(role, {**variables, ROLE: role}, trusted_backend)


def _trusted_session(headers: Mapping[str, str]) -> Session:
    """The caller may be whoever it says: it knows the admin secret, or none is set."""
    use = headers.get(USE_BACKEND_ONLY, "false").lower()
    if use not in _TRUE + _FALSE:
        raise BadRequest(
            f'"{USE_BACKEND_ONLY}":  Not a valid boolean text. True values are {list(_TRUE)} and '
            f" False values are {list(_FALSE)}. All values are case insensitive"
        )
    return _session(headers.get(ROLE) or ADMIN, _variables(headers), trusted_backend=use in _TRUE)
