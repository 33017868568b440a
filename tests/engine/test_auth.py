"""Headers become a session, or a refusal in Hasura's words."""

import base64
import datetime
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from hasura.engine.auth import json_path
from hasura.engine.auth.authenticator import Authenticator
from hasura.engine.auth.jwt_config import JwtConfig
from hasura.engine.errors import EngineError
from hasura.engine.settings import Settings

NAMESPACE = "https://hasura.io/jwt/claims"
SECRET = "an admin secret"
HMAC_KEY = "k" * 64
CLAIMS: dict[str, Any] = {
    "x-hasura-default-role": "user",
    "x-hasura-allowed-roles": ["user", "editor"],
    "X-Hasura-User-Id": "42",
    "ignored": "not x-hasura",
}


def pem(private_key: Any) -> tuple[str, str]:
    """(private, public) of a key."""
    private = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return private, public


RSA = pem(rsa.generate_private_key(65537, 2048))
KEYS = {
    **{f"HS{bits}": (HMAC_KEY, HMAC_KEY) for bits in (256, 384, 512)},
    **{f"RS{bits}": RSA for bits in (256, 384, 512)},
    "ES256": pem(ec.generate_private_key(ec.SECP256R1())),
    "ES384": pem(ec.generate_private_key(ec.SECP384R1())),
    "ES512": pem(ec.generate_private_key(ec.SECP521R1())),
    "Ed25519": pem(ed25519.Ed25519PrivateKey.generate()),
}


class FromNow(int):
    """Seconds from the moment a token is made: a table of cases is written long before it is run."""


def token(claims: Any = CLAIMS, *, key: str = HMAC_KEY, algorithm: str = "HS256", **registered: Any) -> str:
    payload = {"sub": "42", "exp": FromNow(3600), NAMESPACE: claims, **registered}
    payload = {k: time.time() + v if isinstance(v, FromNow) else v for k, v in payload.items()}
    return jwt.encode({k: v for k, v in payload.items() if v is not None}, key, algorithm)


def authenticator(role: str | None = None, **config: Any) -> Authenticator:
    config = {"type": "HS256", "key": HMAC_KEY} | config
    return Authenticator(SecretStr(SECRET), JwtConfig(**config), role)


def bearer(text: str, **headers: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}", **headers}


def refusal(who: Authenticator, headers: dict[str, str]) -> tuple[str, str, int]:
    with pytest.raises(EngineError) as refused:
        who.authenticate(headers)
    return refused.value.code, refused.value.message, refused.value.status


@pytest.mark.parametrize("kind", KEYS)
def test_every_key_type_verifies_its_own_tokens_and_no_others(kind: str) -> None:
    private, public = KEYS[kind]
    algorithm = "EdDSA" if kind == "Ed25519" else kind
    who = authenticator(type=kind, key=public)
    good = token(key=private, algorithm=algorithm)
    session = who.authenticate(bearer(good)).session
    assert session.role == "user"
    assert session.variables == {"x-hasura-role": "user", "x-hasura-user-id": "42"}
    head, body, signature = good.split(".")
    forged = f"{head}.{body}.{signature[:-8]}{'A' * 8}"
    unsigned = jwt.encode({NAMESPACE: CLAIMS}, None, "none")
    for bad in (forged, unsigned):
        code, message, _ = refusal(who, bearer(bad))
        assert (code, message) == ("invalid-jwt", "Could not verify JWT: JWSError JWSInvalidSignature")


def test_a_public_key_is_never_taken_for_a_shared_secret() -> None:
    # PyJWT itself refuses to sign with a PEM text: the attacker does not.
    def part(value: bytes) -> bytes:
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps({NAMESPACE: CLAIMS}).encode())
    mac = part(hmac.digest(RSA[1].encode(), signed, hashlib.sha256))
    code, message, _ = refusal(
        authenticator(type="RS256", key=RSA[1]), bearer((signed + b"." + mac).decode())
    )
    assert (code, message) == ("invalid-jwt", "Could not verify JWT: JWSError JWSInvalidSignature")


