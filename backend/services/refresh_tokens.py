"""Refresh tokens: 256 random bits, stored as their SHA-256, replaced at each use, ended with their sign-in.

A token that comes back after it was used has been copied, so the whole sign-in ends (RFC 9700, 4.14.2). One
case looks the same and is not theft: the answer to a refresh was lost, or two tabs refreshed at once. So a
used token is honoured again for GRACE, as long as nothing that was issued in its place has been used.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from psycopg.rows import class_row

from backend.services.accounts import Account

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

    from backend.services.devices import Device

LIFETIME = timedelta(days=30)
GRACE = timedelta(seconds=10)


class RefreshRefused(Exception):
    """Unknown, expired, ended or used up: sign in again."""


class PasswordReplaced(Exception):
    """The account got another password, or its end, while somebody signed in with the one before."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Whose it is, which one, and the token that goes on with it."""

    account: Account
    id: UUID
    refresh_token: str


@dataclass(frozen=True, slots=True)
class _Row:
    family_id: UUID
    user_id: UUID
    username: str
    display_name: str
    role: str
    password_set_at: datetime
    dead: bool
    used: bool
    forgiven: bool


class RefreshTokens:
    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool

    async def issue(self, account: Account, device: Device, address: str) -> SignIn:
        """The first token of a new sign-in. Raises PasswordReplaced."""
        sign_in_id = uuid4()
        async with self._pool.connection() as connection:
            await connection.execute(
                "DELETE FROM sign_ins WHERE user_id = %s AND last_used_at < now() - %s",
                [account.id, LIFETIME],
            )
            # FOR SHARE waits for a password that is being changed, and then looks again.
            made = await connection.execute(
                "INSERT INTO sign_ins (sign_in_id, user_id, browser, system, address)"
                " SELECT %s, id, %s, %s, %s FROM users"
                " WHERE id = %s AND password_set_at = %s AND deleted_at IS NULL FOR SHARE",
                [
                    sign_in_id,
                    device.browser,
                    device.system,
                    address[:60],
                    account.id,
                    account.password_set_at,
                ],
            )
            if made.rowcount == 0:
                raise PasswordReplaced
            return SignIn(account, sign_in_id, await _insert(connection, sign_in_id, account.id))

    async def rotate(self, token: str) -> SignIn:
        """The sign-in, with the token that replaces this one. Raises RefreshRefused."""
        async with self._pool.connection() as connection:
            row = await _lock(connection, token)
            if row is not None and row.used and not row.dead and not row.forgiven:
                await _end(connection, row.family_id)
            elif row is not None and not row.dead:
                await connection.execute(
                    "UPDATE refresh_tokens SET used_at = coalesce(used_at, clock_timestamp())"
                    " WHERE token_hash = %s",
                    [_digest(token)],
                )
                await connection.execute(
                    "UPDATE sign_ins SET last_used_at = clock_timestamp() WHERE sign_in_id = %s",
                    [row.family_id],
                )
                replacement = await _insert(connection, row.family_id, row.user_id)
                account = Account(row.user_id, row.username, row.display_name, row.role, row.password_set_at)
                return SignIn(account, row.family_id, replacement)
        # Outside of the transaction: the end is kept.
        raise RefreshRefused

    async def revoke(self, token: str) -> None:
        """Ends the sign-in of a token, on this device. An unknown token is no error."""
        async with self._pool.connection() as connection:
            row = await _lock(connection, token)
            if row is not None:
                await _end(connection, row.family_id)


async def _lock(connection: AsyncConnection[Any], token: str) -> _Row | None:
    # Of the sign-in, not of the token: two siblings must not be judged at the same time.
    await connection.execute(
        "SELECT FROM sign_ins"
        " WHERE sign_in_id = (SELECT family_id FROM refresh_tokens WHERE token_hash = %s) FOR UPDATE",
        [_digest(token)],
    )
    async with connection.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(
            "SELECT t.family_id, t.user_id, u.username, u.display_name, u.role, u.password_set_at,"
            "  t.expires_at < now() AS dead, t.used_at IS NOT NULL AS used,"
            "  t.used_at > clock_timestamp() - %(grace)s AND NOT EXISTS ("
            "    SELECT FROM refresh_tokens AS later WHERE later.family_id = t.family_id"
            "    AND later.created_at >= t.used_at AND later.used_at IS NOT NULL) IS TRUE AS forgiven"
            " FROM refresh_tokens AS t JOIN users AS u ON u.id = t.user_id WHERE t.token_hash = %(hash)s",
            {"hash": _digest(token), "grace": GRACE},
        )
        return await cursor.fetchone()


async def _insert(connection: AsyncConnection[Any], family_id: UUID, user_id: UUID) -> str:
    token = secrets.token_urlsafe(32)
    await connection.execute(
        "INSERT INTO refresh_tokens (token_hash, family_id, user_id, created_at, expires_at)"
        " VALUES (%(hash)s, %(family)s, %(user)s, clock_timestamp(), clock_timestamp() + %(lifetime)s)",
        {"hash": _digest(token), "family": family_id, "user": user_id, "lifetime": LIFETIME},
    )
    return token


async def _end(connection: AsyncConnection[Any], sign_in_id: UUID) -> None:
    await connection.execute("DELETE FROM sign_ins WHERE sign_in_id = %s", [sign_in_id])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
