"""The end of a browser's sign-in, wherever it comes from: another tab, another device, a new password."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from backend.services.hasura_client import HasuraError
from telemetry.safe import told
from webapp.services import services
from webapp.services.logins import SignedOut
from webapp.state.calls import follow

if TYPE_CHECKING:
    from webapp.services.logins import Login

#: Seconds until GraphQL is asked again, where it cannot tell.
ASK_AGAIN = 5.0

log = structlog.get_logger("webapp.state")


async def until_signed_out(login_id: str) -> None:
    """Returns once this browser is signed out. Raises SignedOut if it is not signed in, or ApiUnavailable.

    All tabs of a browser share one live query.
    """
    login = await services().logins.get(login_id)
    login.watchers += 1
    if login.watching is None:
        login.watching = asyncio.create_task(_watch(login_id, login))
    try:
        await login.ended.wait()
    finally:
        login.watchers -= 1
        if login.watchers == 0:
            login.watching.cancel()
            login.watching = None


async def _watch(login_id: str, login: Login) -> None:
    graphql, device_id = services().graphql, UUID(login.tokens.device_id)
    while True:
        try:
            async with aclosing(
                follow(login_id, lambda token: graphql.watch_sign_in(token, device_id))
            ) as states:
                async for signed_in in states:
                    if not signed_in:
                        await services().logins.forget(login_id)
                        return
        except SignedOut:
            return  # and known to be
        except HasuraError as exc:
            log.warning("whether a browser is signed in is not known", cause=told(exc))
            await asyncio.sleep(ASK_AGAIN)
