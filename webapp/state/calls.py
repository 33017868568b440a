"""Calls with the token of a browser's sign-in, which is renewed when it has ended."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from backend.services.hasura_client import Unauthorized
from webapp.services import services
from webapp.services.api import ApiError, ApiUnavailable
from webapp.services.logins import SignedOut

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

Answer = TypeVar("Answer")

WAIT = 2.0


async def with_token(login_id: str, call: Callable[[str], Awaitable[Answer]]) -> Answer:
    """What `call` answers with a valid token.

    Raises SignedOut when there is none, and whatever `call` raises.
    """
    logins = services().logins
    token = await logins.access_token(login_id)
    try:
        return await call(token)
    except Unauthorized:
        pass
    except ApiError as exc:
        if exc.status != 401:
            raise
    token = await logins.access_token(login_id, refused=token)
    try:
        return await call(token)
    except Unauthorized as exc:
        raise SignedOut from exc


async def follow(
    login_id: str, watch: Callable[[str], AsyncGenerator[Answer, None]]
) -> AsyncGenerator[Answer, None]:
    """What a live query yields, over the ends of access tokens. Raises SignedOut."""
    refused = None
    while True:
        try:
            token = await services().logins.access_token(login_id, refused=refused)
        except ApiUnavailable:
            await asyncio.sleep(WAIT)
            continue
        try:
            async with aclosing(watch(token)) as states:
                async for state in states:
                    yield state
        except Unauthorized:
            refused = token
