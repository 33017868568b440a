"""Who waits for a statement's answers: subscribers, in cohorts that ask the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID, uuid4

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

    from hasura.engine.errors import EngineError

    from .triggers import Table


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
    #: by table, the fingerprint of the rows that concern it; of other tables, or where it is None, all rows do
    keys: Mapping[Table, str | None]
    members: set[Subscriber] = field(default_factory=set)
    id: UUID = field(default_factory=uuid4)

    @classmethod
    def of(cls, values: Sequence[Any], cursor: Any, keys: Mapping[Table, str | None]) -> Cohort:
        """One without members."""
        return cls(json.dumps({"values": values, "cursor": cursor}), values, cursor, keys)

    def further(self, cursor: bytes) -> Cohort:
        """The one, still without members, of those who got a stream's batch up to there."""
        return Cohort.of(self.values, json.loads(cursor), self.keys)

    def listens(self) -> bool:
        """Whether anybody would take an answer; if not, all are behind."""
        if all(member.sink.congested for member in self.members):
            for member in self.members:
                member.behind = True
            return False
        return True


class Cohorts:
    """All of them, by their variables and by their keys; there is none without members."""

    def __init__(self) -> None:
        self._by_variables: dict[str, Cohort] = {}
        self._by_key: dict[tuple[Table, str | None], set[Cohort]] = {}
        self._of: dict[Subscriber, Cohort] = {}

    def __iter__(self) -> Iterator[Cohort]:
        return iter(self._by_variables.values())

    def __len__(self) -> int:
        return len(self._by_variables)

    @property
    def subscribers(self) -> int:
        """Members of all of them."""
        return len(self._of)

    def __contains__(self, subscriber: Subscriber) -> bool:
        return subscriber in self._of

    def of(self, subscriber: Subscriber) -> Cohort:
        """The subscriber's own."""
        return self._of[subscriber]

    def concerned(self, table: Table, fingerprints: Iterable[str]) -> set[Cohort]:
        """Those for whom a row of ``table`` with one of these keys may matter."""
        return set().union(*(self._by_key.get((table, key), ()) for key in (None, *fingerprints)))

    def put(self, members: Iterable[Subscriber], new: Cohort) -> Cohort:
        """Moves subscribers to a cohort: the one there is with these variables, or the new one."""
        cohort = self._by_variables.get(new.variables)
        if cohort is None:
            cohort = self._by_variables[new.variables] = new
            for key in new.keys.items():
                self._by_key.setdefault(key, set()).add(new)
        for member in members:
            cohort.members.add(member)
            former = self._of.get(member)
            self._of[member] = cohort
            if former is not None and former is not cohort:
                self._take(member, former)
        return cohort

    def remove(self, subscriber: Subscriber) -> None:
        """Does nothing for one who is in no cohort."""
        cohort = self._of.pop(subscriber, None)
        if cohort is not None:
            self._take(subscriber, cohort)

    def _take(self, subscriber: Subscriber, cohort: Cohort) -> None:
        cohort.members.discard(subscriber)
        if cohort.members:
            return
        del self._by_variables[cohort.variables]
        for key in cohort.keys.items():
            self._by_key[key].discard(cohort)
            if not self._by_key[key]:
                del self._by_key[key]


def digest(text: bytes) -> bytes:
    """Short, and equal only for equal texts."""
    return hashlib.blake2b(text, digest_size=16).digest()
