"""The connection that listens: which tables changed, and which tables can be relied on to say so."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
import structlog

from .triggers import CHANNEL, Triggers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from .triggers import Table

#: Seconds of silence after which the triggers are looked at again: a table may have been made anew since.
LOOK_AGAIN = 10.0
#: Seconds between two attempts to connect.
RECONNECT = 0.5
#: A peer that vanished without a word is noticed within this many seconds.
KEEPALIVES = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

log = structlog.get_logger("livequery-listener")


class Change(NamedTuple):
    """Of which table; and of which rows: by column, the fingerprints of the values before and after, or None."""

    table: Table
    rows: Mapping[str, Collection[str]] | None = None


def change_of(payload: str) -> Change | None:
    """Anybody may send on the channel: what is not the triggers' counts as a change of any table."""
    try:
        schema, name, *rest = json.loads(payload)
    except (ValueError, TypeError):
        return None
    match rest:
        case []:
            rows = None
        case [dict(rows)] if all(isinstance(values, list) for values in rows.values()):
            pass
        case _:
            return None
    return Change((schema, name), rows) if isinstance(schema, str) and isinstance(name, str) else None


class ChangeFeed:
    """Listens for as long as ``run`` does, reconnecting for ever.

    ``on_change`` is called with what changed, or with None when anything may have: after the
    connection came (back), and when it was lost, so that everybody looks and then polls. ``own_pid`` is the session
    that announces what this engine knows already.
    """

    def __init__(
        self,
        database_url: str,
        on_change: Callable[[Change | None], None],
        on_reconnect: Callable[[], Awaitable[None]],
        own_pid: Callable[[], int | None],
    ) -> None:
        self._database_url = database_url
        self._on_change = on_change
        self._on_reconnect = on_reconnect
        self._own_pid = own_pid
        self._triggers = Triggers()
        self._tracked: frozenset[Table] = frozenset()
        self._announcing: dict[Table, tuple[int, ...]] = {}
        self._engines: frozenset[str] = frozenset()
        self._listening = False

    @property
    def listens(self) -> bool:
        """Whether announcements are heard."""
        return self._listening

    def announces(self, tables: frozenset[Table]) -> bool:
        """Whether a change of any of these tables will certainly be heard."""
        return self._listening and bool(tables) and tables <= self._announcing.keys()

    async def track(self, connection: psycopg.AsyncConnection[Any], tables: frozenset[Table]) -> None:
        """From now on these tables are tracked; the connection is in autocommit mode."""
        self._tracked = tables
        self._announcing = await self._triggers.install(connection, tables)
        self._on_change(None)

    async def run(self) -> None:
        """Never returns."""
        outage = ""
        while True:
            try:
                await self._listen()
            except psycopg.Error as error:
                if self._listening or not outage:
                    outage = str(error).strip()
                    log.warning("not listening: live queries are polled", reason=outage)
            finally:
                lost, self._listening = self._listening, False
            if lost:
                self._on_change(None)
            await asyncio.sleep(RECONNECT)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._database_url,
            autocommit=True,
            application_name="hasura-engine-listener",
            **KEEPALIVES,  # type: ignore[arg-type]
        )
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self._announcing = await self._triggers.install(connection, self._tracked)
            self._engines = await _engines(connection)
            self._listening = True
            log.info("listening for changes", tables=len(self._announcing))
            await self._on_reconnect()
            self._on_change(None)
            while True:
                async for notification in connection.notifies(timeout=LOOK_AGAIN):
                    if notification.pid != self._own_pid():
                        self._on_change(change_of(notification.payload))
                announced = await self._triggers.install(connection, self._tracked)
                engines = await _engines(connection)
                # An engine that died may not have announced its last writes.
                if announced != self._announcing or self._engines - engines:
                    self._announcing = announced
                    self._on_change(None)
                self._engines = engines


async def _engines(connection: psycopg.AsyncConnection[Any]) -> frozenset[str]:
    """The engines that write to this database: what their connections are called. One is there until its last statement
    has ended, whatever became of its process."""
    cursor = await connection.execute(
        "SELECT DISTINCT application_name FROM pg_catalog.pg_stat_activity"
        " WHERE datname = pg_catalog.current_database() AND application_name LIKE 'hasura-engine-source-%'"
    )
    return frozenset([row[0] for row in await cursor.fetchall()])
