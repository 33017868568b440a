"""What the sources' databases hold, as far as it has been read: a change of metadata does not read all of it anew."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from hasura.engine.catalog.read import read_catalog
from hasura.engine.metadata.connection import UnusableConnectionError
from hasura.engine.snapshot import SourceProblem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hasura.engine.catalog.model import Catalog, QualifiedName
    from hasura.engine.metadata.connection import Connection
    from hasura.engine.metadata.model import Metadata
    from hasura.engine.metadata.model import Source as MetadataSource

    from .databases import Databases

    Enums = frozenset[QualifiedName]


@dataclass(frozen=True, slots=True)
class _Known:
    catalog: Catalog | SourceProblem
    #: the tables whose rows were read as enum values
    enums: Enums


class Catalogs:
    """Of each database what was read last."""

    def __init__(self, databases: Databases, known: Mapping[Connection, _Known] | None = None) -> None:
        self._databases = databases
        self._known = dict(known or {})

    def copy(self) -> Catalogs:
        """For a change that may come to nothing."""
        return Catalogs(self._databases, self._known)

    def forget(self, source: Mapping[str, Any] | None = None) -> None:
        """The database of a source (None: every one) is read anew when it is needed next."""
        if source is None:
            self._known.clear()
            return
        with contextlib.suppress(UnusableConnectionError):
            self._known.pop(self._databases.connection(source), None)

    async def read(
        self, document: Metadata, metadata: Mapping[str, Any], inside: Inside | None = None
    ) -> dict[str, Catalog | SourceProblem]:
        """By source. ``inside``: that source is read as a running transaction sees it."""
        found: dict[str, Catalog | SourceProblem] = {}
        for source, entry in zip(document.sources, metadata.get("sources", ()), strict=True):
            if source.kind != "postgres":
                continue
            try:
                at = self._databases.connection(entry)
            except UnusableConnectionError as problem:
                found[source.name] = SourceProblem(str(problem))
                continue
            enums = _enums(source)
            known = self._known.get(at)
            own = inside.connection if inside and inside.source == source.name else None
            if own is not None or known is None or not enums <= known.enums:
                also = known.enums if known is not None else frozenset()
                known = self._known[at] = _Known(await self._look(at, enums | also, own), enums | also)
            found[source.name] = known.catalog
        return found

    async def _look(
        self, at: Connection, enums: Enums, connection: psycopg.AsyncConnection[Any] | None
    ) -> Catalog | SourceProblem:
        if connection is not None:
            return await read_catalog(connection, enums)
        try:
            async with self._databases.connected(at) as own:
                return await read_catalog(own, enums)
        except (psycopg.OperationalError, psycopg.ProgrammingError) as problem:
            if at.conninfo == self._databases.metadata_url:
                raise  # nothing can be served or stored meanwhile: it is waited for
            return SourceProblem("connection error", str(problem).strip())


@dataclass(frozen=True, slots=True)
class Inside:
    """A source and a connection that has a transaction under way on its database."""

    source: str
    connection: psycopg.AsyncConnection[Any]


def _enums(source: MetadataSource) -> Enums:
    return frozenset((table.table.schema_, table.table.name) for table in source.tables if table.is_enum)
