"""The metadata as one request has changed it so far: stored and served when the request succeeds, or not at all."""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING, Any

from hasura.engine.catalog.read import read_catalog
from hasura.engine.errors import EngineError, InconsistentMetadata, InvalidConfiguration, ParseFailed
from hasura.engine.metadata_ops.roles import check_cycles
from hasura.engine.metadata_ops.working import Working

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    import psycopg

    from hasura.engine.metadata_ops.working import Operation
    from hasura.engine.metadata_store import MetadataStore
    from hasura.engine.snapshot import Snapshot

    Builder = Callable[[dict[str, Any], psycopg.AsyncConnection[Any]], Awaitable[Snapshot]]


#: the type of a report that no object is at fault for
INHERITANCE = "inherited role permission inconsistency"


class NewlyInconsistent(EngineError):
    """What goes would leave other objects without something that they need."""

    code = "unexpected"
    status = 500


class Draft:
    """``document`` and ``snapshot`` are of the same moment; ``changed`` when they are to be stored."""

    def __init__(
        self,
        document: dict[str, Any],
        snapshot: Snapshot,
        resource_version: int,
        build: Builder,
        *,
        data: psycopg.AsyncConnection[Any],
        beside: MetadataStore | None,
    ) -> None:
        self.document = self.stored = document
        self.snapshot = snapshot
        #: of ``stored``
        self.resource_version = resource_version
        self.changed = False
        #: SQL that may have changed tables has been committed: a snapshot from before it is stale
        self.database_changed = False
        self._build = build
        self._data = data
        #: the store where it is in the database of the tables
        self._beside = beside

    async def apply(self, operation: Operation, args: Any) -> Any:
        """The operation's answer.

        :raises InvalidConfiguration: the object that it adds does not fit the database.
        :raises EngineError: it is refused, or would break something else; the draft is as before.
        """
        work = Working(copy.deepcopy(self.document), self.snapshot)
        outcome = operation(work, args)
        if work.document != self.document:
            try:
                snapshot = await self.build(work.document)
            except ParseFailed as error:
                # Its path is one into the whole metadata, which the caller never wrote.
                raise ParseFailed(error.message, "$.args") from error
            check_consistency(self.snapshot, snapshot, outcome.about)
            self.take(work.document, snapshot)
        return outcome.answer

    async def replace(self, document: dict[str, Any], *, allow_inconsistent: bool) -> Snapshot:
        """Another document as a whole.

        :raises InconsistentMetadata: it does not fit the database, and ``allow_inconsistent`` is false.
        """
        check_cycles(document)
        snapshot = await self.build(document)
        if snapshot.inconsistencies and not allow_inconsistent:
            raise InconsistentMetadata(
                "cannot continue due to inconsistent metadata", "$.args", internal=snapshot.inconsistencies
            )
        self.take(document, snapshot)
        return snapshot

    def take(self, document: dict[str, Any], snapshot: Snapshot) -> None:
        """What the next command builds on."""
        self.document, self.snapshot, self.changed = document, snapshot, True

    @contextlib.asynccontextmanager
    async def following(
        self, connection: psycopg.AsyncConnection[Any], transaction: AbstractAsyncContextManager[None]
    ) -> AsyncIterator[Callable[[dict[str, Any]], Awaitable[None]]]:
        """SQL runs in ``transaction`` on ``connection``; what is yielded takes the metadata that fits its outcome.

        Where both are in one database, they are committed as one.

        :raises NewlyInconsistent: the outcome leaves objects without what they need; the SQL is undone.
        """
        taken: tuple[dict[str, Any], Snapshot] | None = None
        version = None

        async def take(document: dict[str, Any]) -> None:
            nonlocal taken, version
            snapshot = await self.build(document, connection)
            check_consistency(self.snapshot, snapshot, None)
            taken = (document, snapshot)
            if self._beside is not None and not self.changed:
                version = await self._beside.save(connection, document, self.resource_version)

        async with transaction:
            yield take
        if taken is None:
            return
        self.database_changed = True
        if version is None:
            self.take(*taken)
        else:
            self.document, self.snapshot = taken
            self.stored, self.resource_version = taken[0], version

    async def build(
        self, document: dict[str, Any], data: psycopg.AsyncConnection[Any] | None = None
    ) -> Snapshot:
        """The snapshot of a document over the database, as ``data`` sees it where that is given."""
        return await self._build(document, data or self._data)

    async def table_names(self) -> set[tuple[str, str]]:
        """Schema and name of every table and view of the database."""
        return set((await read_catalog(self._data)).tables)


def check_consistency(before: Snapshot, after: Snapshot, about: str | None) -> None:
    """Makes sure that nothing became inconsistent that was not before.

    :raises InvalidConfiguration: the object named ``about`` did.
    :raises NewlyInconsistent: no object is at stake, and others did.
    :raises InconsistentMetadata: others did.
    """
    new = new_inconsistencies(before, after)
    if not new:
        return
    own = [each for each in new if each["name"] == about]
    if own:
        reasons = ", ".join(each["reason"] for each in own)
        raise InvalidConfiguration(reasons, "$.args", internal=own)
    if about is None:
        raise NewlyInconsistent(
            "cannot continue due to newly found inconsistent metadata", "$.args", internal=new
        )
    raise InconsistentMetadata("cannot continue due to new inconsistent metadata", "$.args", internal=new)


def new_inconsistencies(before: Snapshot, after: Snapshot) -> list[dict[str, Any]]:
    """The reports of ``after`` about objects that were consistent before."""
    known = {each["name"] for each in before.inconsistencies}
    # What a role cannot inherit is said, and stops nothing.
    return [
        each for each in after.inconsistencies if each["name"] not in known and each["type"] != INHERITANCE
    ]
