"""What one engine process holds: its connections, the metadata that it serves, and who is connected."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import psycopg
import structlog
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from hasura.engine.allowlist import Allowlist
from hasura.engine.api_limits import ApiLimits
from hasura.engine.auth.authenticator import Authenticator
from hasura.engine.document.parse import bounded_depth
from hasura.engine.errors import DatabaseUnavailable, EngineError
from hasura.engine.execute.failures import translate
from hasura.engine.metadata.directory import load_metadata_directory
from hasura.engine.metadata_store import MetadataStore, StoredMetadata, stale
from hasura.engine.metrics import Metrics
from hasura.engine.offload import aside, is_long
from hasura.engine.snapshot import build_snapshot, read_metadata

from .catalogs import Catalogs
from .cors import CorsPolicy
from .databases import POOL_TIMEOUT, Databases, pool
from .draft import Draft
from .measured import State, watch_loop
from .ws_messages import Close

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hasura.engine.document.parse import Operation
    from hasura.engine.execute.pool import Pool
    from hasura.engine.execute.run import Pools
    from hasura.engine.live.queries import LiveQueries
    from hasura.engine.pipeline import GraphQLRequest
    from hasura.engine.session import Session
    from hasura.engine.settings import Settings
    from hasura.engine.snapshot import Snapshot

    from .catalogs import Inside
    from .ws import Connection

#: Seconds that a health check waits for one.
HEALTH_TIMEOUT = 2.0
#: At the end: WebSockets that are sent away in a second, so that whoever takes over is not run over; and the longest
#: that takes.
AWAY_PER_SECOND, AWAY_WITHIN = 100.0, 5.0

log = structlog.get_logger("schema-sync")


@dataclass(frozen=True, slots=True)
class _Served:
    snapshot: Snapshot
    resource_version: int
    #: what the snapshot was made of
    catalogs: Catalogs


class Engine:
    """``running()`` connects and follows the stored metadata; a database that is not up yet is waited for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.authenticator = Authenticator(
            settings.admin_secret, settings.jwt_secret, settings.unauthorized_role
        )
        self.cors = CorsPolicy(settings)
        self.metrics = Metrics()
        self.databases = Databases(settings, self.metrics)
        self._metadata_pool = pool(
            settings.metadata_url, "metadata", size=2, lifetime=settings.pg_conn_lifetime
        )
        self._store = MetadataStore()
        directory = settings.metadata_dir
        self._to_apply = None if directory is None else load_metadata_directory(directory)
        self._served: _Served | None = None
        self._allowlist = Allowlist({})
        self._rates = MovingWindowRateLimiter(MemoryStorage())
        self.api_limits: ApiLimits | None = None
        self._changing = asyncio.Lock()
        #: set after the first attempt to read the metadata, whether or not it succeeded
        self._looked = asyncio.Event()
        self.connections: set[Connection] = set()
        self.metrics.registry.register(State(self))
        #: This process is to end; others serve.
        self.draining = False

    def begin_draining(self) -> None:
        """From now on the WebSockets are sent away, each at a moment by chance and between two of its operations."""
        self.draining = True
        spread = min(len(self.connections) / AWAY_PER_SECOND, AWAY_WITHIN)
        for connection in self.connections:
            connection.leave_within(spread)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serves for as long as this lasts."""
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self.authenticator.keys.kept_fresh())
            await self._metadata_pool.open()
            stack.push_async_callback(self._metadata_pool.close)
            stack.push_async_callback(self.databases.close)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            follower = tasks.create_task(self._follow_metadata(), name="schema-sync")
            # With the database up, the first request finds an engine that serves.
            await self._looked.wait()
            lag = tasks.create_task(watch_loop(self.metrics.loop_lag), name="loop-lag")
            yield
            follower.cancel()
            lag.cancel()

    @property
    def snapshot(self) -> Snapshot:
        """What is served now.

        :raises DatabaseUnavailable: PostgreSQL has not been reached since the start.
        """
        if self._served is None:
            raise DatabaseUnavailable("the engine has not reached its database yet")
        return self._served.snapshot

    @property
    def resource_version(self) -> int | None:
        """Of the metadata that is served, if any is."""
        return None if self._served is None else self._served.resource_version

    @property
    def inconsistencies(self) -> int:
        """Objects of the metadata that are not served."""
        return 0 if self._served is None else len(self._served.snapshot.inconsistencies)

    def pool_stats(self) -> dict[str, dict[str, int]]:
        """psycopg's numbers of each pool, by the name of the source; of the metadata's by ``metadata``."""
        sources = {name: each.pool.get_stats() for name, each in self.databases.open_now().items()}
        return {"metadata": self._metadata_pool.get_stats(), **sources}

    @property
    def pools(self) -> Pools:
        """The connections to each source."""
        return self.databases.pools

    def live(self, source: str) -> LiveQueries:
        """The live queries on a source.

        :raises DatabaseUnavailable: it is not served.
        """
        return self.databases[source].live

    async def admit(self, session: Session, request: GraphQLRequest, operation: Operation, ip: str) -> None:
        """Asks the allowlist and the API limits.

        :raises EngineError: they do not let the operation be run.
        """
        if self.settings.enable_allowlist:
            if is_long(request):
                await aside(self._allowlist.check, session, request)
            else:
                self._allowlist.check(session, request)
        if self.api_limits is not None:
            with bounded_depth():
                self.api_limits.check(session, operation.extent, ip)

    async def check_health(self) -> None:
        """:raises DatabaseUnavailable: the metadata's database does not answer, or never has."""
        _ = self.snapshot
        async with _connection(self._metadata_pool, HEALTH_TIMEOUT) as connection:
            await connection.execute("SELECT 1")

    @contextlib.asynccontextmanager
    async def changing(self, by: Session, *, based_on: int | None = None) -> AsyncIterator[Draft]:
        """A draft of the stored metadata that nobody else changes meanwhile.

        When this ends well and the draft was changed, it is stored for all engines on the database and served here.

        :raises Conflict: the stored version is not ``based_on``.
        :raises DatabaseUnavailable: PostgreSQL cannot be reached.
        """
        _ = self.snapshot
        async with self._changing, self._metadata_connection() as connection:
            stored = await self._store.load(connection)
            if based_on is not None and based_on != stored.resource_version:
                raise stale(based_on)
            served = self._served
            if served is None or served.resource_version != stored.resource_version:
                served = await self._made(stored)
            draft = Draft(
                stored.metadata,
                served.snapshot,
                stored.resource_version,
                self._build,
                catalogs=served.catalogs.copy(),
                store=self._store,
                by=by,
            )
            try:
                yield draft
                version = draft.resource_version
                if draft.changed:
                    version = await self._store.save(connection, draft.document, version, by=by)
                if draft.changed or draft.database_changed:
                    await self._serve(_Served(draft.snapshot, version, draft.catalogs))
            except BaseException:
                if draft.database_changed:
                    snapshot = await self._build(draft.stored, draft.catalogs)
                    await self._serve(_Served(snapshot, draft.resource_version, draft.catalogs))
                raise

    async def catalog_state(self) -> dict[str, Any]:
        """What Hasura's CLI and console remember in the database: ``{"id", "cli_state", "console_state"}``."""
        async with self._metadata_connection() as connection:
            return await self._store.catalog_state(connection)

    async def set_catalog_state(self, kind: Literal["cli", "console"], state: Any) -> None:
        """Remembers it."""
        async with self._metadata_connection() as connection:
            await self._store.set_catalog_state(connection, kind, state)

    async def _follow_metadata(self) -> None:
        interval = self.settings.schema_sync_poll_interval / 1000
        trouble = ""
        prepared = False
        while True:
            try:
                async with self._metadata_connection() as connection:
                    if not prepared:
                        await self._store.prepare(connection)
                        prepared = True
                    await self._catch_up(connection)
                trouble = ""
            except (EngineError, psycopg.Error) as error:
                if str(error) != trouble:
                    trouble = str(error)
                    log.warning("the metadata cannot be read: trying again", reason=trouble)
            self._looked.set()
            await asyncio.sleep(interval)

    async def _catch_up(self, connection: psycopg.AsyncConnection[Any]) -> None:
        async with self._changing:
            version = await self._store.version(connection)
            if self._served is not None and self._served.resource_version == version:
                return
            stored = await self._store.load(connection)
            if self._to_apply is not None and self._to_apply != stored.metadata:
                version = await self._store.save(connection, self._to_apply, stored.resource_version)
                stored = StoredMetadata(self._to_apply, version)
            self._to_apply = None
            await self._serve(await self._made(stored))

    async def _made(self, stored: StoredMetadata) -> _Served:
        """All databases are read anew: somebody else changed the metadata, and perhaps tables as well."""
        catalogs = Catalogs(self.databases)
        snapshot = await self._build(stored.metadata, catalogs)
        return _Served(snapshot, stored.resource_version, catalogs)

    async def _build(
        self, metadata: dict[str, Any], catalogs: Catalogs, inside: Inside | None = None
    ) -> Snapshot:
        document = read_metadata(metadata)
        return build_snapshot(
            metadata,
            document,
            await catalogs.read(document, metadata, inside),
            stringify_numeric=self.settings.stringify_numeric_types,
            infer_function_permissions=self.settings.infer_function_permissions,
        )

    async def _serve(self, served: _Served) -> None:
        first = self._served is None
        await self.databases.open(served.snapshot)
        self._served = served
        self._allowlist = Allowlist(served.snapshot.metadata)
        self.api_limits = ApiLimits.of(served.snapshot.metadata, self._rates)
        if not first and self.settings.close_websockets_on_metadata_change:
            # Their plans were made under other permissions.
            for connection in self.connections:
                connection.tell([Close(1012, "Server state changed, restarting the server")])
        await self.databases.settle(served.snapshot)
        log.info(
            "serving metadata",
            resource_version=served.resource_version,
            tables=sum(len(source.tables) for source in served.snapshot.sources.values()),
            inconsistent_objects=served.snapshot.inconsistencies,
        )

    def _metadata_connection(self) -> contextlib.AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]:
        return _connection(self._metadata_pool)


@contextlib.asynccontextmanager
async def _connection(
    pool: Pool,
    timeout: float = POOL_TIMEOUT,  # noqa: ASYNC109 - the pool's own
) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    try:
        async with pool.connection(timeout) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise translate(error) from error
