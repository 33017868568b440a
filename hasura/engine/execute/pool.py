"""The connections to one source, with what its shared reads come to, and what its writes have changed."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import AsyncConnectionPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from psycopg import AsyncConnection
    from psycopg.errors import Diagnostic

    Connections = AsyncConnectionPool[AsyncConnection[Any]]
else:
    Connections = AsyncConnectionPool

#: The SQLSTATE of the notices by which the triggers of the live queries say what has changed.
ANNOUNCEMENT = "HDB00"
#: No table: anything may have changed.
ANYTHING = ""

# One round trip, and nothing of it outlives the transaction: a pooler may give the connection to anybody then.
_BEGIN = "BEGIN; SET LOCAL hdb_live_queries.told_by_client = on; SET LOCAL client_min_messages = notice"


class Pool(Connections):
    """psycopg's. The numbers are plain ones: whoever looks reads them, and to count costs nothing."""

    #: requests that wait for others of their shape
    reads_waiting = 0
    #: requests that went, and the statements that they went in
    reads = 0
    read_statements = 0
    #: announces what a transaction has changed; without it, the triggers do
    tell: Callable[[Sequence[str]], None] | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection[Any]]:
        """A connection in a transaction that is committed at the end; what it has changed is announced then.

        Raises psycopg's errors.
        """
        async with self.connection() as connection:
            if self.tell is None:
                async with connection.transaction():
                    yield connection
                return
            heard: list[str] = []

            def hear(notice: Diagnostic) -> None:
                if notice.sqlstate == ANNOUNCEMENT and notice.message_detail:
                    heard.append(notice.message_detail)

            connection.add_notice_handler(hear)
            try:
                await connection.execute(_BEGIN)
                try:
                    yield connection
                except BaseException:
                    with suppress(psycopg.OperationalError):
                        await connection.rollback()
                    raise
                try:
                    await connection.execute("COMMIT")
                except BaseException:
                    self.tell([ANYTHING])  # who knows
                    raise
                if heard:
                    self.tell(heard)
            finally:
                connection.remove_notice_handler(hear)
