"""Signing in, signing out, and who this tab belongs to."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import reflex as rx

from webapp import login_cookie, page_calls
from webapp.services import services
from webapp.services.api import ApiError, Visitor
from webapp.services.logins import SignedOut
from webapp.state.wording import REASONS, explain
from webapp.words import Words, words_of

if TYPE_CHECKING:
    from webapp.services.api import Tokens

USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{2,31}")
PASSWORD_LENGTH = 8


def login_id_of(state: rx.State) -> str:
    """The cookie of the browser that sent the running event."""
    return login_cookie.read(state.router.headers.cookie)


def visitor_of(state: rx.State) -> Visitor:
    """The browser that sent the running event."""
    return Visitor(state.router.session.client_ip, state.router.headers.user_agent)


def local_path(wanted: str) -> str:
    """`wanted` if it is the path of a page of this site, else the chats' front page: never another site."""
    parts = urlsplit(wanted)
    known = parts.path.startswith("/chat") or parts.path.rstrip("/") == "/settings"
    inside = not parts.scheme and not parts.netloc and known and "\\" not in wanted
    return parts.path if inside else "/chat"


def sign_in_address(reason: str, path: str) -> str:
    back = local_path(path)
    query = {"reason": reason} | ({"next": back} if back != "/chat" else {})
    return f"/sign-in?{urlencode({name: value for name, value in query.items() if value}, safe='/')}"


class Auth(rx.State):
    """The account of this tab, and the sign-in form's state. Tokens are never here: see `services.logins`."""

    user_id: str = ""
    username: str = ""
    display_name: str = ""
    notice: str = ""
    error: str = ""
    busy: bool = False

    @rx.event
    async def open_sign_in(self) -> Any:
        """Says why one is here; whoever is signed in already is led on."""
        reason = self._asked_for("reason")
        self.notice = words_of(self)(REASONS[reason]) if reason in REASONS else ""
        self.error, self.busy = "", False
        try:
            await services().logins.look(login_id_of(self))
        except (SignedOut, ApiError):
            return None
        return rx.redirect(local_path(self._asked_for("next")))

    @rx.event
    async def sign_in(self, form: dict[str, Any]) -> AsyncIterator[Any]:
        """Form: ``username`` and ``password``."""
        async for event in self._enter(form, new=False):
            yield event

    @rx.event
    async def register(self, form: dict[str, Any]) -> AsyncIterator[Any]:
        """Form: ``username`` and ``password``; the new account is signed in at once."""
        async for event in self._enter(form, new=True):
            yield event

    @rx.event
    async def sign_out(self) -> Any:
        """The page leaves only after this tab is nobody's: else it would hear that it was signed out elsewhere."""
        self.reset()
        return page_calls.tell("chat-leave")  # sign_out.jsx

    def _asked_for(self, name: str) -> str:
        """What the page's address says."""
        return parse_qs(urlsplit(str(self.router.url)).query).get(name, [""])[0]

    async def _enter(self, form: dict[str, Any], *, new: bool) -> AsyncIterator[Any]:
        username, password = str(form.get("username", "")).strip(), str(form.get("password", ""))
        words = words_of(self)
        self.error = missing(username, password, words, new=new)
        if self.error:
            return
        self.busy = True
        yield
        api = services().api
        try:
            enter = api.register if new else api.login
            tokens: Tokens = await enter(username, password, visitor_of(self))
            ticket = await services().logins.begin(tokens)
        except ApiError as exc:
            self.error, self.busy = explain(exc, words), False
            return
        yield page_calls.fetch_cookie(login_cookie.BEGIN, ticket, local_path(self._asked_for("next")))


def missing(username: str, password: str, words: Words, *, new: bool) -> str:
    """What is still to be filled in, or nothing."""
    if not username:
        return words("account.username-missing")
    if new and not USERNAME.fullmatch(username):
        return words("account.username-rule")
    if not password:
        return words("account.password-missing")
    if new and len(password) < PASSWORD_LENGTH:
        return words("account.password-rule", length=PASSWORD_LENGTH)
    return ""
