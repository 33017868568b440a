"""The refresh tokens of signed-in browsers, kept over a restart of the web UI.

A row is found by the hash of the browser's cookie and encrypted with a key made of that cookie: whoever
copies the file can use none of it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS logins (id BLOB PRIMARY KEY, sealed BLOB NOT NULL, used_at REAL NOT NULL)"
)

#: Seconds to wait for another process that writes the file.
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class _Asked:
    """A statement, and where its rows go."""

    statement: str
    values: tuple[object, ...]
    answer: asyncio.Future[list[tuple[bytes]]]


def _row_id(login_id: str) -> bytes:
    return hashlib.sha256(b"row " + login_id.encode()).digest()


def _seal(login_id: str) -> Fernet:
    # The cookie is 256 random bits, so one hash is enough to make a key of it.
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"key " + login_id.encode()).digest()))


class LoginStore:
    """A small SQLite file, opened anew in a thread for all that has been asked for meanwhile, in one transaction.

    Each on its own would wait for the disk alone, one after the other: when all browsers come back at once some would
    find the file locked, and their tokens, already traded for new ones, would be lost.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._asked: list[_Asked] = []
        self._working: asyncio.Task[None] | None = None

    async def put(self, login_id: str, refresh_token: str, *, now: float) -> None:
        sealed = _seal(login_id).encrypt(refresh_token.encode())
        await self._ask("INSERT OR REPLACE INTO logins VALUES (?, ?, ?)", (_row_id(login_id), sealed, now))

    async def get(self, login_id: str) -> str | None:
        rows = await self._ask("SELECT sealed FROM logins WHERE id = ?", (_row_id(login_id),))
        return _seal(login_id).decrypt(rows[0][0]).decode() if rows else None

    async def remove(self, login_id: str) -> None:
        await self._ask("DELETE FROM logins WHERE id = ?", (_row_id(login_id),))

    async def forget_unused(self, *, since: float) -> None:
        await self._ask("DELETE FROM logins WHERE used_at < ?", (since,))

    async def _ask(self, statement: str, values: tuple[object, ...]) -> list[tuple[bytes]]:
        """Raises sqlite3.Error."""
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
                for asked in batch:
                    if not asked.answer.done():
                        asked.answer.set_exception(exc)
            else:
                for asked, rows in zip(batch, answers, strict=True):
                    if not asked.answer.done():
                        asked.answer.set_result(rows)
        self._working = None

    def _run(self, batch: list[_Asked]) -> list[list[tuple[bytes]]]:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._file, timeout=_PATIENCE)) as database, database:
            self._file.chmod(0o600)
            database.execute(_SCHEMA)
            return [database.execute(asked.statement, asked.values).fetchall() for asked in batch]
