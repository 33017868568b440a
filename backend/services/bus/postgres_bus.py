"""The bus over PostgreSQL's LISTEN and NOTIFY: one connection that listens, the app's pool for what is said.

https://www.postgresql.org/docs/15/sql-notify.html
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import psycopg
import psycopg_pool

from backend.services.bus.bus import Bus, BusDown

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

_CHANNEL = "chat_bus"


class PostgresBus(Bus):
    """:param database_url: of the database itself: behind a pooler in transaction mode LISTEN hears nothing."""

    def __init__(self, database_url: str, pool: AsyncConnectionPool) -> None:
        super().__init__()
        self._url = database_url
        self._pool = pool

    async def ping(self) -> None:
        await self._execute("SELECT 1")

    async def _send(self, payload: bytes) -> None:
        await self._execute("SELECT pg_notify(%s, %s)", _CHANNEL, payload.decode())

    async def _execute(self, query: str, *parameters: str) -> None:
        try:
            async with self._pool.connection() as connection:
                await connection.execute(query, parameters)
        except (psycopg.OperationalError, psycopg_pool.PoolTimeout) as exc:
            raise BusDown("the database cannot be reached") from exc

    async def _listen(self) -> None:
        try:
            async with await psycopg.AsyncConnection.connect(
                self._url,
                autocommit=True,
                connect_timeout=3,
                application_name="chat-sessions bus",
                # A server that vanished without a word is noticed within half a minute.
                keepalives_idle=10,
                keepalives_interval=5,
                keepalives_count=3,
            ) as connection:
                await connection.execute(f"LISTEN {_CHANNEL}")
                self._connected()
                async with aclosing(connection.notifies()) as notifications:
                    async for notification in notifications:
                        self._received(notification.payload.encode())
        except psycopg.Error as exc:
            raise BusDown("the database cannot be reached") from exc