@pytest.mark.parametrize(
    ("registered", "config", "reason"),
    [
        ({"exp": FromNow(-5)}, {}, "JWTExpired"),
        ({"exp": FromNow(-5)}, {"allowed_skew": 60}, None),
        ({"exp": None}, {}, None),
        ({"exp": "soon"}, {}, "JWTClaimsSetDecodeError"),
        ({"nbf": FromNow(60)}, {}, "JWTNotYetValid"),
        ({"nbf": FromNow(30)}, {"allowed_skew": 60}, None),
        ({"iat": FromNow(60)}, {}, "JWTIssuedAtFuture"),
        ({"aud": "us"}, {"audience": "us"}, None),
        ({"aud": ["them", "us"]}, {"audience": ["us", "others"]}, None),
        ({"aud": "them"}, {"audience": "us"}, "JWTNotInAudience"),
        ({"aud": "them"}, {}, None),
        ({}, {"audience": "us"}, None),
        ({"iss": "home"}, {"issuer": "home"}, None),
        ({"iss": "away"}, {"issuer": "home"}, "JWTNotInIssuer"),
        ({"iss": "away"}, {}, None),
    ],
)
def test_dates_audience_and_issuer(
    registered: dict[str, Any], config: dict[str, Any], reason: str | None
) -> None:
    who = authenticator(**config)
    if reason is None:
        assert who.authenticate(bearer(token(**registered))).session.role == "user"
    else:
        assert refusal(who, bearer(token(**registered)))[1] == f"Could not verify JWT: {reason}"


@given(st.text())
def test_no_text_is_taken_for_a_token(text: str) -> None:
    who = authenticator(header={"type": "CustomHeader", "name": "X-Token"})
    assert refusal(who, {"x-token": text})[0] == "invalid-jwt"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            {},
            ("invalid-headers", "Missing 'Authorization' or 'Cookie' header in JWT authentication mode", 400),
        ),
        ({"authorization": "Basic abc"}, ("invalid-headers", "Malformed Authorization header", 400)),
        (
            bearer(token(), **{"x-hasura-role": "admin"}),
            ("access-denied", "Your requested role is not in allowed roles", 400),
        ),
        (
            {"x-hasura-admin-secret": "wrong"},
            ("access-denied", 'invalid "x-hasura-admin-secret"/"x-hasura-access-key"', 401),
        ),
        (
            bearer(token({"x-hasura-default-role": "user"})),
            ("jwt-missing-role-claims", 'JWT claim does not contain "x-hasura-allowed-roles"', 400),
        ),
        (
            bearer(token({"x-hasura-allowed-roles": ["user"]})),
            ("jwt-missing-role-claims", 'JWT claim does not contain "x-hasura-default-role"', 400),
        ),
        (
            bearer(token({**CLAIMS, "x-hasura-allowed-roles": "user"})),
            (
                "jwt-invalid-claims",
                'invalid "x-hasura-allowed-roles"; should be a list of roles: '
                "parsing [] failed, expected Array, but encountered String",
                400,
            ),
        ),
        (
            bearer(token({**CLAIMS, "x-hasura-user-id": 42})),
            (
                "jwt-invalid-claims",
                "x-hasura-* claims: parsing Text failed, expected String, but encountered Number",
                400,
            ),
        ),
        (bearer(token(None)), ("jwt-invalid-claims", f"claims key: '{NAMESPACE}' not found", 400)),
        (
            bearer(token("text")),
            ("jwt-invalid-claims", "expecting a json object when claims_format is json", 400),
        ),
        (
            bearer("one.two"),
            (
                "invalid-jwt",
                "Could not verify JWT: JWSError (CompactDecodeError Invalid number of parts: "
                "Expected 3 parts; got 2)",
                400,
            ),
        ),
    ],
)
def test_refusals_in_hasuras_words(headers: dict[str, str], expected: tuple[str, str, int]) -> None:
    assert refusal(authenticator(), headers) == expected


def test_a_role_is_chosen_among_the_tokens_and_only_the_token_speaks_for_its_bearer() -> None:
    headers = bearer(token(), **{"x-hasura-role": "editor", "x-hasura-user-id": "1", "x-hasura-org": "mine"})
    session = authenticator().authenticate(headers).session
    assert session.role == "editor"
    assert session.variables == {"x-hasura-role": "editor", "x-hasura-user-id": "42"}
    assert not session.trusted_backend


