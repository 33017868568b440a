"""Asks PostgreSQL for everybody who waits for one statement's answers, and tells each what is new to them."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING

from hasura.engine.errors import DatabaseUnavailable, EngineError
from telemetry import traces

from .cohorts import Cohort, Cohorts, News, Subscriber, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from hasura.engine.metrics import Metrics

    from .changes import Change
    from .cohorts import Sink
    from .statement import Statement
    from .triggers import Table

#: Seconds between the starts of two refreshes: a table that changes all the time is read 50 times a second.
SHORTEST_GAP = 0.02


class Poller:
    """Refreshes its subscribers whenever a table of theirs changed: one statement for a whole batch of cohorts.

    Those are asked for whom the changed rows may matter: ``keys`` has the column that tells, by table. A change
    during a refresh leads to exactly one more. Tables that cannot announce their changes are polled.
    """

    def __init__(
        self,
        statement: Statement,
        metrics: Metrics,
        *,
        streams: bool,
        interval: float,
        batch_size: int,
        announced: Callable[[], bool],
        keys: Mapping[Table, str],
    ) -> None:
        self._statement = statement
        self.streams = streams
        self._metrics = metrics
        kind = "stream" if streams else "live"
        self._seconds, self._sizes = metrics.refresh.labels(kind), metrics.refresh_cohorts.labels(kind)
        self._interval = interval
        self._batch_size = batch_size
        self._announced = announced
        self._keys = keys
        self._cohorts = Cohorts()
        self._due: set[Cohort] = set()
        self._changed = asyncio.Event()
        self._changes = 0
        self._retry = False

    @property
    def subscribers(self) -> int:
        """How many it has."""
        return self._cohorts.subscribers

    @property
    def cohorts(self) -> int:
        """How many they make."""
        return len(self._cohorts)

    @property
    def due(self) -> int:
        """How many wait to be refreshed."""
        return len(self._due)

    def wake(self, change: Change | None) -> None:
        """A table of this statement changed; or, of None, anything may have."""
        self._changes += 1
        concerned: Iterable[Cohort] = self._cohorts
        if change is not None and change.rows is not None:
            keys = change.rows.get(self._keys.get(change.table, ""))
            if keys is not None:
                concerned = self._cohorts.concerned(change.table, keys)
        self._refresh_soon(concerned)

    async def admit(self, sink: Sink, asking: Cohort) -> Subscriber:
        """Tells the first answer, asked for alone: values that PostgreSQL cannot read fail here, for nobody else.

        :raises EngineError: there is no first answer; nobody is admitted.
        """
        before = self._changes
        [(_, result, cursor)] = await self._statement.run([asking.id], [asking.variables])
        subscriber = Subscriber(sink)
        self._cohorts.put([subscriber], asking)
        self._tell([subscriber], News(result), cursor)
        if self._changes != before:
            self._refresh_soon([self._cohorts.of(subscriber)])
        return subscriber

    def dismiss(self, subscriber: Subscriber) -> None:
        """It is told nothing more, not even what is being asked for right now."""
        self._cohorts.remove(subscriber)

    def resume(self, subscriber: Subscriber) -> None:
        """It is congested no more."""
        if subscriber.behind and subscriber in self._cohorts:
            subscriber.behind = False
            self._refresh_soon([self._cohorts.of(subscriber)])

    def give_up(self) -> None:
        """No refresh will come."""
        for subscriber in [member for cohort in self._cohorts for member in cohort.members]:
            subscriber.sink.broken()

    async def run(self) -> None:
        """Never returns."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._until_due()
            started = clock()
            await self._refresh()
            await asyncio.sleep(SHORTEST_GAP - (clock() - started))

    def _refresh_soon(self, cohorts: Iterable[Cohort]) -> None:
        self._due.update(cohorts)
        if self._due:
            self._changed.set()

    async def _until_due(self) -> None:
        rest = None if self._announced() and not self._retry else self._interval
        try:
            async with asyncio.timeout(rest):
                await self._changed.wait()
        except TimeoutError:
            self._due.update(self._cohorts)
        self._changed.clear()

    async def _refresh(self) -> None:
        self._retry = False
        due = [cohort for cohort in self._due if cohort.members and cohort.listens()]
        self._due.clear()
        for batch in _batches(due, self._batch_size):
            self._sizes.observe(len(batch))
            with self._seconds.time():
                await self._refresh_batch(batch)

    async def _refresh_batch(self, batch: list[Cohort]) -> None:
        # Who joins a cohort from here on knows something newer than what is being asked for.
        asking = {cohort.id: list(cohort.members) for cohort in batch}
        try:
            with traces.begun("live query refresh", {"hasura.cohorts": len(batch)}):
                answers = await self._statement.run(list(asking), [cohort.variables for cohort in batch])
        except DatabaseUnavailable:
            # They keep what they have seen, and wait: the next refresh that succeeds brings them up to date.
            self._retry = True
        except EngineError as error:
            if len(batch) > 1 and error.code != EngineError.code:
                # Some cohort's values or rows made it fail: halving finds it, and serves the others.
                await self._refresh_batch(batch[: len(batch) // 2])
                await self._refresh_batch(batch[len(batch) // 2 :])
            else:
                self._tell_error(asking[batch[0].id], error)
        else:
            for result_id, result, cursor in answers:
                self._tell(asking[result_id], News(result), cursor)

    def _tell(self, members: list[Subscriber], news: News, cursor: bytes | None) -> None:
        """Passes an answer on to those who do not know it and can take it."""
        known = digest(news.result)
        told = []
        for member in self._present(members):
            if cursor is None and (self.streams or member.told == known):
                continue
            if member.sink.congested:
                member.behind = True
                self._metrics.held_back.inc()
                continue
            member.told = known
            member.sink.data(news)
            told.append(member)
        if told:
            self._metrics.told.inc(len(told))
        if told and cursor is not None:
            # They all stood at one place, and there may be more where this batch came from.
            self._refresh_soon([self._cohorts.put(told, self._cohorts.of(told[0]).further(cursor))])

    def _tell_error(self, members: list[Subscriber], error: EngineError) -> None:
        """Likewise an error; the result that follows it is told even if it is the one from before."""
        known = digest(f"error {error.message}".encode())
        for member in self._present(members):
            if member.told != known:
                member.told = known
                member.sink.error(error)

    def _present(self, members: list[Subscriber]) -> list[Subscriber]:
        return [member for member in members if member in self._cohorts]


def _batches(cohorts: list[Cohort], size: int) -> Iterator[list[Cohort]]:
    rest = iter(cohorts)
    while batch := list(islice(rest, size)):
        yield batch
