"""The open session: what it is called, its newest messages after every change, and how far they were read.

The page itself asks for the messages, by HTTP (webapp.routes.history): here it is told only what changes.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import reflex as rx

from backend.services.hasura_client import HasuraError, NotFound
from webapp.services import services
from webapp.services.api import ApiError
from webapp.services.logins import SignedOut
from webapp.state.auth import login_id_of
from webapp.state.calls import follow, with_token
from webapp.state.ids import uuid_or_none
from webapp.state.message_rows import PAGE, Made
from webapp.state.page import Page
from webapp.state.session_rows import SessionRow
from webapp.state.wording import explain
from webapp.words import words_of


class OpenSession(Page, mixin=True):
    """Handlers of the message area."""

    @rx.event(background=True, supersedes=True)
    async def load_session(self, session_id: str) -> Any:
        wanted = uuid_or_none(session_id)
        login_id, client = login_id_of(self), services().graphql
        if wanted is None:
            async with self:
                self._lose()
            return None
        if self._shows(session_id):  # the list says what it is called, and when it is gone
            async with self:
                self._reached()
            return self.__class__.follow_messages(session_id)
        try:
            session = await with_token(login_id, lambda token: client.get_chat_session(token, wanted))
            async with self:
                if self.current_session.session_id != session_id:
                    self._show(session_id)
                self.current_session = SessionRow.of(session)
                self.loading = self.missing = False
                self._reached()
        except SignedOut:
            return await self._leave("expired")
        except NotFound:
            async with self:
                self._lose()
            return None
        except (HasuraError, ApiError) as exc:
            async with self:
                self.error = explain(exc, words_of(self))
            await asyncio.sleep(2)
            return self.__class__.load_session(session_id)
        return self.__class__.follow_messages(session_id)

    @rx.event(background=True, supersedes=True)
    async def follow_messages(self, session_id: str) -> Any:
        wanted = uuid_or_none(session_id)
        if wanted is None:
            return None
        client = services().graphql
        login_id = login_id_of(self)
        made: Made = {}
        try:
            async with aclosing(
                self._each(
                    lambda: follow(login_id, lambda token: client.watch_page(token, wanted, limit=PAGE))
                )
            ) as pages:
                async for page in pages:
                    if self.current_session.session_id != session_id:
                        return None
                    if page is not None:  # else it was deleted, which the list of sessions says
                        self._take_window(page, made)
        except SignedOut:
            return await self._leave("expired")
        except HasuraError as exc:
            async with self:
                self.error = explain(exc, words_of(self))
            return None
        return self.__class__.open_page

    @rx.event(background=True)
    async def mark_read(self, session_id: str, row_id: int, device_id: str) -> None:
        """The reader has seen all up to this row, on this device. Nothing to say if it fails: it is asked again."""
        session, device = uuid_or_none(session_id), uuid_or_none(device_id)
        if session is None or device is None or not isinstance(row_id, int):
            return
        client = services().graphql
        try:
            await with_token(
                login_id_of(self), lambda token: client.mark_read(token, session, device, row_id)
            )
        except (SignedOut, HasuraError, ApiError):
            return

    def _shows(self, session_id: str) -> bool:
        """Whether it is open, and known what it is called."""
        current = self.current_session
        return (
            current.session_id == session_id and current.row_id > 0 and not self.loading and not self.missing
        )

    def _reached(self) -> None:
        if self.error == words_of(self)("errors.unreachable"):
            self.error = ""
