"""Ends the answers whose writers have died: every backend process looks for leases that have run out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
import psycopg_pool
import structlog

from backend.services import deadlines
from backend.services.assistant_errors import Interrupted, saved
from backend.services.hasura_client import HasuraError
from backend.services.tasks import end
from telemetry.safe import told

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg_pool import AsyncConnectionPool

    from backend.metrics import Metrics
    from backend.services.hasura_client import HasuraClient
    from backend.services.tokens import Tokens

#: Between two looks, in seconds.
EVERY = 3.0
#: After an outage of GraphQL or of the database living writers get a lease's length to renew theirs, before anybody
#: calls them dead.
AFTER_OUTAGE = 10.0
#: A look that takes longer, in seconds, is given up: whoever hangs there would hang for ever.
WITHIN = 60.0
#: Answers that are ended in one go.
AT_ONCE = 100
_NOBODY = UUID(int=0)

# Ids only: what is in an answer is GraphQL's to read and to write. The lease is on the database's clock.
_ABANDONED = """
SELECT message_id, user_id, lease_until FROM chat_messages
 WHERE status = 'streaming' AND role = 'assistant' AND lease_until < clock_timestamp() LIMIT %s
"""

log = structlog.get_logger(__name__)


class Sweeper:
    """Runs as a task from `start` to `aclose`. Several processes may sweep: each write is fenced by the lease seen."""

    def __init__(
        self, pool: AsyncConnectionPool, client: HasuraClient, tokens: Tokens, metrics: Metrics
    ) -> None:
        self._pool = pool
        self._client = client
        self._tokens = tokens
        self._metrics = metrics
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="sweeper")

    async def aclose(self) -> None:
        if self._task is not None:
            await end(self._task)

    async def sweep(self) -> int:
        """How many answers it has ended. Raises psycopg's errors and HasuraError."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_ABANDONED, [AT_ONCE])
            abandoned = await cursor.fetchall()
        return sum([await self._end(*row) for row in abandoned])

    async def _run(self) -> None:
        outage = False
        while True:
            try:
                await self._client.ping(self._tokens.assistant(_NOBODY))
                if outage:
                    await asyncio.sleep(AFTER_OUTAGE)
                with self._metrics.sweep("answers"):
                    async with deadlines.within(WITHIN):
                        ended = await self.sweep()
                self._metrics.swept.labels("answers").inc(ended)
                outage = False
            except (psycopg.Error, psycopg_pool.PoolTimeout, HasuraError, deadlines.DeadlineExceeded) as exc:
                log.warning("sweep_failed", cause=told(exc))
                outage = True
            await asyncio.sleep(EVERY)

    async def _end(self, message_id: UUID, user_id: UUID, lease_until: datetime) -> bool:
        ended = await self._client.fail_abandoned_answer(
            self._tokens.assistant(user_id), message_id, lease_until=lease_until, error=saved(Interrupted())
        )
        if ended is not None:
            log.warning("answer_abandoned", message_id=str(message_id))
        return ended is not None
