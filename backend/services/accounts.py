"""People who sign in: the table `users`, which GraphQL never writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import errors
from psycopg.rows import class_row

if TYPE_CHECKING:
    from uuid import UUID

    from psycopg_pool import AsyncConnectionPool

    from backend.services.passwords import Passwords


class UsernameTaken(Exception):
    """Somebody has this name, in whatever spelling."""


@dataclass(frozen=True, slots=True)
class Account:
    id: UUID
    username: str
    display_name: str
    role: str


@dataclass(frozen=True, slots=True)
class _Row(Account):
    password_hash: str


class Accounts:
    def __init__(self, pool: AsyncConnectionPool, passwords: Passwords) -> None:
        self._pool = pool
        self._passwords = passwords

    async def create(self, username: str, password: str, display_name: str | None = None) -> Account:
        """Raises UsernameTaken."""
        password_hash = await self._passwords.hash(password)
        async with (
            self._pool.connection() as connection,
            connection.cursor(row_factory=class_row(Account)) as cur,
        ):
            try:
                await cur.execute(
                    "INSERT INTO users (username, password_hash, display_name) VALUES (%s, %s, %s)"
                    " RETURNING id, username, display_name, role",
                    [username, password_hash, display_name or username],
                )
            except errors.UniqueViolation:
                raise UsernameTaken(username) from None
            account = await cur.fetchone()
        if account is None:
            raise AssertionError("unreachable: INSERT … RETURNING answers one row or raises")
        return account

    async def find(self, user_id: UUID) -> Account | None:
        async with (
            self._pool.connection() as connection,
            connection.cursor(row_factory=class_row(Account)) as cur,
        ):
            await cur.execute("SELECT id, username, display_name, role FROM users WHERE id = %s", [user_id])
            return await cur.fetchone()

    async def authenticate(self, username: str, password: str) -> Account | None:
        """The account, when the password is its own; takes the same time when there is no such account."""
        async with (
            self._pool.connection() as connection,
            connection.cursor(row_factory=class_row(_Row)) as cur,
        ):
            await cur.execute(
                "SELECT id, username, display_name, role, password_hash FROM users"
                " WHERE lower(username) = lower(%s)",
                [username],
            )
            row = await cur.fetchone()
        fits, renewed = await self._passwords.verify(password, row.password_hash if row else None)
        if row is None or not fits:
            return None
        if renewed is not None:
            async with self._pool.connection() as connection:
                await connection.execute(
                    "UPDATE users SET password_hash = %s WHERE id = %s AND password_hash = %s",
                    [renewed, row.id, row.password_hash],
                )
        return Account(row.id, row.username, row.display_name, row.role)
