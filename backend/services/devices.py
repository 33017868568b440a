"""The devices that are signed in: how they are told apart, and how one of them is signed out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ua_parser
from anyio import to_thread
from psycopg.rows import class_row

from backend.services.refresh_tokens import LIFETIME

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from psycopg_pool import AsyncConnectionPool

#: Characters of a User-Agent that are looked at: it is the client's word.
LONGEST_USER_AGENT = 512
#: Characters of a name, as the table takes it.
LONGEST_NAME = 60
#: As many as a list shows, those that were used last.
MOST = 100
#: A program that is no known browser: what comes before its version (RFC 9110, 10.1.5).
_PRODUCT = re.compile(r"[A-Za-z][\w.-]{0,40}(?=/)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Device:
    """What signs in, as it calls itself: ``Firefox`` on ``Linux``. Empty where nobody can tell."""

    browser: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class SignedInDevice:
    sign_in_id: UUID
    browser: str
    system: str
    address: str
    signed_in_at: datetime
    last_used_at: datetime


async def recognise(user_agent: str) -> Device:
    """In a thread: the first call compiles a thousand patterns, and a text made for it may take a while."""
    return await to_thread.run_sync(_recognise, user_agent[:LONGEST_USER_AGENT])


class Devices:
    """Those of one user: nobody else's sign-in is found, or ended."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool

    async def list(self, user_id: UUID) -> list[SignedInDevice]:
        """Latest use first."""
        async with (
            self._pool.connection() as connection,
            connection.cursor(row_factory=class_row(SignedInDevice)) as cursor,
        ):
            await cursor.execute(
                "SELECT sign_in_id, browser, system, address, signed_in_at, last_used_at FROM sign_ins"
                " WHERE user_id = %s AND last_used_at > now() - %s ORDER BY last_used_at DESC LIMIT %s",
                [user_id, LIFETIME, MOST],
            )
            return await cursor.fetchall()

    async def is_signed_in(self, user_id: UUID, sign_in_id: UUID) -> bool:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT FROM sign_ins WHERE user_id = %s AND sign_in_id = %s", [user_id, sign_in_id]
            )
            return cursor.rowcount == 1

    async def sign_out(self, user_id: UUID, sign_in_id: UUID) -> bool:
        """Whether there was such a sign-in."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "DELETE FROM sign_ins WHERE user_id = %s AND sign_in_id = %s", [user_id, sign_in_id]
            )
            return cursor.rowcount == 1

    async def sign_out_others(self, user_id: UUID, but: UUID | None) -> int:
        """All but one; how many there were."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "DELETE FROM sign_ins WHERE user_id = %s AND sign_in_id IS DISTINCT FROM %s", [user_id, but]
            )
            return cursor.rowcount


def _recognise(user_agent: str) -> Device:
    found = ua_parser.parse(user_agent)
    system = found.os.family if found.os else ""
    if found.user_agent:
        # Which Safari or Chrome it is the system says already.
        browser = found.user_agent.family.replace("Mobile", "").strip()
    else:
        product = _PRODUCT.match(user_agent)
        browser = product[0] if product and product[0] != "Mozilla" else ""
    return Device(_plain(browser), _plain(system))


def _plain(name: str) -> str:
    return "".join(sign for sign in name if sign.isprintable())[:LONGEST_NAME]
