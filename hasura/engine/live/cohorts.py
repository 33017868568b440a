"""Who waits for a statement's answers: subscribers, in cohorts that ask the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID, uuid4

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from hasura.engine.errors import EngineError


class News:
    """The JSON text of a whole ``data`` object, for many sinks: they share the encodings that they make of it."""

    __slots__ = ("encoded", "result")

    def __init__(self, result: bytes) -> None:
        self.result = result
        self.encoded: dict[Hashable, bytes] = {}


class Sink(Protocol):
    """Where a subscriber's answers go. No method waits."""

    @property
    def congested(self) -> bool:
        """It has not taken what it was sent: better the newest answer later than every one now."""

    def data(self, news: News) -> None:
        """The answer now."""

    def error(self, error: EngineError) -> None:
        """This refresh failed; the subscription stays."""

    def broken(self) -> None:
        """Nothing will come any more, by a fault of the engine."""


@dataclass(slots=True, eq=False)
class Subscriber:
    """One operation of one client."""

    sink: Sink
    #: a digest of what it heard last
    told: bytes | None = None
    #: something was kept from it, because it was congested
    behind: bool = False


@dataclass(slots=True, eq=False)
class Cohort:
    """Subscribers with equal variables have equal answers: they are asked for once.

    ``cursor`` is None for a live query, the place that all of them have reached for a stream.
    """

    variables: str
    values: Sequence[Any]
    cursor: Any
    members: set[Subscriber] = field(default_factory=set)
    id: UUID = field(default_factory=uuid4)

    @classmethod
    def of(cls, values: Sequence[Any], cursor: Any) -> Cohort:
        """One without members."""
        return cls(json.dumps({"values": values, "cursor": cursor}), values, cursor)

    def further(self, cursor: bytes) -> Cohort:
        """The one, still without members, of those who got a stream's batch up to there."""
        return Cohort.of(self.values, json.loads(cursor))

    def listens(self) -> bool:
        """Whether anybody would take an answer; if not, all are behind."""
        if all(member.sink.congested for member in self.members):
            for member in self.members:
                member.behind = True
            return False
        return True


class Cohorts:
    """All of them, by their variables; there is none without members."""

    def __init__(self) -> None:
        self._by_variables: dict[str, Cohort] = {}
        self._of: dict[Subscriber, Cohort] = {}

    def __iter__(self) -> Iterator[Cohort]:
        return iter(self._by_variables.values())

    def __contains__(self, subscriber: Subscriber) -> bool:
        return subscriber in self._of

    def of(self, subscriber: Subscriber) -> Cohort:
        """The subscriber's own."""
        return self._of[subscriber]

    def put(self, members: Iterable[Subscriber], new: Cohort) -> Cohort:
        """Moves subscribers to a cohort: the one there is with these variables, or the new one."""
        cohort = self._by_variables.setdefault(new.variables, new)
        for member in members:
            self.remove(member)
            cohort.members.add(member)
            self._of[member] = cohort
        # Taking the last member out of it may just have removed it.
        self._by_variables[cohort.variables] = cohort
        return cohort

    def remove(self, subscriber: Subscriber) -> None:
        """Does nothing for one who is in no cohort."""
        cohort = self._of.pop(subscriber, None)
        if cohort is not None:
            cohort.members.discard(subscriber)
            if not cohort.members:
                del self._by_variables[cohort.variables]


def digest(text: bytes) -> bytes:
    """Short, and equal only for equal texts."""
    return hashlib.blake2b(text, digest_size=16).digest()
