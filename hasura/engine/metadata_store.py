"""The metadata where Hasura keeps it: one JSON document with a version, in the schema ``hdb_catalog``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from psycopg import sql

from hasura.engine.errors import Conflict, NotSupported
from hasura.engine.session import tell

if TYPE_CHECKING:
    import psycopg

    from hasura.engine.session import Session

    Connection = psycopg.AsyncConnection[tuple[Any, ...]]

CATALOG_VERSION = "48"
#: What Hasura stores at its first start: the database of the settings, with nothing tracked.
INITIAL: dict[str, Any] = {
    "version": 3,
    "sources": [
        {
            "name": "default",
            "kind": "postgres",
            "tables": [],
            "configuration": {
                "connection_info": {
                    "database_url": {"from_env": "HASURA_GRAPHQL_DATABASE_URL"},
                    "isolation_level": "read-committed",
                    "use_prepared_statements": True,
                }
            },
        }
    ],
}

_INITIALISE = """
INSERT INTO hdb_catalog.hdb_metadata (id, metadata) VALUES (1, %s::json) ON CONFLICT (id) DO NOTHING
"""
_STORE = """
INSERT INTO hdb_catalog.hdb_metadata AS stored (id, metadata) VALUES (1, %(metadata)s::json)
ON CONFLICT (id) DO UPDATE
   SET metadata = excluded.metadata, resource_version = stored.resource_version + 1
 WHERE stored.resource_version = %(version)s
RETURNING resource_version
"""
_NOTIFY = """
INSERT INTO hdb_catalog.hdb_schema_notifications AS last (id, notification, resource_version, instance_id)
VALUES (1, %(notification)s::json, %(version)s, %(instance)s)
ON CONFLICT (id) DO UPDATE
   SET notification = excluded.notification, resource_version = excluded.resource_version,
       instance_id = excluded.instance_id, updated_at = now()
"""


def stale(based_on: int) -> Conflict:
    """The error of a change that was based on a version which is no longer the stored one."""
    return Conflict(f"metadata resource version referenced ({based_on}) did not match current version")


@dataclass(frozen=True, slots=True)
class StoredMetadata:
    """``resource_version`` counts the changes."""

    metadata: dict[str, Any]
    resource_version: int


class MetadataStore:
    """One engine process's view of the catalog. Connections are given in, in autocommit mode."""

    def __init__(self) -> None:
        #: Hasura's other processes skip the notifications that they wrote themselves by it.
        self._instance_id = uuid4()

    async def prepare(self, connection: Connection) -> None:
        """Creates the catalog where there is none.

        :raises NotSupported: a catalog of another version, which only Hasura itself migrates.
        """
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('hdb_catalog'))")
            found = await connection.execute("SELECT to_regclass('hdb_catalog.hdb_version') IS NOT NULL")
            if not (await found.fetchone() or (False,))[0]:
                await connection.execute(files(__package__).joinpath("hdb_catalog.sql").read_text().encode())
            version = await connection.execute("SELECT version FROM hdb_catalog.hdb_version")
            row = await version.fetchone()
            await connection.execute(_INITIALISE, [json.dumps(INITIAL)])
        if row is None or row[0] != CATALOG_VERSION:
            raise NotSupported(
                f"the metadata catalog has version {row and row[0]}, this engine reads {CATALOG_VERSION}: "
                "start Hasura 2.48 on it once, or set HASURA_GRAPHQL_METADATA_DATABASE_URL to another one"
            )

    async def load(self, connection: Connection) -> StoredMetadata:
        """What is stored now."""
        rows = await connection.execute(
            "SELECT metadata, resource_version FROM hdb_catalog.hdb_metadata WHERE id = 1"
        )
        row = await rows.fetchone()
        return StoredMetadata(INITIAL, 0) if row is None else StoredMetadata(*row)

    async def version(self, connection: Connection) -> int:
        """The stored ``resource_version``: cheap enough to be asked for every second."""
        rows = await connection.execute("SELECT resource_version FROM hdb_catalog.hdb_metadata WHERE id = 1")
        row = await rows.fetchone()
        return 0 if row is None else int(row[0])

    async def catalog_state(self, connection: Connection) -> dict[str, Any]:
        """``{"id", "cli_state", "console_state"}``: what the CLI and the console keep in the database."""
        rows = await connection.execute(
            "SELECT hasura_uuid::text, cli_state, console_state FROM hdb_catalog.hdb_version"
        )
        row = await rows.fetchone() or (None, {}, {})
        return dict(zip(("id", "cli_state", "console_state"), row, strict=True))

    async def set_catalog_state(
        self, connection: Connection, kind: Literal["cli", "console"], state: Any
    ) -> None:
        """Replaces one of the two states."""
        column = sql.Identifier(f"{kind}_state")
        await connection.execute(
            sql.SQL("UPDATE hdb_catalog.hdb_version SET {} = %s::jsonb").format(column), [json.dumps(state)]
        )

    async def save(
        self,
        connection: Connection,
        metadata: dict[str, Any],
        based_on: int,
        *,
        by: Session | None = None,
    ) -> int:
        """Stores the document and tells the other processes, both or neither; answers the new version.

        :raises Conflict: the stored version is no longer ``based_on``.
        """
        async with connection.transaction():
            if by is not None:
                await tell(connection, by)
            stored = await connection.execute(_STORE, {"metadata": json.dumps(metadata), "version": based_on})
            row = await stored.fetchone()
            if row is None:
                raise stale(based_on)
            sources = [source["name"] for source in metadata.get("sources", [])]
            notification = {"metadata": True, "remote_schemas": [], "sources": sources, "data_connectors": []}
            await connection.execute(
                _NOTIFY,
                {
                    "notification": json.dumps(notification),
                    "version": row[0],
                    "instance": self._instance_id,
                },
            )
        return int(row[0])
