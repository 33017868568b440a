"""The lines of the audit log about what changes no row; the others are the database's own (sql/0013_audit_log.sql)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from uuid import UUID

    from psycopg_pool import AsyncConnectionPool


class AuditLog:
    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool

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
