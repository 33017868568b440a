"""``GET /v1/metrics``, where Hasura's Enterprise Edition has its own, and ``GET /metrics``: for Prometheus alone.

Source: https://hasura.io/docs/2.0/observability/enterprise-edition/prometheus/integrate-prometheus-grafana/
"""

from __future__ import annotations

import asyncio
import secrets
from ipaddress import ip_address
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from .service import nowhere

if TYPE_CHECKING:
    from pydantic import SecretStr
    from starlette.requests import Request

    from .engine import Engine

#: Set by whatever stands between: then the peer's address says nothing of who asks.
_OF_PROXIES = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


async def metrics(request: Request) -> Response:
    """404 to strangers: with a metrics secret whoever lacks it, without one whoever is not on this machine."""
    engine: Engine = request.app.state.engine
    if not _may_see(request, engine.settings.metrics_secret):
        return nowhere()
    # Some milliseconds, for which nobody else is to wait.
    numbers = await asyncio.to_thread(generate_latest, engine.metrics.registry)
    return Response(numbers, media_type=CONTENT_TYPE_LATEST)


def _may_see(request: Request, secret: SecretStr | None) -> bool:
    if secret is not None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and secrets.compare_digest(
            given.strip().encode(), secret.get_secret_value().encode()
        )
    if request.client is None or any(name in request.headers for name in _OF_PROXIES):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False
