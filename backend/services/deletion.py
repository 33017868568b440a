"""What goes for good: chats that are older than their owners or the operator keep them, and accounts that are deleted.

The database decides what goes and takes it in batches (sql/0011_accounts.sql, sql/0012_purge.sql), so that nobody
else's deletes wait long.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, LiteralString

import psycopg
import psycopg_pool
import structlog

from backend.services.tasks import end
from telemetry.safe import told

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from psycopg_pool import AsyncConnectionPool

    from backend.metrics import Metrics
    from backend.services.accounts import Account

#: Between two looks at all accounts, in seconds.
EVERY = 600.0
#: Messages, about, that one batch takes: others' deletes wait for its end.
BATCH = 2000
#: A batch that takes longer, in seconds, is given up and tried again at the next look.
BATCH_WITHIN = 60.0
#: Between two batches, in seconds: the deletes of others come in between.
PAUSE = 0.1
#: How long a request to delete an account waits for it to be gone, in seconds; what is left then is the sweep's.
WAIT = 20.0

log = structlog.get_logger(__name__)


class Deletion:
    """Runs as a task from `start` to `aclose`. Several processes may: a batch that another has taken is empty."""

    def __init__(
        self,
        pool: AsyncConnectionPool,
        metrics: Metrics,
        *,
        trash_days: int,
        max_days: int | None,
        audit_days: int,
    ) -> None:
        self._pool = pool
        self._metrics = metrics
        self._trash_days = trash_days
        self._max_days = max_days
        self._audit_days = audit_days
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="deletion")

    async def aclose(self) -> None:
        if self._task is not None:
            await end(self._task)

    async def delete_account(self, account: Account) -> bool:
        """Signs every device out and removes everything; False when the password that `account` was verified with is
        not the one any more. What is left after WAIT goes in the background, whatever happens to this process.
        """
        async with self._pool.connection() as connection:
            ended = await connection.execute(
                "UPDATE users SET deleted_at = now()"
                " WHERE id = %s AND password_set_at = %s AND deleted_at IS NULL",
                [account.id, account.password_set_at],
            )
            if ended.rowcount == 0:
                return False
            await connection.execute("DELETE FROM sign_ins WHERE user_id = %s", [account.id])
        try:
            async with asyncio.timeout(WAIT):
                await self._remove(account.id)
        except (TimeoutError, psycopg.OperationalError, psycopg_pool.PoolTimeout) as exc:
            log.warning("account_removed_later", cause=told(exc))
        return True

    async def sweep(self) -> int:
        """How many chats were too old, or too long in the trash. Raises psycopg's errors."""
        await self._remove(None)
        await self._until_none("audit", "SELECT expire_audit_log(%s, %s)", [self._audit_days, BATCH])
        expired = await self._until_none("retention", "SELECT expire_chat_sessions(%s)", [BATCH])
        limits = [self._trash_days, self._max_days, BATCH]
        return expired + await self._until_none("purge", "SELECT purge_chat_sessions(%s, %s, %s)", limits)

    async def _remove(self, user_id: UUID | None) -> int:
        return await self._until_none("erasure", "SELECT remove_deleted_accounts(%s, %s)", [user_id, BATCH])

    async def _until_none(
        self, process: str, statement: LiteralString, values: Sequence[UUID | int | None]
    ) -> int:
        """What the batches of `statement` come to. The audit log names the process."""
        total = 0
        while True:
            async with asyncio.timeout(BATCH_WITHIN), self._pool.connection() as connection:
                await connection.execute("SELECT set_config('chat.process', %s, true)", [process])
                row = await (await connection.execute(statement, values)).fetchone()
            if row is None or not row[0]:
                return total
            total += int(row[0])
            await asyncio.sleep(PAUSE)

    async def _run(self) -> None:
        while True:
            try:
                with self._metrics.sweep("deletion"):
                    chats = await self.sweep()
                self._metrics.swept.labels("deletion").inc(chats)
                if chats:
                    log.info("chats_expired", chats=chats)
            except (psycopg.Error, psycopg_pool.PoolTimeout, TimeoutError) as exc:
                log.warning("deletion_failed", cause=told(exc))
            await asyncio.sleep(EVERY)
