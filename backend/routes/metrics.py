"""The numbers of this process, for Prometheus; to nobody else."""

from __future__ import annotations

import asyncio
import secrets
from ipaddress import ip_address
from typing import cast

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import SecretStr

from backend.errors import NotFound
from backend.metrics import Metrics

router = APIRouter(tags=["health"])

#: Set by whatever stands between: then the peer's address says nothing of who asks.
_OF_PROXIES = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """404 to strangers: with CHAT_METRICS_TOKEN whoever lacks it, without it whoever is not on this machine."""
    if not _may_see(request, request.app.state.metrics_token):
        raise NotFound
    registry = cast("Metrics", request.app.state.metrics).registry
    # Some milliseconds, for which nobody else is to wait.
    numbers = await asyncio.to_thread(generate_latest, registry)
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
