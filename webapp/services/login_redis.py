"""Sign-ins in Redis, for processes on any machine. Whom it forgets signs in again: it is to keep its data on a disk."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from telemetry.safe import told
from webapp.services.login_store import LEASE, PATIENCE, TRY_AGAIN, StoreAway, row_id, seal, unseal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

log = structlog.get_logger("webapp.logins")

#: Seconds for each try.
_TIMEOUT = 2.0


class LoginRedis:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def put(self, secret: str, text: str, *, lifetime: float) -> None:
        with _translated():
            await self._redis.set(_name("login", secret), seal(secret, text), px=round(lifetime * 1000))

    async def get(self, secret: str) -> str | None:
        with _translated():
            sealed = await self._redis.get(_name("login", secret))
        return unseal(secret, sealed) if sealed else None

    async def take(self, secret: str) -> str | None:
        with _translated():
            sealed = await self._redis.getdel(_name("login", secret))
        return unseal(secret, sealed) if sealed else None

    @asynccontextmanager
    async def alone(self, secret: str) -> AsyncIterator[None]:
        lock = self._redis.lock(
            _name("lease", secret), timeout=LEASE, blocking_timeout=PATIENCE, sleep=TRY_AGAIN
        )
        with _translated():
            if not await lock.acquire():
                raise StoreAway
        try:
            yield
        finally:
            with suppress(RedisError, OSError):  # it ends by itself, or has
                await lock.release()


def connect(url: str) -> Redis:
    """Not connected until it is used. What fails is tried once more: an idle connection may have been closed."""
    return Redis.from_url(
        url,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 1),
    )


def _name(kind: str, secret: str) -> str:
    return f"chat-sessions:{kind}:{row_id(secret).hex()}"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as exc:
        log.warning("Redis, where sign-ins are, cannot be reached", cause=told(exc))
        raise StoreAway from exc
