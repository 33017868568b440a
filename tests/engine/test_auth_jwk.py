"""`jwk_url`: keys that are fetched, kept and replaced."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import SecretStr

from hasura.engine.auth import jwt_keys
from hasura.engine.auth.authenticator import Authenticator
from hasura.engine.auth.jwt_config import JwtConfig
from hasura.engine.auth.jwt_keys import lifetime_of
from hasura.engine.errors import InvalidJWT
from tests.engine.conftest import until

RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
CLAIMS = {
    "https://hasura.io/jwt/claims": {"x-hasura-default-role": "user", "x-hasura-allowed-roles": ["user"]}
}


def jwk(key: Any, kid: str) -> dict[str, Any]:
    algorithm = jwt.algorithms.RSAAlgorithm if key is RSA_KEY else jwt.algorithms.ECAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}


class IdentityProvider(ThreadingHTTPServer):
    """A local server that publishes a key set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Publish)
        self.keys: list[dict[str, Any]] = []
        self.cache_control = "max-age=3600"
        self.status = 200
        self.asked = 0
        self.url = f"http://127.0.0.1:{self.server_port}/jwks.json"


class _Publish(BaseHTTPRequestHandler):
    server: IdentityProvider

    def do_GET(self) -> None:
        self.server.asked += 1
        body = json.dumps({"keys": self.server.keys}).encode()
        self.send_response(self.server.status)
        self.send_header("Cache-Control", self.server.cache_control)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def authenticator(provider: IdentityProvider) -> Authenticator:
    return Authenticator(SecretStr("secret"), JwtConfig(jwk_url=provider.url), None)


def bearer(key: Any, kid: str | None = None) -> dict[str, str]:
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    token = jwt.encode(
        {**CLAIMS, "exp": time.time() + 60}, key, algorithm, headers={"kid": kid} if kid else None
    )
    return {"authorization": f"Bearer {token}"}


async def test_keys_are_fetched_once_and_kept_for_as_long_as_the_answer_says(
    provider: IdentityProvider,
) -> None:
    provider.keys = [jwk(RSA_KEY, "r"), jwk(EC_KEY, "e"), {"kty": "strange", "kid": "?"}]
    who = authenticator(provider)
    async with who.keys.kept_fresh():
        for headers in (bearer(RSA_KEY, "r"), bearer(EC_KEY, "e"), bearer(RSA_KEY)):
            assert who.authenticate(headers).session.role == "user"
        with pytest.raises(InvalidJWT):
            who.authenticate(bearer(rsa.generate_private_key(65537, 2048), "r"))
    assert provider.asked == 1


async def test_keys_are_replaced_when_their_time_is_over(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwt_keys, "SHORTEST_LIFETIME", 0.02)
    provider.cache_control = "no-store"
    provider.keys = [jwk(RSA_KEY, "r")]
    who = authenticator(provider)
    async with who.keys.kept_fresh():
        who.authenticate(bearer(RSA_KEY, "r"))
        provider.keys = [jwk(EC_KEY, "e")]
        await until(lambda: [key.kid for key in who.keys.current()] == ["e"])
        with pytest.raises(InvalidJWT, match="JWSInvalidSignature"):
            who.authenticate(bearer(RSA_KEY, "r"))


async def test_an_outage_of_the_provider_signs_nobody_out(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwt_keys, "SHORTEST_LIFETIME", 0.02)
    provider.cache_control = "max-age=0"
    provider.keys = [jwk(RSA_KEY, "r")]
    who = authenticator(provider)
    async with who.keys.kept_fresh():
        provider.status = 500
        asked = provider.asked
        await until(lambda: provider.asked > asked + 2)
        assert who.authenticate(bearer(RSA_KEY, "r")).session.role == "user"


async def test_a_provider_that_is_not_there_yet_is_asked_again(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwt_keys, "SHORTEST_LIFETIME", 0.02)
    provider.status = 503
    provider.keys = [jwk(RSA_KEY, "r")]
    who = authenticator(provider)
    async with who.keys.kept_fresh():
        with pytest.raises(InvalidJWT, match="NoUsableKeys"):
            who.authenticate(bearer(RSA_KEY, "r"))
        provider.status = 200
        await until(lambda: bool(who.keys.current()))
        assert who.authenticate(bearer(RSA_KEY, "r")).session.role == "user"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Cache-Control": "public, max-age=60"}, 60),
        ({"Cache-Control": "max-age=60, must-revalidate, no-cache"}, 60),
        ({"Cache-Control": "must-revalidate"}, 0),
        ({"Cache-Control": "no-cache, max-age=60"}, 0),
        ({"Cache-Control": "no-store"}, 0),
        ({"Cache-Control": "public"}, jwt_keys.UNNAMED_LIFETIME),
        ({"Expires": "never"}, jwt_keys.UNNAMED_LIFETIME),
        ({}, jwt_keys.UNNAMED_LIFETIME),
    ],
)
def test_how_long_an_answer_is_kept(headers: dict[str, str], seconds: float) -> None:
    assert lifetime_of(httpx.Headers(headers)) == seconds


def test_an_expiry_date_counts_from_now() -> None:
    assert lifetime_of(httpx.Headers({"Expires": "Wed, 21 Oct 2015 07:28:00 GMT"})) < 0