@pytest.mark.parametrize(
    ("location", "headers"),
    [
        ({"type": "Authorization"}, lambda text: {"authorization": f"Bearer {text}"}),
        ({"type": "Cookie", "name": "id_token"}, lambda text: {"cookie": f"a=b; id_token={text}; c=d"}),
        ({"type": "CustomHeader", "name": "X-My-Token"}, lambda text: {"x-my-token": text}),
    ],
)
def test_where_the_token_is(location: dict[str, str], headers: Any) -> None:
    who = authenticator(header=location)
    assert who.authenticate(headers(token())).session.variables["x-hasura-user-id"] == "42"
    assert refusal(who, {})[0] == "invalid-headers"


@pytest.mark.parametrize(
    ("config", "payload"),
    [
        ({"claims_namespace": "mine"}, {"mine": CLAIMS}),
        ({"claims_namespace_path": "$.a.b[1]"}, {"a": {"b": [0, CLAIMS]}}),
        ({"claims_namespace_path": "$['a b'].c"}, {"a b": {"c": CLAIMS}}),
        ({"claims_format": "stringified_json"}, {NAMESPACE: json.dumps(CLAIMS)}),
        (
            {
                "claims_map": {
                    "x-hasura-allowed-roles": {"path": "$.user.roles"},
                    "x-hasura-default-role": {"path": "$.user.role", "default": "user"},
                    "X-Hasura-User-Id": {"path": "$.sub"},
                }
            },
            {"user": {"roles": ["user", "editor"]}},
        ),
        (
            {
                "claims_map": {
                    "x-hasura-allowed-roles": ["user", "editor"],
                    "x-hasura-default-role": "user",
                    "x-hasura-user-id": {"path": "$.nowhere", "default": "42"},
                }
            },
            {},
        ),
    ],
)
def test_where_the_claims_are(config: dict[str, Any], payload: dict[str, Any]) -> None:
    session = authenticator(**config).authenticate(bearer(token(None, **payload))).session
    assert (session.role, session.variables["x-hasura-user-id"]) == ("user", "42")


