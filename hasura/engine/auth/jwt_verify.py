"""A token's signature and dates; every refusal carries Hasura's name of it, like ``JWTExpired``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt

from hasura.engine.errors import InvalidJWT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .jwt_config import JwtConfig
    from .jwt_keys import Key

#: Issuer and audience are compared below: Hasura checks them only where the token has them.
_CHECKS: Any = {"verify_aud": False, "verify_iss": False, "verify_sub": False, "verify_jti": False}


def verified_claims(token: str, keys: Sequence[Key], config: JwtConfig) -> dict[str, Any]:
    """The claims of a token that one of the keys signed, and that is valid now.

    :raises InvalidJWT: a forged, malformed, expired, premature or foreign token.
    """
    claims = _signed_claims(token, keys, config.allowed_skew)
    if config.issuer is not None and claims.get("iss", config.issuer) != config.issuer:
        raise _refused("JWTNotInIssuer")
    if config.audience is not None and "aud" in claims:
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if not any(audience in config.audience for audience in audiences):
            raise _refused("JWTNotInAudience")
    return claims


def _signed_claims(token: str, keys: Sequence[Key], skew: float) -> dict[str, Any]:
    parts = token.count(".") + 1
    if parts != 3:
        raise _refused(
            f"JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got {parts})"
        )
    try:
        kid = jwt.get_unverified_header(token).get("kid")
    except jwt.PyJWTError as error:
        raise _refused('JWSError (JSONDecodeError "the token\'s header is no JSON")') from error
    if not keys:
        raise _refused("JWSError NoUsableKeys")
    refusal = _refused("JWSError JWSInvalidSignature")
    for key in [key for key in keys if key.kid == kid] or keys:
        try:
            return jwt.decode(token, key.material, list(key.algorithms), options=_CHECKS, leeway=skew)
        except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError, jwt.InvalidKeyError):
            continue
        except jwt.PyJWTError as error:
            refusal = _refused(_reason(error))
    raise refusal


def _reason(error: jwt.PyJWTError) -> str:
    match error:
        case jwt.ExpiredSignatureError():
            return "JWTExpired"
        case jwt.ImmatureSignatureError():
            return "JWTIssuedAtFuture" if "(iat)" in str(error) else "JWTNotYetValid"
        case _:
            return "JWTClaimsSetDecodeError"


def _refused(reason: str) -> InvalidJWT:
    return InvalidJWT(f"Could not verify JWT: {reason}")
