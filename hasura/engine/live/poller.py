"""One statement and everybody who waits for its answers."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID, uuid4

from hasura.engine.errors import DatabaseUnavailable, EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .statement import Answer, Statement

#: Seconds between the starts of two refreshes: a table that changes all the time is read 50 times a second.
SHORTEST_GAP = 0.02


class Sink(Protocol):
    """Where a subscriber's answers go. Neither method waits."""

    @property
    def congested(self) -> bool:
        """It has not taken what it was sent: better the newest answer later than every one now."""

    def data(self, result: bytes) -> None:
        """The JSON text of a whole ``data`` object."""

    def error(self, error: EngineError) -> None:
        """This refresh failed; the subscription stays."""


@dataclass(slots=True, eq=False)
class Subscriber:
    """One operation of one client. ``cursor`` is None for a live query, the place reached for a stream."""

    sink: Sink
    values: Sequence[Any]
    cursor: Any = None
    id: UUID = field(default_factory=uuid4)
    told: bytes | None = None
    variables: str = field(init=False)

    def __post_init__(self) -> None:
        self._spell_variables()

    def _spell_variables(self) -> None:
        self.variables = json.dumps({"values": self.values, "cursor": self.cursor})

    def advance(self, cursor: bytes) -> None:
        """A stream delivered up to here."""
        self.cursor = json.loads(cursor)
        self._spell_variables()

    def tell(self, result: bytes) -> None:
        """Passes a result on, unless it is what this subscriber knows already."""
        digest = hashlib.blake2b(result, digest_size=16).digest()
        if digest != self.told:
            self.told = digest
            self.sink.data(result)

    def tell_error(self, error: EngineError) -> None:
        """Likewise an error; the result that follows it is told even if it is the one from before."""
        digest = hashlib.blake2b(f"error {error.message}".encode(), digest_size=16).digest()
        if digest != self.told:
            self.told = digest
            self.sink.error(error)


#: Subscribers with equal variables have equal answers: they are asked for once.
Cohort = list[Subscriber]


class Poller:
    """Refreshes its subscribers whenever a table of theirs changed: one statement for a whole batch of them.

    A change during a refresh leads to exactly one more. Tables that cannot announce their changes are polled.
    """

    def __init__(
        self,
        statement: Statement,
        *,
        streams: bool,
        interval: float,
        batch_size: int,
        announced: Callable[[], bool],
    ) -> None:
        self._statement = statement
        self._streams = streams
        self._interval = interval
        self._batch_size = batch_size
        self._announced = announced
        self._subscribers: dict[UUID, Subscriber] = {}
        self._changed = asyncio.Event()
        self._changes = 0
        self._behind = False

    def wake(self) -> None:
        """A table may have changed."""
        self._changes += 1
        self._changed.set()

    async def admit(self, subscriber: Subscriber) -> None:
        """The first answer, asked for alone: values that PostgreSQL cannot read fail here, for nobody else.

        :raises EngineError: there is no first answer; the subscriber is not admitted.
        """
        before = self._changes
        answers = await self._statement.run([subscriber.id], [subscriber.variables])
        self._subscribers[subscriber.id] = subscriber
        self._deliver(answers, {subscriber.id: [subscriber]})
        if self._changes != before:
            self._changed.set()

    def dismiss(self, subscriber: Subscriber) -> None:
        """It is told nothing more, not even what is being asked for right now."""
        self._subscribers.pop(subscriber.id, None)

    async def run(self) -> None:
        """Never returns."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._until_due()
            started = clock()
            await self._refresh()
            await asyncio.sleep(SHORTEST_GAP - (clock() - started))

    async def _until_due(self) -> None:
        rest = None if self._announced() and not self._behind else self._interval
        try:
            async with asyncio.timeout(rest):
                await self._changed.wait()
        except TimeoutError:
            pass
        self._changed.clear()

    async def _refresh(self) -> None:
        self._behind = False
        for batch in _batches(self._cohorts(), self._batch_size):
            await self._refresh_batch(batch)

    def _cohorts(self) -> list[Cohort]:
        cohorts: dict[str, Cohort] = defaultdict(list)
        for subscriber in self._subscribers.values():
            if subscriber.sink.congested:
                self._behind = True
            else:
                cohorts[subscriber.variables].append(subscriber)
        return list(cohorts.values())

    async def _refresh_batch(self, batch: Sequence[Cohort]) -> None:
        by_id = {cohort[0].id: cohort for cohort in batch}
        try:
            answers = await self._statement.run(list(by_id), [cohort[0].variables for cohort in batch])
        except DatabaseUnavailable:
            # They keep what they have seen, and wait: the next refresh that succeeds brings them up to date.
            self._behind = True
        except EngineError as error:
            if len(batch) > 1 and error.code != EngineError.code:
                # Some cohort's values or rows made it fail: halving finds it, and serves the others.
                await self._refresh_batch(batch[: len(batch) // 2])
                await self._refresh_batch(batch[len(batch) // 2 :])
            else:
                for subscriber in self._present(batch[0]):
                    subscriber.tell_error(error)
        else:
            self._deliver(answers, by_id)

    def _deliver(self, answers: Sequence[Answer], cohorts: dict[UUID, Cohort]) -> None:
        for result_id, result, cursor in answers:
            for subscriber in self._present(cohorts[result_id]):
                if not self._streams:
                    subscriber.tell(result)
                elif cursor is not None:
                    subscriber.advance(cursor)
                    subscriber.sink.data(result)
                    # There may be more where this batch came from.
                    self._changed.set()

    def _present(self, cohort: Cohort) -> list[Subscriber]:
        return [subscriber for subscriber in cohort if subscriber.id in self._subscribers]


def _batches(cohorts: Sequence[Cohort], size: int) -> Iterator[list[Cohort]]:
    rest = iter(cohorts)
    while batch := list(islice(rest, size)):
        yield batch
