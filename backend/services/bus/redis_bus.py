"""The bus over Redis: one pub/sub connection that listens, the client's pool for what is said.

https://redis.io/docs/latest/develop/interact/pubsub/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from backend.services.bus.bus import Bus, BusDown

if TYPE_CHECKING:
    from redis.asyncio import Redis

#: After so many silent seconds the server is asked for a sign of life, and after as many more it is given up.
SILENCE = 10.0


class RedisBus(Bus):
    def __init__(self, redis: Redis) -> None:
        super().__init__()
        self._redis = redis
        # Pub/sub ignores the number of the database: two installations in one server are kept apart by the name.
        number = redis.connection_pool.connection_kwargs.get("db") or 0
        self._channel = f"chat-sessions:{number}:bus"

    async def ping(self) -> None:
        try:
            await self._redis.execute_command("PING")
        except (RedisError, OSError) as exc:
            raise BusDown("Redis cannot be reached") from exc

    async def _send(self, payload: bytes) -> None:
        try:
            await self._redis.publish(self._channel, payload)
        except (RedisError, OSError) as exc:
            raise BusDown("Redis cannot be reached") from exc

    async def _listen(self) -> None:
        try:
            async with self._redis.pubsub() as pubsub:
                await pubsub.subscribe(self._channel)
                asked = False
                while True:
                    message = await pubsub.get_message(timeout=SILENCE)
                    match message:
                        # Also after the library has reconnected by itself, of which it says nothing else.
                        case {"type": "subscribe"}:
                            self._connected()
                        case {"type": "message", "data": payload}:
                            self._received(payload)
                        case None if asked:
                            raise BusDown("Redis does not answer")
                        case None:
                            await pubsub.ping()
                    asked = message is None
        except (RedisError, OSError) as exc:
            raise BusDown("Redis cannot be reached") from exc
