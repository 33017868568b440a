"""Who is signed in, in which browser.

A browser holds an opaque cookie (HttpOnly); the tokens stay here. All tabs of a browser share one entry, so
an expired access token is renewed once for all of them, and the refresh token that rotates has one holder.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from webapp.services.api import ApiError, ApiUnavailable

if TYPE_CHECKING:
    from webapp.services.api import Api, Tokens
    from webapp.services.login_store import LoginStore

log = structlog.get_logger("webapp.logins")

LIFETIME = 30 * 24 * 3600.0
#: An access token is renewed this many seconds before it ends, so that none ends on its way.
RENEW_EARLY = 30.0
#: A browser fetches its cookie right after signing in; what is not fetched by then is thrown away.
TICKET_LIFETIME = 60.0


class SignedOut(Exception):
    """This browser is not signed in, or no longer."""


@dataclass
class Login:
    """One browser's. ``user_id`` tells whether a tab still belongs to whom it did.

    `watching` looks whether it is ended from elsewhere, while any tab waits for that (`webapp.state.watched_login`).
    """

    tokens: Tokens
    renew_at: float
    renewing: asyncio.Lock = field(default_factory=asyncio.Lock)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    watchers: int = 0
    watching: asyncio.Task[None] | None = None


class Logins:
    """The sign-ins of this process, and through the store those of the one before."""

    def __init__(self, store: LoginStore, api: Api) -> None:
        self._store = store
        self._api = api
        self._logins: dict[str, Login] = {}
        self._loading: dict[str, asyncio.Lock] = {}
        self._tickets: dict[str, tuple[str, float]] = {}

    async def begin(self, tokens: Tokens) -> str:
        """A ticket, good once, for which `collect` gives the cookie's value."""
        now = time.time()
        login_id = secrets.token_urlsafe(32)
        await self._keep(login_id, tokens)
        await self._store.forget_unused(since=now - LIFETIME)
        self._tickets = {t: (i, end) for t, (i, end) in self._tickets.items() if end > now}
        ticket = secrets.token_urlsafe(32)
        self._tickets[ticket] = (login_id, now + TICKET_LIFETIME)
        return ticket

    async def rename(self, login_id: str, display_name: str) -> None:
        login = await self.get(login_id)
        login.tokens = replace(login.tokens, display_name=display_name)

    def collect(self, ticket: str) -> str | None:
        login_id, end = self._tickets.pop(ticket, ("", 0.0))
        return login_id if end > time.time() else None

    async def get(self, login_id: str) -> Login:
        """Raises SignedOut, or ApiUnavailable when nobody can say."""
        if login := self._logins.get(login_id):
            return login
        if not login_id:
            raise SignedOut
        return await asyncio.shield(self._load(login_id))

    async def access_token(self, login_id: str, *, refused: str | None = None) -> str:
        """One that is good for a while. Name the one that was refused, if any, to get another.

        Raises SignedOut, or ApiUnavailable when it must be renewed and the backend is away.
        """
        login = await self.get(login_id)
        return await asyncio.shield(self._good_token(login_id, login, refused))

    # Both are shielded as a whole: a tab that closes now must neither lose the token that replaces this one, nor let
    # go of the lock behind which another tab would use the old one a second time.

    async def _load(self, login_id: str) -> Login:
        loading = self._loading.setdefault(login_id, asyncio.Lock())
        try:
            async with loading:
                if login := self._logins.get(login_id):
                    return login
                refresh_token = await self._store.get(login_id)
                if refresh_token is None:
                    raise SignedOut
                return await self._renew(login_id, refresh_token)
        finally:
            self._loading.pop(login_id, None)

    async def _good_token(self, login_id: str, login: Login, refused: str | None) -> str:
        async with login.renewing:
            current = login.tokens.access_token
            if time.time() < login.renew_at and current != refused:
                return current
            login = await self._renew(login_id, login.tokens.refresh_token)
            return login.tokens.access_token

    async def end(self, login_id: str) -> None:
        """Signs this browser out, everywhere at once; the backend revokes when it can be reached."""
        login = self._logins.get(login_id)
        refresh_token = login.tokens.refresh_token if login else await self._store.get(login_id)
        await self.forget(login_id)
        if refresh_token is not None:
            try:
                await self._api.logout(refresh_token)
            except ApiError as exc:
                log.warning("the backend did not revoke a sign-in", status=exc.status)

    async def _renew(self, login_id: str, refresh_token: str) -> Login:
        try:
            return await self._keep(login_id, await self._api.refresh(refresh_token))
        except ApiUnavailable:
            raise
        except ApiError as exc:
            if exc.status not in {400, 401, 403, 422}:
                raise ApiUnavailable(exc.status, exc.detail) from exc
            await self.forget(login_id)
            raise SignedOut from exc

    async def _keep(self, login_id: str, tokens: Tokens) -> Login:
        now = time.time()
        await self._store.put(login_id, tokens.refresh_token, now=now)
        renew_at = now + max(tokens.expires_in - RENEW_EARLY, tokens.expires_in / 2)
        login = self._logins.get(login_id)
        if login is None:
            login = self._logins[login_id] = Login(tokens, renew_at)
        login.tokens, login.renew_at = tokens, renew_at
        return login

    async def forget(self, login_id: str) -> None:
        """This browser is signed out, and nobody need be told."""
        # Last, since it wakes those who wait: by then nobody finds the sign-in in the store.
        await self._store.remove(login_id)
        if login := self._logins.pop(login_id, None):
            login.ended.set()
