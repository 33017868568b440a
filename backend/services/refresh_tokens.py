"""Refresh tokens: 256 random bits, stored as their SHA-256, replaced at each use, revoked as a family.

A token that comes back after it was used has been copied, so the whole family ends (RFC 9700, 4.14.2). One
case looks the same and is not theft: the answer to a refresh was lost, or two tabs refreshed at once. So a
used token is honoured again for GRACE, as long as nothing that was issued in its place has been used.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from psycopg.rows import class_row

from backend.services.accounts import Account

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

LIFETIME = timedelta(days=30)
GRACE = timedelta(seconds=10)


class RefreshRefused(Exception):
    """Unknown, expired, revoked or used up: sign in again."""


@dataclass(frozen=True, slots=True)
class _Row:
    family_id: UUID
    user_id: UUID
    username: str
    display_name: str
    role: str
    dead: bool
    used: bool
    forgiven: bool


class RefreshTokens:
    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool

    async def issue(self, user_id: UUID) -> str:
        """The first of a new family: a sign-in."""
        async with self._pool.connection() as connection:
            await connection.execute(
                "DELETE FROM refresh_tokens WHERE user_id = %s AND expires_at < now()", [user_id]
            )
            return await _insert(connection, uuid4(), user_id)

    async def rotate(self, token: str) -> tuple[Account, str]:
        """Whose it is, and the token that replaces it. Raises RefreshRefused."""
        async with self._pool.connection() as connection:
            row = await _lock(connection, token)
            if row is not None and row.used and not row.dead and not row.forgiven:
                await _revoke(connection, row.family_id)
            elif row is not None and not row.dead:
                await connection.execute(
                    "UPDATE refresh_tokens SET used_at = coalesce(used_at, clock_timestamp())"
                    " WHERE token_hash = %s",
                    [_digest(token)],
                )
                replacement = await _insert(connection, row.family_id, row.user_id)
                return Account(row.user_id, row.username, row.display_name, row.role), replacement
        # Outside of the transaction: a revocation is kept.
        raise RefreshRefused

    async def revoke(self, token: str) -> None:
        """Ends the family of a token: this sign-in, on this device. An unknown token is no error."""
        async with self._pool.connection() as connection:
            row = await _lock(connection, token)
            if row is not None:
                await _revoke(connection, row.family_id)


async def _lock(connection: AsyncConnection[Any], token: str) -> _Row | None:
    async with connection.cursor(row_factory=class_row(_Row)) as cursor:
        # Of the family, not of the token: two siblings must not be judged at the same time.
        await cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(family_id::text, 0)) FROM refresh_tokens"
            " WHERE token_hash = %s",
            [_digest(token)],
        )
        await cursor.execute(
            "SELECT t.family_id, t.user_id, u.username, u.display_name, u.role,"
            "  t.revoked_at IS NOT NULL OR t.expires_at < now() AS dead, t.used_at IS NOT NULL AS used,"
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


async def _revoke(connection: AsyncConnection[Any], family_id: UUID) -> None:
    await connection.execute(
        "UPDATE refresh_tokens SET revoked_at = now() WHERE family_id = %s AND revoked_at IS NULL",
        [family_id],
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
