"""Who is signed in, in which browser.

A browser holds an opaque cookie (HttpOnly); the tokens stay here. All tabs of a browser share one entry, at all
processes of the web UI: an expired access token is renewed once for all of them, and the refresh token that rotates is
used by one at a time. A process asks the store when a page opens and when its own token has ended; for all other
requests it goes by what it knows.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Self
from weakref import WeakValueDictionary

import structlog

from webapp.services.api import ApiError, ApiUnavailable, Tokens
from webapp.services.login_store import LEASE, StoreAway

if TYPE_CHECKING:
    from webapp.services.api import Api
    from webapp.services.login_store import LoginStore

log = structlog.get_logger("webapp.logins")

LIFETIME = 30 * 24 * 3600.0
#: An access token is renewed this many seconds before it ends, so that none ends on its way.
RENEW_EARLY = 30.0
#: Seconds in which the backend must have renewed one: what it answers is to be stored before the lease ends.
RENEW_WITHIN = LEASE - 2.0
#: A browser fetches its cookie right after signing in; what is not fetched by then is thrown away.
TICKET_LIFETIME = 60.0
#: What `secrets.token_urlsafe` makes. A ticket is stored under another kind of name: nobody trades one for the other.
_LOGIN_ID = re.compile(r"[A-Za-z0-9_-]{40,50}", re.ASCII)
_TICKET = "ticket {}"
#: Stored in place of a sign-in that has ended. Where there is nothing at all the store has lost it, and whoever still
#: has it puts it back.
_ENDED = ""


class SignedOut(Exception):
    """This browser is not signed in, or no longer."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What all processes know of a sign-in. Of two copies the one that was renewed more often is the newer."""

    tokens: Tokens
    renew_at: float
    renewals: int = 0

    @classmethod
    def of(cls, tokens: Tokens, renewals: int = 0) -> Self:
        return cls(
            tokens, time.time() + max(tokens.expires_in - RENEW_EARLY, tokens.expires_in / 2), renewals
        )

    def to_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Self:
        if not text.startswith("{"):  # a refresh token alone, as earlier releases stored it
            return cls(Tokens("", text, 0, "", "", "", ""), renew_at=0.0)
        stored = json.loads(text)
        return cls(Tokens(**stored["tokens"]), stored["renew_at"], stored["renewals"])


@dataclass
class Login:
    """One browser's, at this process. ``tokens.user_id`` tells whether a tab still belongs to whom it did.

    `watching` looks whether it is ended from elsewhere, while any tab waits for that (`webapp.state.watched_login`).
    """

    kept: Kept
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    watchers: int = 0
    watching: asyncio.Task[None] | None = None

    @property
    def tokens(self) -> Tokens:
        return self.kept.tokens

    def is_good(self, refused: str | None) -> bool:
        return time.time() < self.kept.renew_at and self.kept.tokens.access_token != refused


