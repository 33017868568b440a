"""The connections to PostgreSQL: bounded, as is who waits for one, and how long that takes is told."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from telemetry.sql import traced_cursors

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTIONS = 16
#: Seconds that a request waits for a connection.
WITHIN = 3.0
#: Who may wait at the same time; everybody else is told at once. A statement takes milliseconds: these wait for less
#: than a second, and more would only wait longer.
MOST_WAITING = 200
#: Seconds in which a second dead connection tells nothing new.
SAME_OUTAGE = 1.0


class DatabasePool(AsyncConnectionPool):
    """Raises PoolTimeout after `WITHIN`, and TooManyRequests at once where `MOST_WAITING` wait already; both are
    psycopg.OperationalErrors.

    :param waited: is told the seconds that each request waited for a connection, or in vain.
    """

    def __init__(self, database_url: str, waited: Callable[[float], object]) -> None:
        super().__init__(
            database_url,
            min_size=1,
            max_size=CONNECTIONS,
            max_waiting=MOST_WAITING,
            timeout=WITHIN,
            kwargs={"connect_timeout": 3, "application_name": "chat-sessions backend"} | traced_cursors(),
            check=self._still_there,
            open=False,
        )
        self._waited = waited
        self._lost_at = -SAME_OUTAGE

    async def getconn(self, timeout: float | None = None) -> psycopg.AsyncConnection[Any]:  # noqa: ASYNC109 (its)
        began = time.perf_counter()
        try:
            return await super().getconn(timeout)
        finally:
            self._waited(time.perf_counter() - began)

    async def _still_there(self, connection: psycopg.AsyncConnection[Any]) -> None:
        # PostgreSQL says something unasked when it goes, and hardly ever else; nothing to read costs no round trip.
        unread = select.poll()
        unread.register(connection.fileno(), select.POLLIN)
        if not unread.poll(0):
            return
        try:
            await self.check_connection(connection)
        except psycopg.OperationalError:
            # The server was restarted: the others are as dead. Looked at one by one, with psycopg's growing pauses
            # between them, a few make a request fail whose database has long been back.
            if time.monotonic() - self._lost_at >= SAME_OUTAGE:
                self._lost_at = time.monotonic()
                await self.drain()
            raise