@pytest.mark.parametrize(
    ("config", "payload", "expected"),
    [
        (
            {"claims_namespace_path": "$.a.b"},
            {"a": []},
            ("jwt-invalid-claims", "claims not found at claims_namespace_path: '$.a.b'"),
        ),
        (
            {"claims_format": "stringified_json"},
            {NAMESPACE: "{"},
            (
                "jwt-invalid-claims",
                f"expecting stringified json at: 'claims_namespace {NAMESPACE}', but found: {{",
            ),
        ),
        (
            {"claims_format": "stringified_json"},
            {NAMESPACE: CLAIMS},
            ("jwt-invalid-claims", "expecting a string when claims_format is stringified_json"),
        ),
        (
            {
                "claims_map": {
                    "x-hasura-allowed-roles": ["user"],
                    "x-hasura-default-role": "user",
                    "x-hasura-user-id": {"path": "$.id"},
                }
            },
            {},
            ("jwt-invalid-claims", "JWT claim from claims_map, x-hasura-user-id not found"),
        ),
    ],
)
def test_claims_that_are_not_there(
    config: dict[str, Any], payload: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert refusal(authenticator(**config), bearer(token(None, **payload)))[:2] == expected


def test_the_admin_secret_may_be_anybody() -> None:
    headers = {
        "x-hasura-admin-secret": SECRET,
        "x-hasura-role": "user",
        "x-hasura-user-id": "7",
        "x-hasura-use-backend-only-permissions": "true",
    }
    session = authenticator().authenticate(headers).session
    assert (session.role, session.variables["x-hasura-user-id"], session.trusted_backend) == (
        "user",
        "7",
        True,
    )
    assert SECRET not in session.variables.values()
    assert authenticator().authenticate({"x-hasura-access-key": SECRET}).session.role == "admin"
    assert (
        refusal(authenticator(), {**headers, "x-hasura-use-backend-only-permissions": "?"})[0]
        == "bad-request"
    )


def test_the_secret_alone_admits_no_one_else_unless_an_unauthorized_role_is_set() -> None:
    only_secret = Authenticator(SecretStr(SECRET), None, None)
    message = '"x-hasura-admin-secret"/"x-hasura-access-key" required, but not found'
    assert refusal(only_secret, {}) == ("access-denied", message, 401)
    for who in (Authenticator(SecretStr(SECRET), None, "anonymous"), authenticator("anonymous")):
        session = who.authenticate({"x-hasura-role": "admin", "x-hasura-user-id": "1"}).session
        assert session.role == session.variables["x-hasura-role"] == "anonymous"
        assert not session.trusted_backend
    assert refusal(authenticator("anonymous"), bearer(token(exp=1)))[1] == "Could not verify JWT: JWTExpired"


def test_without_a_secret_everybody_is_admin_or_whoever_they_say() -> None:
    nobody = Authenticator(None, None, None)
    assert nobody.authenticate({}).session.role == "admin"
    assert nobody.authenticate({"x-hasura-role": "user"}).session.role == "user"


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"type": "HS256"},
        {"key": HMAC_KEY},
        {"type": "XX", "key": HMAC_KEY},
        {"type": "HS256", "key": HMAC_KEY, "jwk_url": "http://x"},
        {"type": "HS256", "key": HMAC_KEY, "claims_namespace": "a", "claims_namespace_path": "$.b"},
        {"type": "HS256", "key": HMAC_KEY, "claims_namespace_path": "$..b"},
        {"type": "HS256", "key": HMAC_KEY, "claims_map": {"x-hasura-default-role": "user"}},
        {"type": "HS256", "key": HMAC_KEY, "header": {"type": "Cookie"}},
        {"type": "HS512", "key": "short"},
        {"type": "RS256", "key": "no PEM"},
        {"type": "RS256", "key": KEYS["ES256"][1]},
        {"type": "Ed25519", "key": RSA[1]},
    ],
)
def test_a_configuration_that_cannot_work_is_refused_at_start(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's or the key's own
        Authenticator(SecretStr(SECRET), JwtConfig(**config), None)


@pytest.mark.parametrize(
    "alone", [{"unauthorized_role": "anonymous"}, {"jwt_secret": {"type": "HS256", "key": HMAC_KEY}}]
)
def test_tokens_and_anonymous_callers_need_an_admin_secret(alone: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="requires HASURA_GRAPHQL_ADMIN_SECRET"):
        Settings(database_url="postgresql://", **alone)


def test_no_secret_is_shown_by_accident() -> None:
    settings = Settings(
        database_url="x", jwt_secret={"type": "HS256", "key": HMAC_KEY}, HASURA_GRAPHQL_ADMIN_SECRET=SECRET
    )
    assert HMAC_KEY not in repr(settings)
    assert SECRET not in repr(settings)


@given(st.lists(st.text(st.characters(exclude_characters="'\"[].$", exclude_categories=["Cs"]), min_size=1)))
def test_json_paths_find_what_they_name(keys: list[str]) -> None:
    value: Any = "found"
    for key in reversed(keys):
        value = {key: value}
    assert json_path.lookup(json_path.parse("$" + "".join(f"['{key}']" for key in keys)), value) == "found"
    assert json_path.lookup(json_path.parse("$" + "".join(f".{key}" for key in keys)), value) == "found"


def test_a_token_that_was_accepted_is_refused_once_it_has_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    who, headers = authenticator(), bearer(token(exp=FromNow(60)))
    assert who.authenticate(headers).session.role == "user"
    assert who.authenticate(headers).session.role == "user"
    later = time.time() + 61
    monkeypatch.setattr("hasura.engine.auth.authenticator.time.time", lambda: later)
    monkeypatch.setattr("jwt.api_jwt.datetime", _Later)
    assert refusal(who, headers)[1] == "Could not verify JWT: JWTExpired"


class _Later(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
        return datetime.datetime.now(tz) + datetime.timedelta(seconds=61)


def test_a_token_that_was_accepted_is_refused_once_its_key_is_gone() -> None:
    who, headers = authenticator(), bearer(token())
    assert who.authenticate(headers).session.role == "user"
    who.keys = authenticator(key="another key of at least thirty-two bytes").keys
    assert refusal(who, headers)[1] == "Could not verify JWT: JWSError JWSInvalidSignature"


def test_a_remembered_token_still_gives_each_request_its_own_role() -> None:
    claims = {**CLAIMS, "x-hasura-allowed-roles": ["user", "editor"]}
    who, given = authenticator(), token(claims)
    assert who.authenticate(bearer(given)).session.role == "user"
    assert who.authenticate(bearer(given, **{"x-hasura-role": "editor"})).session.role == "editor"
    assert refusal(who, bearer(given, **{"x-hasura-role": "admin"}))[0] == "access-denied"