class Logins:
    """The sign-ins that this process has met; through the store, all."""

    def __init__(self, store: LoginStore, api: Api) -> None:
        self._store = store
        self._api = api
        self._logins: dict[str, Login] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def begin(self, tokens: Tokens) -> str:
        """A ticket, good once, for which `collect` gives the cookie's value. Raises ApiUnavailable."""
        login_id, ticket, kept = secrets.token_urlsafe(32), secrets.token_urlsafe(32), Kept.of(tokens)
        await asyncio.gather(
            self._store.put(login_id, kept.to_text(), lifetime=LIFETIME),
            self._store.put(_TICKET.format(ticket), login_id, lifetime=TICKET_LIFETIME),
        )
        self._logins[login_id] = Login(kept)
        return ticket

    async def collect(self, ticket: str) -> str | None:
        """Raises ApiUnavailable."""
        return await self._store.take(_TICKET.format(ticket))

    async def get(self, login_id: str) -> Login:
        """Raises SignedOut, or ApiUnavailable when nobody can say."""
        return self._known(login_id) or await asyncio.shield(self._good(login_id, None))

    async def look(self, login_id: str) -> Login:
        """As `get`, and as it is now: another process may have ended or renamed it."""
        if self._known(login_id):
            try:
                return await self._newest(login_id)
            except StoreAway:
                pass
        return await self.get(login_id)

    async def access_token(self, login_id: str, *, refused: str | None = None) -> str:
        """One that is good for a while. Name the one that was refused, if any, to get another.

        Raises SignedOut, or ApiUnavailable when it must be renewed and the backend or the store is away.
        """
        login = self._logins.get(login_id)
        if login is None or not login.is_good(refused):
            login = await asyncio.shield(self._good(login_id, refused))
        return login.tokens.access_token

    async def rename(self, login_id: str, display_name: str) -> None:
        """Of its user, whom the backend knows by it already: a store that is away only delays where it shows."""
        try:
            async with self._store.alone(login_id):
                login = await self._newest(login_id)
                login.kept = replace(login.kept, tokens=replace(login.tokens, display_name=display_name))
                await self._store.put(login_id, login.kept.to_text(), lifetime=LIFETIME)
        except StoreAway:
            log.warning("a new name was not stored")

    async def end(self, login_id: str) -> None:
        """Signs this browser out, at all processes; the backend revokes when it can be reached."""
        try:
            login = await self._newest(login_id)
        except SignedOut:
            return
        except StoreAway:
            if (known := self._logins.get(login_id)) is None:
                log.warning("who wants to be signed out is not known")
                return
            login = known
        await self.forget(login_id)
        try:
            await self._api.logout(login.tokens.refresh_token)
        except ApiError as exc:
            log.warning("the backend did not revoke a sign-in", status=exc.status)

    async def forget(self, login_id: str) -> None:
        """This browser is signed out, and nobody need be told."""
        try:
            async with self._store.alone(login_id):  # not while another process stores new tokens
                await self._store.put(login_id, _ENDED, lifetime=LIFETIME)
        except StoreAway:
            log.warning("the end of a sign-in was not stored")
        self._drop(login_id)

    # Shielded as a whole: a tab that closes now must neither lose the token that replaces this one, nor let go of the
    # lease behind which another tab would use the old one a second time.

    async def _good(self, login_id: str, refused: str | None) -> Login:
        """With a good access token: this process's, another one's, or a new one, whichever there is first."""
        async with self._turns.setdefault(login_id, asyncio.Lock()):
            known = self._logins.get(login_id)
            if known and known.is_good(refused):
                return known
            login = await self._newest(login_id)
            if login.is_good(refused):
                return login
            async with self._store.alone(login_id):
                login = await self._newest(login_id)
                if not login.is_good(refused):
                    await self._renew(login_id, login)
                return login

    async def _newest(self, login_id: str) -> Login:
        """As the store has it or as this process has it. Raises SignedOut, or StoreAway."""
        if not _LOGIN_ID.fullmatch(login_id):
            raise SignedOut
        text = await self._store.get(login_id)
        if text == _ENDED:
            self._drop(login_id)
            raise SignedOut
        login = self._logins.get(login_id)
        if text is not None:
            kept = Kept.from_text(text)
            if login is None:
                login = self._logins[login_id] = Login(kept)
            elif kept.renewals >= login.kept.renewals:
                login.kept = kept
        if login is None:
            raise SignedOut
        return login

    async def _renew(self, login_id: str, login: Login) -> None:
        """Only alone."""
        try:
            async with asyncio.timeout(RENEW_WITHIN):
                tokens = await self._api.refresh(login.tokens.refresh_token)
        except TimeoutError as exc:
            raise ApiUnavailable(503, "The chat server does not answer.") from exc
        except ApiUnavailable:
            raise
        except ApiError as exc:
            if exc.status not in {400, 401, 403, 422}:
                raise ApiUnavailable(exc.status, exc.detail) from exc
            await self._store.put(login_id, _ENDED, lifetime=LIFETIME)
            self._drop(login_id)
            raise SignedOut from exc
        login.kept = Kept.of(tokens, login.kept.renewals + 1)
        try:
            await self._store.put(login_id, login.kept.to_text(), lifetime=LIFETIME)
        except StoreAway:  # as long as this process has it nobody is signed out
            log.warning("a renewed sign-in was not stored")

    def _known(self, login_id: str) -> Login | None:
        """With its user: what an earlier release stored says whose it is only when it has been renewed."""
        login = self._logins.get(login_id)
        return login if login and login.tokens.user_id else None

    def _drop(self, login_id: str) -> None:
        # Wakes those who wait: by then nobody finds the sign-in in the store.
        if login := self._logins.pop(login_id, None):
            login.ended.set()
