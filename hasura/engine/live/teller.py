"""The connection that announces what this engine's own writes have changed, once they are committed.

PostgreSQL lets one transaction that notifies commit at a time, and a commit waits for the disk: a trigger that notifies
makes all writers wait for each other. So the engine's own writes hand the announcement to the engine instead
(`Pool.transaction`), and a transaction that writes nothing and waits for no disk makes it, for many of them at once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import structlog

from .changes import KEEPALIVES, RECONNECT
from .triggers import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Sequence

_NOTIFY = "SELECT pg_catalog.pg_notify(%s, message) FROM unnest(%s::text[]) AS message"
#: Seconds that announcements have to leave when the engine ends.
LAST_WORDS = 2.0

log = structlog.get_logger("livequery-teller")


class Teller:
    """Tells for as long as ``run`` does, reconnecting for ever: what could not be told is told then."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        #: PostgreSQL's number for the session that announces
        self.pid: int | None = None
        self._untold: dict[str, None] = {}
        self._something = asyncio.Event()
        self._nothing = asyncio.Event()
        self._nothing.set()

    def tell(self, messages: Sequence[str]) -> None:
        """Does not wait. Equal messages that wait are told once."""
        self._untold.update(dict.fromkeys(messages))
        self._something.set()
        self._nothing.clear()

    async def told(self) -> None:
        """Returns when everything is told, or could not be for too long."""
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._nothing.wait()
        except TimeoutError:
            log.warning("what has changed could not be announced any more", changes=len(self._untold))

    async def run(self) -> None:
        """Never returns."""
        while True:
            try:
                await self._tell_all()
            except psycopg.Error as error:
                log.warning("changes wait to be announced", reason=str(error).strip())
            await asyncio.sleep(RECONNECT)

    async def _tell_all(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._database_url,
            autocommit=True,
            application_name="hasura-engine-teller",
            **KEEPALIVES,  # type: ignore[arg-type]
        )
        async with connection:
            self.pid = connection.info.backend_pid
            while True:
                await self._something.wait()
                telling, self._untold = self._untold, {}
                try:
                    await connection.execute(_NOTIFY, [CHANNEL, list(telling)])
                except BaseException:
                    self._untold.update(telling)
                    raise
                if not self._untold:
                    self._something.clear()
                    self._nothing.set()
