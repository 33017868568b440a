"""``HASURA_GRAPHQL_JWT_SECRET``, typed.

Source: https://hasura.io/docs/2.0/auth/authentication/jwt/#hasura-jwt-format
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from . import json_path

DEFAULT_NAMESPACE = "https://hasura.io/jwt/claims"
ALLOWED_ROLES = "x-hasura-allowed-roles"
DEFAULT_ROLE = "x-hasura-default-role"

KeyType = Literal[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"
]


def _readable_path(text: str) -> str:
    json_path.parse(text)
    return text


JsonPath = Annotated[str, AfterValidator(_readable_path)]


class TokenLocation(BaseModel):
    """Where a request carries its token; ``name`` is that of the cookie or of the header."""

    model_config = ConfigDict(frozen=True)

    type: Literal["Authorization", "Cookie", "CustomHeader"] = "Authorization"
    name: str = ""

    @model_validator(mode="after")
    def _named(self) -> TokenLocation:
        if self.type != "Authorization" and not self.name:
            raise ValueError(f"header of type {self.type} needs a name")
        return self


class ClaimPath(BaseModel):
    """An entry of ``claims_map`` that is looked up in the token."""

    model_config = ConfigDict(frozen=True)

    path: JsonPath
    default: Any = None


class JwtConfig(BaseModel):
    """Either ``type`` and ``key``, or ``jwk_url``; and where the claims are."""

    model_config = ConfigDict(frozen=True)

    type: KeyType | None = None
    key: SecretStr | None = None
    jwk_url: str | None = None
    claims_namespace: str | None = None
    claims_namespace_path: JsonPath | None = None
    claims_format: Literal["json", "stringified_json"] = "json"
    claims_map: dict[str, ClaimPath | str | list[str]] | None = None
    audience: tuple[str, ...] | None = None
    issuer: str | None = None
    #: Seconds by which the clocks of issuer and engine may differ.
    allowed_skew: float = Field(default=0, ge=0)
    header: TokenLocation = TokenLocation()

    @field_validator("audience", mode="before")
    @classmethod
    def _one_audience_is_a_list_of_one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("claims_map", mode="after")
    @classmethod
    def _names_are_lower_case(
        cls, value: dict[str, ClaimPath | str | list[str]] | None
    ) -> dict[str, ClaimPath | str | list[str]] | None:
        if value is None:
            return None
        claims = {name.lower(): claim for name, claim in value.items()}
        for name in (ALLOWED_ROLES, DEFAULT_ROLE):
            if name not in claims:
                raise ValueError(f"claims_map: {name} is expected but not found")
        return claims

    @model_validator(mode="after")
    def _whole(self) -> JwtConfig:
        if (self.key is None) == (self.jwk_url is None):
            raise ValueError("exactly one of key and jwk_url has to be given")
        if self.key is not None and self.type is None:
            raise ValueError("a key needs a type")
        if self.claims_namespace is not None and self.claims_namespace_path is not None:
            raise ValueError("claims_namespace and claims_namespace_path cannot both be set")
        return self
