"""People who sign in: the table `users`, which GraphQL never writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, LiteralString

from psycopg import errors
from psycopg.rows import class_row

if TYPE_CHECKING:
    from datetime import datetime
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
    #: Names the password without telling it.
    password_set_at: datetime


@dataclass(frozen=True, slots=True)
class _Row(Account):
    password_hash: str


#: After how many days without any change a chat goes; None keeps all.
Retention = Literal[30, 90, 365] | None


class Accounts:
    """An account that its owner has deleted is none: what is left of it is `Deletion`'s to remove."""

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
                    " RETURNING id, username, display_name, role, password_set_at",
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
            await cur.execute(
                "SELECT id, username, display_name, role, password_set_at FROM users"
                " WHERE id = %s AND deleted_at IS NULL",
                [user_id],
            )
            return await cur.fetchone()

    async def authenticate(self, username: str, password: str) -> Account | None:
        """The account, when the password is its own; takes the same time when there is no such account."""
        return await self._verified(
            "SELECT id, username, display_name, role, password_set_at, password_hash FROM users"
            " WHERE lower(username) = lower(%s) AND deleted_at IS NULL",
            username,
            password,
        )

    async def check_password(self, user_id: UUID, password: str) -> Account | None:
        """The account, when the password is its own."""
        return await self._verified(
            "SELECT id, username, display_name, role, password_set_at, password_hash FROM users"
            " WHERE id = %s AND deleted_at IS NULL",
            user_id,
            password,
        )

    async def rename(self, user_id: UUID, display_name: str) -> Account | None:
        """With the new name, or None where there is no such account."""
        async with (
            self._pool.connection() as connection,
            connection.cursor(row_factory=class_row(Account)) as cur,
        ):
            await cur.execute(
                "UPDATE users SET display_name = %s WHERE id = %s AND deleted_at IS NULL"
                " RETURNING id, username, display_name, role, password_set_at",
                [display_name, user_id],
            )
            return await cur.fetchone()

    async def set_password(self, account: Account, password: str, *, stays: UUID | None) -> int | None:
        """Signs out every device but the sign-in `stays`, and answers how many; None when the password that `account`
        was verified with is not the one any more.
        """
        password_hash = await self._passwords.hash(password)
        async with self._pool.connection() as connection:
            changed = await connection.execute(
                "UPDATE users SET password_hash = %s, password_set_at = clock_timestamp()"
                " WHERE id = %s AND password_set_at = %s AND deleted_at IS NULL",
                [password_hash, account.id, account.password_set_at],
            )
            if changed.rowcount == 0:
                return None
            # In one transaction with it, and after it: whoever signs in with the old password now waits for this, and
            # is then refused.
            ended = await connection.execute(
                "DELETE FROM sign_ins WHERE user_id = %s AND sign_in_id IS DISTINCT FROM %s",
                [account.id, stays],
            )
            return ended.rowcount

    async def retention(self, user_id: UUID) -> Retention:
        async with self._pool.connection() as connection:
            cursor = await connection.execute("SELECT retention_days FROM users WHERE id = %s", [user_id])
            row = await cursor.fetchone()
        return row[0] if row else None

    async def set_retention(self, user_id: UUID, days: Retention) -> None:
        async with self._pool.connection() as connection:
            await connection.execute("UPDATE users SET retention_days = %s WHERE id = %s", [days, user_id])

    async def _verified(self, query: LiteralString, key: object, password: str) -> Account | None:
        async with (
            self._pool.connection() as connection,
            connection.cursor(row_factory=class_row(_Row)) as cur,
        ):
            await cur.execute(query, [key])
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
        return Account(row.id, row.username, row.display_name, row.role, row.password_set_at)
