"""All live queries and streams of one source: finds or makes the poller of a plan."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from .changes import ChangeFeed, change_of
from .cohorts import Cohort
from .poller import Poller
from .statement import Statement
from .teller import Teller
from .triggers import fingerprint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import psycopg

    from hasura.engine.execute.pool import Pool
    from hasura.engine.metrics import Metrics
    from hasura.engine.plan.live import LivePlan
    from hasura.engine.settings import Settings

    from .changes import Change
    from .cohorts import Sink, Subscriber
    from .triggers import Table

log = structlog.get_logger("livequery-poller")


@dataclass(slots=True)
class _Running:
    poller: Poller
    tables: frozenset[Table]
    task: asyncio.Task[None]
    users: int = 0


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscriber's place; it costs no task."""

    queries: LiveQueries
    sql: str
    running: _Running
    subscriber: Subscriber

    def resume(self) -> None:
        """The sink is congested no more."""
        self.running.poller.resume(self.subscriber)

    def end(self) -> None:
        """Nothing more is told. Call it once."""
        self.queries.end(self)


class LiveQueries:
    """Plans of one SQL text share a poller, whoever subscribes: what differs is a bind parameter."""

    def __init__(self, settings: Settings, metrics: Metrics, pool: Pool, conninfo: str) -> None:
        self._settings = settings
        self._metrics = metrics
        self._pool = pool
        self._pollers: dict[str, _Running] = {}
        self._teller = Teller(conninfo)
        self._feed = ChangeFeed(conninfo, self._on_change, pool.check, lambda: self._teller.pid)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hears of changes for as long as this lasts."""
        listener = asyncio.create_task(self._feed.run(), name="livequery-listener")
        teller = asyncio.create_task(self._teller.run(), name="livequery-teller")
        self._pool.tell = self._on_own_changes
        try:
            yield
        finally:
            await self._teller.told()
            # In Python 3.11 a wait that ends at the same moment swallows a cancellation.
            for task in (listener, teller):
                while not task.done():
                    task.cancel()
                    await asyncio.wait([task], timeout=1)

    async def track(self, connection: psycopg.AsyncConnection[Any], tables: frozenset[Table]) -> None:
        """From now on these base tables announce their changes; the connection is in autocommit mode."""
        await self._feed.track(connection, tables)

    async def subscribe(self, plan: LivePlan, sink: Sink) -> Subscription:
        """Gives the sink a first answer, and news from then on until the subscription is ended.

        :raises EngineError: there is no first answer, and no subscription.
        """
        running = self._pollers.get(plan.sql) or self._start(plan)
        running.users += 1
        try:
            subscriber = await running.poller.admit(sink, _cohort(plan))
        except BaseException:
            self._leave(plan.sql, running)
            raise
        return Subscription(self, plan.sql, running, subscriber)

    def pollers(self, *, streams: bool) -> list[Poller]:
        """Those of the streams, or of the live queries, that run."""
        return [each.poller for each in list(self._pollers.values()) if each.poller.streams is streams]

    @property
    def listens(self) -> bool:
        """Whether changes are heard of; else they are polled for."""
        return self._feed.listens

    def end(self, subscription: Subscription) -> None:
        """Nothing more is told."""
        subscription.running.poller.dismiss(subscription.subscriber)
        self._leave(subscription.sql, subscription.running)

    def _leave(self, sql: str, running: _Running) -> None:
        """The poller runs while anybody uses it."""
        running.users -= 1
        if not running.users and self._pollers.get(sql) is running:
            running.task.cancel()
            del self._pollers[sql]

    def _give_up(self, sql: str, running: _Running) -> None:
        """A poller that nobody cancelled ended by a fault: its clients had better ask anew, of another."""
        if not running.task.cancelled() and (fault := running.task.exception()) is not None:
            log.error("live queries broke", exc_info=fault)
            if self._pollers.get(sql) is running:
                del self._pollers[sql]
            running.poller.give_up()

    def _start(self, plan: LivePlan) -> _Running:
        streams = plan.initial_cursor is not None
        settings = self._settings
        poller = Poller(
            Statement(plan.sql, self._pool),
            self._metrics,
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
            keys={key.table: key.column for key in plan.keys},
        )
        # It serves whoever comes later too: its work is no part of this request, in traces and in logs.
        task = asyncio.create_task(poller.run(), name="livequery-poller", context=contextvars.Context())
        self._pollers[plan.sql] = running = _Running(poller, plan.tables, task)
        task.add_done_callback(lambda _: self._give_up(plan.sql, running))
        return running

    def _on_own_changes(self, messages: Sequence[str]) -> None:
        for message in messages:
            self._on_change(change_of(message))
        self._teller.tell(messages)  # to the other engines on the database

    def _on_change(self, change: Change | None) -> None:
        for running in self._pollers.values():
            if change is None or change.table in running.tables:
                running.poller.wake(change)


def _cohort(plan: LivePlan) -> Cohort:
    values = {key.table: (plan.values[key.place], key.type) for key in plan.keys}
    keys = {
        table: None if value is None else fingerprint(value, type_)
        for table, (value, type_) in values.items()
    }
    return Cohort.of(plan.values, plan.initial_cursor, keys)
