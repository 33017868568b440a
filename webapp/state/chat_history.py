"""The sessions and messages that a tab shows, and what can be done with them; a ``useChatHistory`` hook.

Every handler that waits for a server runs in the background and takes the state's lock only to push, so a slow
server never blocks the next click. Messages are not sent from here but from the browser's outbox (`webapp.routes`).
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import reflex as rx

from webapp.services import services
from webapp.services.api import ApiError
from webapp.services.logins import SignedOut
from webapp.state.auth import Auth, login_id_of, sign_in_address
from webapp.state.open_session import OpenSession
from webapp.state.session_list import SessionList
from webapp.state.turns import Turns
from webapp.state.watched_login import until_signed_out
from webapp.state.wording import explain
from webapp.words import words_of


class ChatHistory(SessionList, OpenSession, Turns, rx.State):
    """One tab's."""

    @rx.event
    async def open_page(self) -> Any:
        """Runs on every load, navigation and reconnect; what is shown already stays until it is replaced."""
        path = self.router.url.path
        login_id = login_id_of(self)
        auth = await self.get_state(Auth)
        try:
            login = await services().logins.look(login_id)
        except SignedOut:
            self.reset()
            return rx.redirect(sign_in_address("expired" if login_id else "", path))
        except ApiError as exc:
            self.error = explain(exc, words_of(self))
            return ChatHistory.retry_page
        if auth.user_id != login.tokens.user_id:
            self.reset()
        self._opened = True
        auth.user_id, auth.username = login.tokens.user_id, login.tokens.username
        auth.display_name = login.tokens.display_name
        session_id = path.removeprefix("/chat").strip("/")
        if session_id != self.current_session.session_id:
            self._show(session_id)
        return [
            ChatHistory.follow_login,
            ChatHistory.follow_reachability,
            ChatHistory.load_all_sessions,
            ChatHistory.follow_categories,
            *([ChatHistory.load_session(session_id)] if session_id else []),
        ]

    @rx.event(background=True, supersedes=True)
    async def retry_page(self) -> Any:
        """The backend was away when the page was opened."""
        await asyncio.sleep(2)
        return ChatHistory.open_page

    @rx.event(background=True, supersedes=True)
    async def follow_login(self) -> Any:
        """Leaves when this browser was signed out in another tab, or from another device."""
        try:
            await until_signed_out(login_id_of(self))
        except (SignedOut, ApiError):
            return None
        async with self:
            auth = await self.get_state(Auth)
            if not auth.user_id:  # signed out in this very tab, which is on its way already
                self.reset()
                return None
        return await self._leave("elsewhere")

    @rx.event(background=True, supersedes=True)
    async def follow_reachability(self) -> Any:
        async with aclosing(self._each(services().reachability.changes)) as changes:
            async for reachable in changes:
                self.reachable = reachable
        return ChatHistory.open_page

    @rx.event
    def dismiss_error(self) -> None:
        self.error = ""
