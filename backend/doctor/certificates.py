"""The certificates behind the https addresses of the settings."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from backend.doctor.finding import note, ok, reason, wrong

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from backend.doctor.finding import Finding
    from backend.installation import Installation

_TIMEOUT = 5.0
_NAMES = ("CHAT_GRAPHQL_URL", "CHAT_API_URL", "CHAT_LLM_BASE_URL", "CHAT_CORS_ORIGINS")


async def examine(installation: Installation) -> AsyncIterator[Finding]:
    given = ",".join(installation.environment.get(name) or "" for name in _NAMES)
    urls = [urlsplit(each.strip()) for each in given.split(",")]
    addresses = {(url.hostname, url.port or 443) for url in urls if url.scheme == "https" and url.hostname}
    for host, port in sorted(addresses):
        yield await certificate(host, port)


async def certificate(
    host: str, port: int, *, days: float = 14, trusted: ssl.SSLContext | None = None
) -> Finding:
    """Whether it is good, and for so many days at least."""
    subject = f"certificate of {host}"
    try:
        async with asyncio.timeout(_TIMEOUT):
            _, writer = await asyncio.open_connection(host, port, ssl=trusted or ssl.create_default_context())
    except ssl.SSLCertVerificationError as error:
        return wrong(subject, f"is refused: {error.verify_message}")
    except (OSError, TimeoutError) as error:
        return note(subject, f"cannot be looked at from here ({reason(error)})")
    try:
        ends = ssl.cert_time_to_seconds(str(writer.get_extra_info("peercert")["notAfter"]))
    finally:
        writer.close()
    left = (ends - time.time()) / 86_400
    text = f"ends in {left:.0f} days"
    return wrong(subject, f"{text}: is it renewed?") if left < days else ok(subject, text)
