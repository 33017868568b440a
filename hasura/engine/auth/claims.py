"""The roles and session variables that a verified token carries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hasura.engine.errors import JWTInvalidClaims, JWTRoleMissing

from . import json_path
from .jwt_config import ALLOWED_ROLES, DEFAULT_NAMESPACE, DEFAULT_ROLE, ClaimPath

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .jwt_config import JwtConfig

_JSON_NAMES: dict[type, str] = {
    dict: "Object",
    list: "Array",
    str: "String",
    bool: "Boolean",
    int: "Number",
    float: "Number",
    type(None): "Null",
}


@dataclass(frozen=True, slots=True)
class HasuraClaims:
    """What a token says of its bearer."""

    allowed_roles: tuple[str, ...]
    default_role: str
    variables: Mapping[str, str]


def hasura_claims(token: Mapping[str, Any], config: JwtConfig) -> HasuraClaims:
    """Reads the namespace or the ``claims_map``.

    :raises JWTRoleMissing: there is no role claim.
    :raises JWTInvalidClaims: a claim is absent, or of another type.
    """
    claims = (
        _mapped(token, config.claims_map) if config.claims_map is not None else _namespaced(token, config)
    )
    for name in (ALLOWED_ROLES, DEFAULT_ROLE):
        if name not in claims:
            raise JWTRoleMissing(f'JWT claim does not contain "{name}"')
    allowed, default = claims.pop(ALLOWED_ROLES), claims.pop(DEFAULT_ROLE)
    if not isinstance(allowed, list) or not all(isinstance(role, str) and role for role in allowed):
        raise _invalid(f'invalid "{ALLOWED_ROLES}"; should be a list of roles', "[]", "Array", allowed)
    if not isinstance(default, str) or not default:
        raise _invalid(
            f'invalid "{DEFAULT_ROLE}"; should be a single role name', "RoleName", "String", default
        )
    for value in claims.values():
        if not isinstance(value, str):
            raise _invalid("x-hasura-* claims", "Text", "String", value)
    return HasuraClaims(tuple(allowed), default, claims)


def _namespaced(token: Mapping[str, Any], config: JwtConfig) -> dict[str, Any]:
    try:
        if config.claims_namespace_path is not None:
            place = f"claims_namespace_path {config.claims_namespace_path}"
            found = json_path.lookup(json_path.parse(config.claims_namespace_path), token)
        else:
            namespace = config.claims_namespace or DEFAULT_NAMESPACE
            place = f"claims_namespace {namespace}"
            found = token[namespace]
    except LookupError as error:
        if config.claims_namespace_path is not None:
            absent = f"claims not found at claims_namespace_path: '{config.claims_namespace_path}'"
        else:
            absent = f"claims key: '{config.claims_namespace or DEFAULT_NAMESPACE}' not found"
        raise JWTInvalidClaims(absent) from error
    if config.claims_format == "stringified_json":
        if not isinstance(found, str):
            raise JWTInvalidClaims("expecting a string when claims_format is stringified_json")
        try:
            found = json.loads(found)
        except ValueError as error:
            raise JWTInvalidClaims(f"expecting stringified json at: '{place}', but found: {found}") from error
    if not isinstance(found, dict):
        raise JWTInvalidClaims("expecting a json object when claims_format is json")
    return {name.lower(): value for name, value in found.items() if name.lower().startswith("x-hasura-")}


def _mapped(
    token: Mapping[str, Any], claims_map: Mapping[str, ClaimPath | str | list[str]]
) -> dict[str, Any]:
    claims: dict[str, Any] = {}
    for name, claim in claims_map.items():
        if not isinstance(claim, ClaimPath):
            claims[name] = claim
            continue
        try:
            claims[name] = json_path.lookup(json_path.parse(claim.path), token)
        except LookupError as error:
            if claim.default is not None:
                claims[name] = claim.default
            elif name in (ALLOWED_ROLES, DEFAULT_ROLE):
                raise JWTRoleMissing(f'JWT claim does not contain "{name}"') from error
            else:
                raise JWTInvalidClaims(f"JWT claim from claims_map, {name} not found") from error
    return claims


def _invalid(what: str, wanted: str, kind: str, value: Any) -> JWTInvalidClaims:
    found = _JSON_NAMES[type(value)]
    return JWTInvalidClaims(f"{what}: parsing {wanted} failed, expected {kind}, but encountered {found}")
