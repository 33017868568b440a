"""What is a token, and what is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.services.tokens import InvalidToken, Tokens
from backend.settings import JwtSecret
from tests.backend.conftest import Person, assert_problem

KEY = "k" * 32
SECRET = JwtSecret(type="HS256", key=KEY)
CLAIMS = "https://hasura.io/jwt/claims"
ADA = UUID("0b6f1c1e-1111-4222-8333-444455556666")


def payload(**changes: Any) -> dict[str, Any]:
    whole = {
        "sub": str(ADA),
        "iss": "chat-sessions",
        "exp": datetime.now(UTC) + timedelta(minutes=1),
        CLAIMS: {
            "x-hasura-default-role": "user",
            "x-hasura-allowed-roles": ["user"],
            "x-hasura-user-id": str(ADA),
        },
    }
    return {name: value for name, value in (whole | changes).items() if value is not None}


@pytest.mark.parametrize(("role", "roles"), [("user", {"user"}), ("admin", {"user", "admin"})])
def test_an_access_token_acts_as_user_and_an_admins_may_act_as_admin(role: str, roles: set[str]) -> None:
    token = Tokens(SECRET).access(ADA, role)
    claims = jwt.decode(token, KEY, ["HS256"], issuer="chat-sessions")
    assert claims["exp"] - claims["iat"] == 900
    assert claims["sub"] == claims[CLAIMS]["x-hasura-user-id"] == str(ADA)
    assert claims[CLAIMS]["x-hasura-default-role"] == "user"
    assert set(claims[CLAIMS]["x-hasura-allowed-roles"]) == roles
    assert Tokens(SECRET).read(token).roles == roles


def test_the_assistants_token_is_for_one_user_and_one_role() -> None:
    claims = jwt.decode(Tokens(SECRET).assistant(ADA), KEY, ["HS256"])
    assert claims[CLAIMS] == {
        "x-hasura-default-role": "assistant",
        "x-hasura-allowed-roles": ["assistant"],
        "x-hasura-user-id": str(ADA),
    }


@pytest.mark.parametrize(
    "secret",
    [
        JwtSecret(
            type="HS512", key="k" * 64, issuer="somebody", audience="chat", claims_namespace="my/claims"
        ),
        JwtSecret(type="HS384", key="k" * 48, claims_format="stringified_json", audience=["a", "b"]),
    ],
)
def test_hasuras_other_settings_of_the_secret_are_kept(secret: JwtSecret) -> None:
    user = Tokens(secret).read(Tokens(secret).access(ADA, "user"))
    assert (user.id, user.roles) == (ADA, {"user"})


FORGED = {
    "expired": jwt.encode(payload(exp=datetime.now(UTC) - timedelta(seconds=1)), KEY, "HS256"),
    "of another key": jwt.encode(payload(), "x" * 32, "HS256"),
    "of another algorithm": jwt.encode(payload(), KEY * 2, "HS512"),
    "unsigned": jwt.encode(payload(), "", "none"),
    "of another issuer": jwt.encode(payload(iss="somebody"), KEY, "HS256"),
    "for ever": jwt.encode(payload(exp=None), KEY, "HS256"),
    "without claims": jwt.encode({**payload(), CLAIMS: None}, KEY, "HS256"),
    "with text for claims": jwt.encode(payload(**{CLAIMS: "user"}), KEY, "HS256"),
    "without a user": jwt.encode(payload(**{CLAIMS: {"x-hasura-allowed-roles": ["user"]}}), KEY, "HS256"),
    "with a number for a user": jwt.encode(
        payload(**{CLAIMS: {"x-hasura-allowed-roles": ["user"], "x-hasura-user-id": 7}}), KEY, "HS256"
    ),
    "with its claims changed": ".".join(
        [
            (parts := jwt.encode(payload(), KEY, "HS256").split("."))[0],
            jwt.utils.base64url_encode(json.dumps({"sub": str(uuid4())}).encode()).decode(),
            parts[2],
        ]
    ),
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
def test_a_token_that_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        Tokens(SECRET).read(token)


@given(st.text())
def test_no_text_is_a_token(text: str) -> None:
    with pytest.raises(InvalidToken):
        Tokens(SECRET).read(text)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer x.y.z"},
        {"Authorization": "Basic YWRhOnB3"},
        {"Authorization": f"Bearer {FORGED['unsigned']}"},
        {"x-hasura-admin-secret": "guess", "x-hasura-role": "admin"},
    ],
)
async def test_a_request_without_a_good_token_is_401_and_says_which_scheme(
    accounts_api: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await accounts_api.get("/auth/me", headers=headers)
    assert_problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer ")


async def test_the_assistants_token_is_no_users(
    accounts_api: httpx.AsyncClient, ada: Person, tokens: Tokens
) -> None:
    headers = {"Authorization": f"Bearer {tokens.assistant(ada.id)}"}
    assert_problem(await accounts_api.get("/auth/me", headers=headers), 403, "forbidden")
