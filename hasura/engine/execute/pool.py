"""The connections to one source, with what its shared reads come to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg_pool import AsyncConnectionPool

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    Connections = AsyncConnectionPool[AsyncConnection[Any]]
else:
    Connections = AsyncConnectionPool


class Pool(Connections):
    """psycopg's. The numbers are plain ones: whoever looks reads them, and to count costs nothing."""

    #: requests that wait for others of their shape
    reads_waiting = 0
    #: requests that went, and the statements that they went in
    reads = 0
    read_statements = 0
