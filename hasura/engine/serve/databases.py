"""The databases of the sources: a pool of connections and the live queries of each, and what their catalogs say."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import select
import time
from typing import TYPE_CHECKING, Any

import psycopg
import structlog

from hasura.engine.errors import DatabaseUnavailable
from hasura.engine.execute.pool import Pool
from hasura.engine.live.queries import LiveQueries
from hasura.engine.metadata.connection import Connection, connection
from telemetry.sql import traced_cursors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from hasura.engine.metrics import Metrics
    from hasura.engine.settings import Settings
    from hasura.engine.snapshot import Snapshot

#: Seconds that a request waits for a free connection.
POOL_TIMEOUT = 5.0
#: Seconds that a database may take to accept one.
CONNECT_TIMEOUT = 5
#: Statements that wait for one: whoever comes besides is told at once.
MOST_WAITING = 1000
#: Seconds in which a second dead connection tells nothing new.
SAME_OUTAGE = 1.0

log = structlog.get_logger("source")


class Database:
    """One source's."""

    def __init__(self, settings: Settings, metrics: Metrics, name: str, at: Connection) -> None:
        self.at = at
        own = at.pool
        self.pool = pool(
            at.conninfo,
            f"source-{name}",
            size=own.max_connections or settings.pg_connections,
            lifetime=own.connection_lifetime or settings.pg_conn_lifetime,
            timeout=own.pool_timeout or POOL_TIMEOUT,
            idle=own.idle_timeout or 600.0,
            prepares=at.prepares,
        )
        self.live = LiveQueries(settings, metrics, self.pool, at.conninfo)
        self._stack = contextlib.AsyncExitStack()

    async def open(self) -> None:
        """Connects, in the background."""
        await self.pool.open()
        self._stack.push_async_callback(self.pool.close)
        await self._stack.enter_async_context(self.live.listening())

    async def close(self) -> None:
        """Ends what runs."""
        await self._stack.aclose()

    async def track(self, tables: frozenset[tuple[str, str]]) -> None:
        """From now on these tables announce their changes; until that can be arranged, they are polled."""
        try:
            async with self.pool.connection() as connection:
                await self.live.track(connection, tables)
        except psycopg.Error as error:
            log.warning("changes are not announced yet", reason=str(error))


class Pools(dict[str, "Pool"]):
    """By the name of the source."""

    def __missing__(self, name: str) -> Pool:
        raise DatabaseUnavailable(f'the source "{name}" is not served any more')


class Databases:
    """Those of the sources that are served now."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._open: dict[str, Database] = {}
        #: replaced, but perhaps in use
        self._spare: list[Database] = []
        self.pools = Pools()

    def __getitem__(self, source: str) -> Database:
        """:raises DatabaseUnavailable: the source is not served."""
        if source not in self._open:
            raise DatabaseUnavailable(f'the source "{source}" is not served any more')
        return self._open[source]

    def open_now(self) -> Mapping[str, Database]:
        """By the name of the source."""
        return dict(self._open)

    @property
    def metadata_url(self) -> str:
        """The database that keeps the metadata, and often a source's tables as well."""
        return self._settings.metadata_url

    def connection(self, source: Mapping[str, Any]) -> Connection:
        """Where the database of a source of the metadata is.

        :raises UnusableConnectionError: the metadata does not say.
        """
        own = {"HASURA_GRAPHQL_DATABASE_URL": self._settings.database_url}
        return connection(source, {**os.environ, **own})

    async def open(self, snapshot: Snapshot) -> None:
        """Opens what a snapshot needs, before it is served."""
        for entry in snapshot.metadata.get("sources", ()):
            name = entry["name"]
            if name not in snapshot.sources:
                continue
            at, found = self.connection(entry), self._open.get(name)
            if found is not None and found.at != at:
                self._spare.append(found)
            if found is None or found.at != at:
                self._open[name] = Database(self._settings, self._metrics, name, at)
                await self._open[name].open()
                self.pools[name] = self._open[name].pool

    async def settle(self, snapshot: Snapshot) -> None:
        """Closes what nobody needs any more, and has the tracked tables announce their changes."""
        for name in self._open.keys() - snapshot.sources.keys():
            del self.pools[name]
            self._spare.append(self._open.pop(name))
        spare, self._spare = self._spare, []
        await asyncio.gather(
            *(each.close() for each in spare),
            *(each.track(_base_tables(snapshot, name)) for name, each in self._open.items()),
        )

    async def close(self) -> None:
        """Ends all of them."""
        await asyncio.gather(*(each.close() for each in self._open.values()))

    @contextlib.asynccontextmanager
    async def connected(self, at: Connection) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """A connection, of the pool where there is one already."""
        for each in self._open.values():
            if each.at == at:
                async with each.pool.connection() as connection:
                    yield connection
                return
        found = await psycopg.AsyncConnection.connect(
            at.conninfo, autocommit=True, connect_timeout=CONNECT_TIMEOUT, application_name="hasura-engine"
        )
        async with found:
            yield found


def _base_tables(snapshot: Snapshot, source: str) -> frozenset[tuple[str, str]]:
    tables = snapshot.source(source).tables.items()
    return frozenset(key for key, table in tables if table.catalog.kind in {"r", "p"})


def pool(
    conninfo: str,
    name: str,
    *,
    size: int,
    lifetime: float,
    timeout: float = POOL_TIMEOUT,
    idle: float = 600.0,
    prepares: bool = True,
) -> Pool:
    """A pool, not open yet; times are in seconds."""
    kwargs: dict[str, Any] = {
        "autocommit": True,
        "connect_timeout": CONNECT_TIMEOUT,
        # Of its own: when none of them is left, other engines on the database know that this one has written its last.
        "application_name": f"hasura-engine-{name} {secrets.token_hex(4)}",
    }
    if not prepares:
        kwargs["prepare_threshold"] = None
    kwargs |= traced_cursors()
    return _Pool(
        conninfo,
        name=name,
        min_size=min(2, size),
        max_size=size,
        max_lifetime=lifetime,
        max_idle=idle,
        timeout=timeout,
        max_waiting=MOST_WAITING,
        # An attempt that fails is given up soon: the next request makes a new one, without a growing delay.
        reconnect_timeout=2,
        open=False,
        kwargs=kwargs,
    )


class _Pool(Pool):
    """One that survives a restart of its server at once."""

    def __init__(self, conninfo: str, **options: Any) -> None:
        super().__init__(conninfo, check=self._still_there, **options)
        self._lost_at = -SAME_OUTAGE

    async def _still_there(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Raises ``OperationalError`` for a connection that PostgreSQL has closed meanwhile: the pool takes another."""
        # That PostgreSQL says something unasked is rare, and mostly its farewell; nothing to read costs no round trip.
        unread = select.poll()
        unread.register(connection.fileno(), select.POLLIN)
        if not unread.poll(0):
            return
        try:
            await self.check_connection(connection)
        except psycopg.OperationalError:
            # The others are as dead. Looked at one by one, with psycopg's growing pauses between them, a few make a
            # request fail whose database has long been back.
            if time.monotonic() - self._lost_at >= SAME_OUTAGE:
                self._lost_at = time.monotonic()
                await self.drain()
            raise
