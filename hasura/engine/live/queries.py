"""All live queries and streams of one engine: finds or makes the poller of a plan."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .changes import ChangeFeed
from .poller import Poller, Subscriber
from .statement import Statement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import psycopg

    from hasura.engine.execute.run import Pool
    from hasura.engine.plan.live import LivePlan
    from hasura.engine.settings import Settings

    from .poller import Sink
    from .triggers import Table


@dataclass(slots=True)
class _Running:
    poller: Poller
    tables: frozenset[Table]
    task: asyncio.Task[None]
    users: int = 0


class LiveQueries:
    """Plans of one SQL text share a poller, whoever subscribes: what differs is a bind parameter."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._settings = settings
        self._pool = pool
        self._pollers: dict[str, _Running] = {}
        self._feed = ChangeFeed(settings.database_url, self._on_change, pool.check)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hears of changes for as long as this lasts."""
        listener = asyncio.create_task(self._feed.run(), name="livequery-listener")
        try:
            yield
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def track(self, connection: psycopg.AsyncConnection[Any], tables: frozenset[Table]) -> None:
        """From now on these base tables announce their changes; the connection is in autocommit mode."""
        await self._feed.track(connection, tables)

    async def deliver(self, plan: LivePlan, sink: Sink) -> None:
        """Gives the sink a first answer, then news, until cancelled.

        :raises EngineError: there is no first answer.
        """
        subscriber = Subscriber(sink, plan.values, plan.initial_cursor)
        with self._running(plan) as running:
            try:
                await running.poller.admit(subscriber)
                await asyncio.wait([running.task])
                running.task.result()
            finally:
                running.poller.dismiss(subscriber)

    @contextlib.contextmanager
    def _running(self, plan: LivePlan) -> Iterator[_Running]:
        """The plan's poller; it runs while anybody uses it."""
        running = self._pollers.get(plan.sql) or self._start(plan)
        running.users += 1
        try:
            yield running
        finally:
            running.users -= 1
            if not running.users:
                running.task.cancel()
                del self._pollers[plan.sql]

    def _start(self, plan: LivePlan) -> _Running:
        streams = plan.initial_cursor is not None
        settings = self._settings
        poller = Poller(
            Statement(plan.sql, self._pool),
            streams=streams,
            interval=(
                settings.streaming_queries_multiplexed_refetch_interval
                if streams
                else settings.live_queries_multiplexed_refetch_interval
            )
            / 1000,
            batch_size=(
                settings.streaming_queries_multiplexed_batch_size
                if streams
                else settings.live_queries_multiplexed_batch_size
            ),
            announced=lambda: self._feed.announces(plan.tables),
        )
        task = asyncio.create_task(poller.run(), name="livequery-poller")
        self._pollers[plan.sql] = running = _Running(poller, plan.tables, task)
        return running

    def _on_change(self, table: Table | None) -> None:
        for running in self._pollers.values():
            if table is None or table in running.tables:
                running.poller.wake()
