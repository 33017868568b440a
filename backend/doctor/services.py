"""What else the installation needs: the API, Redis, the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.doctor.finding import note, ok, reason, wrong

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from backend.doctor.finding import Finding
    from backend.installation import Installation

_TIMEOUT = 5.0


async def examine(installation: Installation) -> AsyncIterator[Finding]:
    async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as http:
        yield await api(http, installation.api_url)
    yield await redis(installation.environment.get("CHAT_REDIS_URL"))
    async with httpx.AsyncClient(timeout=_TIMEOUT) as outside:
        yield await model(outside, installation.environment)


async def api(http: httpx.AsyncClient, url: str) -> Finding:
    try:
        answer = await http.get(f"{url}/readyz")
    except httpx.HTTPError as error:
        return wrong("API", f"{url} cannot be reached ({reason(error)}): is the stack running?")
    try:
        status = str(answer.json()["status"])
    except (ValueError, KeyError, TypeError):
        return wrong("API", f"{url}/readyz answers {answer.status_code}, and not as our API does")
    text = f"{url} is {status}"
    return ok("API", text) if status == "ready" else wrong("API", text, answer.text[:500])


async def redis(url: str | None) -> Finding:
    if not url:
        return ok("Redis", "is not used: right for one machine (CHAT_REDIS_URL)")
    try:
        server = Redis.from_url(url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT)
        async with server:
            version = (await server.info("server"))["redis_version"]
    except (RedisError, OSError, ValueError) as error:
        return wrong("Redis", f"cannot be used ({reason(error)})")
    return ok("Redis", f"answers, version {version}")


async def model(http: httpx.AsyncClient, environment: Mapping[str, str | None]) -> Finding:
    """Asked for its models, which costs nothing. https://platform.openai.com/docs/api-reference/models/list"""
    key, name = environment.get("CHAT_LLM_API_KEY"), environment.get("CHAT_LLM_MODEL")
    base = environment.get("CHAT_LLM_BASE_URL") or ("https://api.openai.com/v1" if key else None)
    if base is None:
        return ok("model", "none is set: the built-in offline assistant answers (CHAT_LLM_BASE_URL)")
    url = f"{base.rstrip('/')}/models"
    try:
        answer = await http.get(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return wrong("model", f"{url} cannot be reached ({reason(error)})")
    if answer.status_code in {401, 403}:
        return wrong("model", f"{url} refuses the key ({answer.status_code}): CHAT_LLM_API_KEY")
    if answer.status_code >= 500:
        return wrong("model", f"{url} answers {answer.status_code}")
    try:
        models = {str(each["id"]) for each in answer.json()["data"]}
    except (ValueError, KeyError, TypeError):
        return note("model", f"{base} answers, and does not say which models it has")
    if name not in models:
        return wrong("model", f"{base} has no {name!r}: CHAT_LLM_MODEL", *sorted(models)[:10])
    return ok("model", f"{base} has {name}")
