"""The open session: its messages, now and after every change, and how far they were read."""

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
from webapp.state.message_rows import PAGE, has_gap, merge
from webapp.state.page import Page
from webapp.state.session_rows import SessionRow
from webapp.state.wording import explain
from webapp.words import words_of


class OpenSession(Page, mixin=True):
    """Handlers of the message area."""

    @rx.event(background=True, supersedes=True)
    async def load_session(self, session_id: str) -> Any:
        """The session and its newest messages, now and after every change."""
        wanted = uuid_or_none(session_id)
        login_id, client = login_id_of(self), services().graphql
        if wanted is None:
            async with self:
                self._lose()
            return None
        try:
            session, page = await asyncio.gather(
                with_token(login_id, lambda token: client.get_chat_session(token, wanted)),
                with_token(login_id, lambda token: client.get_chat_messages(token, wanted, limit=PAGE)),
            )
            async with self:
                if self.current_session.session_id != session_id:
                    self._show(session_id)
                self.current_session = SessionRow.of(session)
                # In a session that was never looked at all is new, and a line would say nothing.
                self._new_after = session.last_read_id or None if session.unread_messages else None
                shown = [] if has_gap(self._stored, page.items) else self._stored
                stored = merge(shown, page.items)
                if len(stored) == len(page.items):  # else the older pages that are shown go on where they did
                    self._older, self.has_older = page.next_cursor, page.next_cursor is not None
                self._keep(stored)
                self.loading = self.missing = False
                if self.error == words_of(self)("errors.unreachable"):
                    self.error = ""
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
        try:
            async with aclosing(
                self._each(
                    lambda: follow(login_id, lambda token: client.watch_messages(token, wanted, limit=PAGE))
                )
            ) as windows:
                async for window in windows:
                    if self.current_session.session_id != session_id:
                        return None
                    if has_gap(self._stored, window):  # more happened while the line was cut than fits
                        return self.__class__.load_session(session_id)
                    self._keep(merge(self._stored, window))
                    if len(window) < PAGE:
                        self._older, self.has_older = None, False
        except SignedOut:
            return await self._leave("expired")
        except HasuraError as exc:
            async with self:
                self.error = explain(exc, words_of(self))
            return None
        return self.__class__.open_page

    @rx.event(background=True, supersedes=True)
    async def load_older(self) -> Any:
        """One more page above what is shown."""
        async with self:
            session_id, cursor = uuid_or_none(self.current_session.session_id), self._older
            if session_id is None or cursor is None:
                return None
            self.loading_older = True
        async with self._reporting() as leave:
            client = services().graphql
            page = await with_token(
                login_id_of(self),
                lambda token: client.get_chat_messages(token, session_id, limit=PAGE, cursor=cursor),
            )
            async with self:
                if self._older == cursor:
                    self._older, self.has_older = page.next_cursor, page.next_cursor is not None
                    self._keep([*page.items, *self._stored])
        async with self:
            self.loading_older = False
        return leave.event

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
