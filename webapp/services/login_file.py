"""Sign-ins in a file, for the processes of one machine."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import time
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from telemetry.safe import told
from webapp.services.login_store import LEASE, PATIENCE, TRY_AGAIN, StoreAway, row_id, seal, unseal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

log = structlog.get_logger("webapp.logins")

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS kept (id BLOB PRIMARY KEY, sealed BLOB NOT NULL, ends_at REAL NOT NULL)",
    "CREATE INDEX IF NOT EXISTS kept_ends_at ON kept (ends_at)",
    "CREATE TABLE IF NOT EXISTS leases (id BLOB PRIMARY KEY, holder TEXT NOT NULL, ends_at REAL NOT NULL)",
    # What releases before this table have kept, for 30 days.
    "CREATE TABLE IF NOT EXISTS logins (id BLOB PRIMARY KEY, sealed BLOB NOT NULL, used_at REAL NOT NULL)",
    "INSERT OR IGNORE INTO kept SELECT id, sealed, used_at + 2592000 FROM logins",
    "DROP TABLE logins",
    "PRAGMA user_version = 1",
)
#: A row comes back if nobody has the lease, or who had it has not given it back in time.
_LEASE = (
    "INSERT INTO leases VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
    " SET holder = excluded.holder, ends_at = excluded.ends_at WHERE leases.ends_at < ? RETURNING id"
)
#: Seconds to wait for another process that writes the file.
_BUSY = 30.0


@dataclass(frozen=True, slots=True)
class _Asked:
    """A statement, and where its rows go."""

    statement: str
    values: tuple[object, ...]
    answer: asyncio.Future[list[tuple[bytes]]]


class LoginFile:
    """A small SQLite file, opened anew in a thread for all that has been asked for meanwhile, in one transaction.

    Each on its own would wait for the disk alone, one after the other: when all browsers come back at once some would
    find the file locked, and their tokens, already traded for new ones, would be lost.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._asked: list[_Asked] = []
        self._working: asyncio.Task[None] | None = None

    async def put(self, secret: str, text: str, *, lifetime: float) -> None:
        now = time.time()
        await asyncio.gather(
            self._ask("DELETE FROM kept WHERE ends_at < ?", now),
            self._ask(
                "INSERT OR REPLACE INTO kept VALUES (?, ?, ?)",
                row_id(secret),
                seal(secret, text),
                now + lifetime,
            ),
        )

    async def get(self, secret: str) -> str | None:
        return await self._unsealed(secret, "SELECT sealed FROM kept WHERE id = ? AND ends_at >= ?")

    async def take(self, secret: str) -> str | None:
        return await self._unsealed(secret, "DELETE FROM kept WHERE id = ? AND ends_at >= ? RETURNING sealed")

    @asynccontextmanager
    async def alone(self, secret: str) -> AsyncIterator[None]:
        row, holder, give_up = row_id(secret), secrets.token_hex(8), time.monotonic() + PATIENCE
        while not await self._ask(_LEASE, row, holder, time.time() + LEASE, time.time()):
            if time.monotonic() > give_up:
                raise StoreAway
            await asyncio.sleep(TRY_AGAIN)
        try:
            yield
        finally:
            with suppress(StoreAway):  # it ends by itself
                await self._ask("DELETE FROM leases WHERE id = ? AND holder = ?", row, holder)

    async def _unsealed(self, secret: str, statement: str) -> str | None:
        rows = await self._ask(statement, row_id(secret), time.time())
        return unseal(secret, rows[0][0]) if rows else None

    async def _ask(self, statement: str, *values: object) -> list[tuple[bytes]]:
        asked = _Asked(statement, values, asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await asked.answer

    async def _work(self) -> None:
        while self._asked:
            batch, self._asked = self._asked, []
            try:
                answers = await asyncio.to_thread(self._run, batch)
            except (sqlite3.Error, OSError) as exc:
                log.warning("the file of sign-ins cannot be used", cause=told(exc))
                for asked in batch:
                    if not asked.answer.done():
                        away = StoreAway()
                        away.__cause__ = exc
                        asked.answer.set_exception(away)
            else:
                for asked, rows in zip(batch, answers, strict=True):
                    if not asked.answer.done():
                        asked.answer.set_result(rows)
        self._working = None

    def _run(self, batch: list[_Asked]) -> list[list[tuple[bytes]]]:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # IMMEDIATE: who reads first and then writes, while another process does too, would be refused at once.
        with (
            closing(sqlite3.connect(self._file, timeout=_BUSY, isolation_level="IMMEDIATE")) as database,
            database,
        ):
            if database.execute("PRAGMA user_version").fetchone() == (0,):
                self._create(database)
            return [database.execute(asked.statement, asked.values).fetchall() for asked in batch]

    def _create(self, database: sqlite3.Connection) -> None:
        self._file.chmod(0o600)
        database.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            database.execute(statement)
        database.commit()
