"""The keys that sign tokens: one from the settings, or a set that is fetched and kept fresh."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from telemetry.safe import told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from .jwt_config import JwtConfig

#: A key verifies any algorithm of its family, as in Hasura; no key ever serves two families (RFC 8725, 3.1).
FAMILIES = {
    "HS": ("HS256", "HS384", "HS512"),
    "RS": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "ES": ("ES256", "ES384", "ES512"),
    "Ed": ("EdDSA",),
}
_CLASSES = {"RS": rsa.RSAPublicKey, "ES": ec.EllipticCurvePublicKey, "Ed": ed25519.Ed25519PublicKey}
_FAMILY_OF_JWK = {"oct": "HS", "RSA": "RS", "EC": "ES", "OKP": "Ed"}

#: Seconds between two fetches of a set whose answer names no lifetime, and the shortest wait of all.
UNNAMED_LIFETIME = 600.0
SHORTEST_LIFETIME = 1.0

log = structlog.get_logger("jwk-refresh-log")


@dataclass(frozen=True, slots=True)
class Key:
    """A public key or a shared secret, with the algorithms that it may verify."""

    material: Any
    algorithms: Sequence[str]
    kid: str | None = None


def key_from_settings(config: JwtConfig) -> Key:
    """The key of ``type`` and ``key``: PEM public key or certificate, or a secret. Raises ValueError."""
    if config.type is None or config.key is None:
        raise ValueError("no key is configured")
    text = config.key.get_secret_value()
    family = config.type[:2]
    if family == "HS":
        shortest = int(config.type[2:]) // 8
        if len(text.encode()) < shortest:
            raise ValueError(f"Invalid JWK: Key size too small; should be atleast {shortest} characters")
        return Key(text.encode(), FAMILIES[family])
    pem = text.encode()
    try:
        certified = b"BEGIN CERTIFICATE" in pem
        public = load_pem_x509_certificate(pem).public_key() if certified else load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("Invalid JWK: the key is no PEM public key or certificate") from error
    if not isinstance(public, _CLASSES[family]):
        raise ValueError(f"Invalid JWK: the key is not of type {config.type}")  # noqa: TRY004 - a setting is wrong
    return Key(public, FAMILIES[family])


class FixedKeys:
    """The key of the settings; none where no tokens are used."""

    def __init__(self, *keys: Key) -> None:
        self._keys = keys

    @contextlib.asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        yield

    def current(self) -> Sequence[Key]:
        return self._keys


class FetchedKeys:
    """The set at ``jwk_url``: fetched at start, then whenever its ``Cache-Control`` or ``Expires`` runs out.

    A failing fetch keeps the keys that are known: an identity provider's outage signs nobody out.
    """

    def __init__(self, url: str, client: httpx.AsyncClient | None = None) -> None:
        self._url = url
        self._client = client or httpx.AsyncClient(timeout=10, follow_redirects=True)
        self._keys: Sequence[Key] = ()

    @contextlib.asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        async with self._client:
            refresh = asyncio.create_task(self._refresh_forever(await self._refresh()), name="jwk-refresh")
            try:
                yield
            finally:
                refresh.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await refresh

    def current(self) -> Sequence[Key]:
        return self._keys

    async def _refresh_forever(self, lifetime: float) -> None:
        while True:
            await asyncio.sleep(lifetime)
            lifetime = await self._refresh()

    async def _refresh(self) -> float:
        """Fetches once; answers the seconds until the next time."""
        try:
            response = await self._client.get(self._url)
            response.raise_for_status()
            keys = jwt.PyJWKSet.from_dict(response.json()).keys
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError, jwt.PyJWTError) as error:
            log.warning("Error fetching JWK", error=told(error))
            return SHORTEST_LIFETIME
        self._keys = tuple(
            Key(key.key, FAMILIES[_FAMILY_OF_JWK[key.key_type]], key.key_id)
            for key in keys
            if key.key_type in _FAMILY_OF_JWK and key.public_key_use in (None, "sig")
        )
        return max(lifetime_of(response.headers), SHORTEST_LIFETIME)


def lifetime_of(headers: httpx.Headers) -> float:
    """Seconds that an answer may be kept: ``Cache-Control`` first, then ``Expires``."""
    directives = {
        name.strip().lower(): value.strip(' "')
        for name, _, value in (part.partition("=") for part in headers.get("cache-control", "").split(","))
    }
    max_age = directives.get("max-age", "")
    if "must-revalidate" not in directives and not directives.keys().isdisjoint({"no-cache", "no-store"}):
        return 0.0
    if max_age.isdecimal():
        return float(max_age)
    if "must-revalidate" in directives:
        return 0.0
    try:
        return parsedate_to_datetime(headers["expires"]).timestamp() - time.time()
    except (KeyError, ValueError):
        return UNNAMED_LIFETIME
