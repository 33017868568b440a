"""The metadata as one request has changed it so far: stored and served when the request succeeds, or not at all."""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING, Any

from hasura.engine.catalog.model import Catalog
from hasura.engine.errors import EngineError, InconsistentMetadata, InvalidConfiguration, ParseFailed
from hasura.engine.metadata_ops.arguments import DEFAULT_SOURCE
from hasura.engine.metadata_ops.roles import check_cycles
from hasura.engine.metadata_ops.working import Working, named
from hasura.engine.snapshot import read_metadata

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from hasura.engine.metadata_ops.working import Operation
    from hasura.engine.metadata_store import MetadataStore
    from hasura.engine.session import Session
    from hasura.engine.snapshot import Snapshot

    from .catalogs import Catalogs, Inside

    Builder = Callable[[dict[str, Any], Catalogs, Inside | None], Awaitable[Snapshot]]


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
        catalogs: Catalogs,
        store: MetadataStore,
        by: Session,
    ) -> None:
        self.document = self.stored = document
        self.snapshot = snapshot
        #: of ``stored``
        self.resource_version = resource_version
        self.changed = False
        #: SQL that may have changed tables has been committed: a snapshot from before it is stale
        self.database_changed = False
        #: of the databases as ``snapshot`` knows them
        self.catalogs = catalogs
        self._build = build
        self._store = store
        self._by = by
        #: sources whose databases have been read for this request
        self._fresh: set[str] = set()

    async def apply(self, operation: Operation, args: Any) -> Any:
        """The operation's answer.

        :raises InvalidConfiguration: the object that it adds does not fit the database.
        :raises EngineError: it is refused, or would break something else; the draft is as before.
        """
        work = Working(copy.deepcopy(self.document), self.snapshot)
        outcome = operation(work, args)
        if work.document != self.document:
            self.look_at(source_of(args))
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
        self.catalogs.forget()
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

    def look_at(self, source: str, *, again: bool = False) -> None:
        """A source's database may have changed since it was read: once for a request, and ``again`` after SQL."""
        if again or source not in self._fresh:
            self._fresh.add(source)
            entry = named(self.document.get("sources", []), source)
            if entry is not None:
                self.catalogs.forget(entry)

    @contextlib.asynccontextmanager
    async def following(
        self,
        inside: Inside,
        transaction: AbstractAsyncContextManager[None],
        *,
        beside: bool,
    ) -> AsyncIterator[Callable[[dict[str, Any]], Awaitable[None]]]:
        """SQL runs in ``transaction``; what is yielded takes the metadata that fits its outcome.

        Where both are in one database (``beside``), they are committed as one.

        :raises NewlyInconsistent: the outcome leaves objects without what they need; the SQL is undone.
        """
        taken: tuple[dict[str, Any], Snapshot] | None = None
        version = None
        catalogs = self.catalogs.copy()

        async def take(document: dict[str, Any]) -> None:
            nonlocal taken, version
            snapshot = await self._build(document, catalogs, inside)
            check_consistency(self.snapshot, snapshot, None)
            taken = (document, snapshot)
            if beside and not self.changed:
                version = await self._store.save(
                    inside.connection, document, self.resource_version, by=self._by
                )

        async with transaction:
            yield take
        if taken is None:
            return
        self.database_changed = True
        self.catalogs = catalogs
        if version is None:
            self.take(*taken)
        else:
            self.document, self.snapshot = taken
            self.stored, self.resource_version = taken[0], version

    async def catalog(self, source: str) -> Catalog:
        """What a source's database holds.

        :raises NotExists: there is no such source.
        :raises InvalidConfiguration: it cannot be reached.
        """
        entry = Working(self.document, self.snapshot).source(source)
        self.look_at(source)
        alone = {"version": 3, "sources": [entry]}
        found = (await self.catalogs.read(read_metadata(alone), alone)).get(source)
        if isinstance(found, Catalog):
            return found
        raise InvalidConfiguration(f'source with name "{source}" is inconsistent', "$.args")

    async def build(self, document: dict[str, Any]) -> Snapshot:
        """The snapshot of a document over the databases."""
        return await self._build(document, self.catalogs, None)


def source_of(args: Any) -> str:
    """The source that a command's arguments name."""
    return str(args.get("source", DEFAULT_SOURCE)) if isinstance(args, dict) else DEFAULT_SOURCE


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
