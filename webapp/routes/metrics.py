"""The numbers of this process, for Prometheus; to nobody else."""

from __future__ import annotations

import asyncio
import secrets
from ipaddress import ip_address
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.responses import Response

from webapp.services import services

if TYPE_CHECKING:
    from pydantic import SecretStr
    from starlette.requests import Request

#: Set by whatever stands between: then the peer's address says nothing of who asks.
_OF_PROXIES = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


async def metrics(request: Request) -> Response:
    """404 to strangers: with CHAT_METRICS_TOKEN whoever lacks it, without it whoever is not on this machine."""
    if not _may_see(request, services().metrics_token):
        raise HTTPException(404)
    # Some milliseconds, for which nobody else is to wait.
    numbers = await asyncio.to_thread(generate_latest, services().metrics.registry)
    return Response(numbers, media_type=CONTENT_TYPE_LATEST)


def _may_see(request: Request, token: SecretStr | None) -> bool:
    if token is not None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and secrets.compare_digest(
            given.strip().encode(), token.get_secret_value().encode()
        )
    if request.client is None or any(name in request.headers for name in _OF_PROXIES):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False
