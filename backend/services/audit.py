"""The lines of the audit log about what changes no row; the others are the database's own (sql/0013_audit_log.sql)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import psycopg_pool
import structlog
from psycopg.types.json import Jsonb

from backend.services.tasks import end
from telemetry.safe import told

if TYPE_CHECKING:
    from uuid import UUID

    from psycopg_pool import AsyncConnectionPool

#: Between two looks for the engine's table of permissions, in seconds: the engine may be starting too.
EVERY = 1.0

log = structlog.get_logger(__name__)


class AuditLog:
    """From `start` to `aclose` it waits for the engine's table of permissions, whose changes are told from then on."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch_permissions(), name="audit log")

    async def aclose(self) -> None:
        if self._task is not None:
            await end(self._task)

    async def _watch_permissions(self) -> None:
        trouble = ""
        while True:
            try:
                if await self._watches():
                    return
                trouble = ""
            except (psycopg.Error, psycopg_pool.PoolTimeout) as exc:
                if told(exc) != trouble:
                    trouble = told(exc)
                    log.warning("permissions_not_watched", cause=trouble)
            await asyncio.sleep(EVERY)

    async def _watches(self) -> bool:
        async with self._pool.connection() as connection:
            await connection.execute("SET LOCAL lock_timeout = '2s'")
            row = await (await connection.execute("SELECT watch_permissions()")).fetchone()
        return row is not None and row[0] is True

    async def sign_in_failed(self, username: str, address: str) -> None:
        """The name itself is not kept: somebody may have typed a password there."""
        async with self._pool.connection() as connection:
            await connection.execute(
                "INSERT INTO audit_log (event, user_id, address)"
                " VALUES ('sign_in_failed', (SELECT id FROM users WHERE lower(username) = lower(%s)), %s)",
                [username, address[:60]],
            )

    async def exported(
        self, user_id: UUID, address: str, *, form: str, session_id: UUID | None = None
    ) -> None:
        """Of one session, or of all: before the first byte of it leaves."""
        async with self._pool.connection() as connection:
            await connection.execute(
                "INSERT INTO audit_log (event, user_id, subject, address, details)"
                " VALUES ('exported', %s, %s, %s, %s)",
                [user_id, session_id, address[:60], Jsonb({"format": form})],
            )
