"""How many answers of one user may be under way at once, exactly, and how many tokens they may take in a day: over all
processes, counted in the database."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

    from backend.services.hasura_client import HasuraClient
    from backend.services.tokens import User

#: Connections of the pool that may be taken here, each for two requests to GraphQL: sign-ins need some too. Few are
#: enough while all is quick; where a machine is busy they bound how many questions are taken in a second.
AT_ONCE = 10
_KIND = 0x7475726E  # "turn": advisory locks of one kind, one for each user
_LOCK = "SELECT set_config('lock_timeout', '5s', true), pg_advisory_xact_lock(%s, hashtext(%s))"
# Here and not through GraphQL: whoever waits for a connection waits for as long as this takes.
_UNDER_WAY = "SELECT count(*) FROM chat_messages WHERE user_id = %s AND status = 'streaming'"
_SPENT = """
SELECT coalesce(sum(t.prompt_tokens + t.completion_tokens), 0),
       ceil(extract(epoch FROM (now.day + 1)::timestamp - now.moment))::integer
  FROM (SELECT n.moment, n.moment::date AS day FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC') AS n (moment)) AS now
  LEFT JOIN token_usage AS t ON t.day = now.day AND t.user_id = %s
 GROUP BY now.day, now.moment
"""


class TooManyReplies(Exception):
    """This user has as many answers under way as are allowed."""


class TokensSpent(Exception):
    """This user's answers have taken as many tokens today as they may. :ivar retry_after: seconds until tomorrow."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"again in {retry_after} s")
        self.retry_after = retry_after


class Places:
    """:param tokens_per_day: a day is one of UTC; None for no such limit."""

    def __init__(
        self,
        pool: AsyncConnectionPool,
        client: HasuraClient,
        per_user: int,
        tokens_per_day: int | None = None,
    ) -> None:
        self._pool = pool
        self._client = client
        self._per_user = per_user
        self._tokens_per_day = tokens_per_day
        self._users: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._waiting = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def one(self, user: User, answer_id: UUID, *, goes_on: bool = False) -> AsyncIterator[None]:
        """Within it the user begins no other answer, in any process: count, then begin.

        An answer that is there already needs no place and takes nothing, unless it `goes_on`. What those take that are
        under way is known when they end: a user may exceed a day's tokens by so many answers. Raises TooManyReplies,
        TokensSpent, a HasuraError, or psycopg's errors.
        """
        mine = self._users.setdefault(user.id, asyncio.Lock())
        async with (
            mine,  # of this process one request waits in the database, not all that its user sends
            self._waiting,
            self._pool.connection() as connection,  # one transaction, which begins with the first statement
        ):
            refusal = await self._refusal(connection, user)
            if refusal is not None:
                answer = await self._client.get_chat_message(user.token, answer_id)
                written = {"streaming"} if goes_on else {"streaming", "complete", "stopped"}
                if answer is None or answer.status not in written:
                    raise refusal
            yield

    async def _refusal(self, connection: AsyncConnection, user: User) -> TooManyReplies | TokensSpent | None:
        """Takes the user's lock, which the transaction keeps, and counts."""
        counted, spent = connection.cursor(), connection.cursor()
        # In one go, each a statement of its own all the same: it sees what was there when the lock was had.
        async with connection.pipeline():
            await connection.execute(_LOCK, [_KIND, str(user.id)])
            await counted.execute(_UNDER_WAY, [user.id])
            if self._tokens_per_day is not None:
                await spent.execute(_SPENT, [user.id])
        row = await counted.fetchone()
        if row is None or row[0] >= self._per_user:
            return TooManyReplies()
        if self._tokens_per_day is None:
            return None
        row = await spent.fetchone()
        tokens, seconds = row or (0, 0)
        return TokensSpent(seconds) if tokens >= self._tokens_per_day else None
