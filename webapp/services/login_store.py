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
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS logins (id BLOB PRIMARY KEY, sealed BLOB NOT NULL, used_at REAL NOT NULL)"
)


def _row_id(login_id: str) -> bytes:
    return hashlib.sha256(b"row " + login_id.encode()).digest()


def _seal(login_id: str) -> Fernet:
    # The cookie is 256 random bits, so one hash is enough to make a key of it.
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"key " + login_id.encode()).digest()))


class LoginStore:
    """A small SQLite file; every call opens it anew, in a thread."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def put(self, login_id: str, refresh_token: str, *, now: float) -> None:
        sealed = _seal(login_id).encrypt(refresh_token.encode())
        await asyncio.to_thread(
            self._run, "INSERT OR REPLACE INTO logins VALUES (?, ?, ?)", (_row_id(login_id), sealed, now)
        )

    async def get(self, login_id: str) -> str | None:
        rows = await asyncio.to_thread(
            self._run, "SELECT sealed FROM logins WHERE id = ?", (_row_id(login_id),)
        )
        return _seal(login_id).decrypt(rows[0][0]).decode() if rows else None

    async def remove(self, login_id: str) -> None:
        await asyncio.to_thread(self._run, "DELETE FROM logins WHERE id = ?", (_row_id(login_id),))

    async def forget_unused(self, *, since: float) -> None:
        await asyncio.to_thread(self._run, "DELETE FROM logins WHERE used_at < ?", (since,))

    def _run(self, statement: str, values: tuple[object, ...]) -> list[tuple[bytes]]:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._file)) as database, database:
            self._file.chmod(0o600)
            database.execute(_SCHEMA)
            return database.execute(statement, values).fetchall()
