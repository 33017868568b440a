"""How many answers of one user may be under way at once, exactly, over all processes: counted in the database."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from psycopg_pool import AsyncConnectionPool

    from backend.services.hasura_client import HasuraClient
    from backend.services.tokens import User

#: Connections of the pool that may be waiting here: sign-ins need some too.
AT_ONCE = 4
_KIND = 0x7475726E  # "turn": advisory locks of one kind, one for each user
_LOCK = "SELECT set_config('lock_timeout', '5s', true), pg_advisory_xact_lock(%s, hashtext(%s))"


class TooManyReplies(Exception):
    """This user has as many answers under way as are allowed."""


class Places:
    def __init__(self, pool: AsyncConnectionPool, client: HasuraClient, per_user: int) -> None:
        self._pool = pool
        self._client = client
        self._per_user = per_user
        self._users: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._waiting = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def one(self, user: User, answer_id: UUID) -> AsyncIterator[None]:
        """Within it the user begins no other answer, in any process: count, then begin.

        An answer that is there already needs no place. Raises TooManyReplies, a HasuraError, or psycopg's errors.
        """
        mine = self._users.setdefault(user.id, asyncio.Lock())
        async with (
            mine,  # of this process one request waits in the database, not all that its user sends
            self._waiting,
            self._pool.connection() as connection,
            connection.transaction(),
        ):
            await connection.execute(_LOCK, [_KIND, str(user.id)])
            if await self._client.count_streaming(user.token) >= self._per_user:
                answer = await self._client.get_chat_message(user.token, answer_id)
                if answer is None or answer.status == "failed":
                    raise TooManyReplies
            yield
