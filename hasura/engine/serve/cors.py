"""Which origins a browser may call from: ``HASURA_GRAPHQL_CORS_DOMAIN``, ``HASURA_GRAPHQL_DISABLE_CORS``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from hasura.engine.errors import AccessDenied

from .answers import api_refusal

if TYPE_CHECKING:
    from starlette.responses import Response

    from hasura.engine.settings import Settings


class CorsPolicy:
    """The origins of the settings: ``*``, or a list such as ``https://a.com, https://*.b.com:8080``."""

    def __init__(self, settings: Settings) -> None:
        self._disabled = settings.disable_cors
        self._origins = origin_pattern(settings.cors_domain)

    def admits(self, origin: str | None) -> bool:
        """Whether a WebSocket may be opened from there; no browser, no origin."""
        return origin is None or self._disabled or self._origins.fullmatch(origin) is not None

    def refusal(self) -> Response:
        """Answers a WebSocket's handshake."""
        return api_refusal(AccessDenied("received origin header does not match configured CORS domains"))

    def middleware(self) -> list[Middleware]:
        """Answers preflights and marks answers, for HTTP."""
        if self._disabled:
            return []
        return [
            Middleware(
                CORSMiddleware,
                allow_origin_regex=self._origins.pattern,
                allow_credentials=True,
                allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
                allow_headers=["*"],
                max_age=1728000,
            )
        ]


def origin_pattern(domains: str) -> re.Pattern[str]:
    """A ``*.`` stands for exactly one label, as in Hasura. Raises ValueError for what is no origin."""
    if domains.strip() == "*":
        return re.compile(".*")
    patterns = []
    for domain in domains.split(","):
        parts = re.fullmatch(r"([A-Za-z0-9+.-]+://)(\*\.)?([^*/]+)", domain.strip())
        if parts is None:
            raise ValueError(
                f"HASURA_GRAPHQL_CORS_DOMAIN: invalid domain: '{domain.strip()}'. All domains should have "
                "scheme + (optional wildcard) host + (optional port)"
            )
        scheme, wildcard, host = parts.groups()
        patterns.append(re.escape(scheme) + (r"[^./]+\." if wildcard else "") + re.escape(host))
    return re.compile("|".join(patterns))
