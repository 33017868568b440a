"""The list of sessions, and what can be done with a session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import reflex as rx

from backend.services.hasura_client import HasuraError
from webapp.services import services
from webapp.services.logins import SignedOut
from webapp.state.auth import login_id_of
from webapp.state.calls import follow, with_token
from webapp.state.ids import uuid_or_none
from webapp.state.layout import naming_new, renaming
from webapp.state.page import Page
from webapp.state.session_rows import LIST, LONGEST_LIST, SessionRow, merge_sessions
from webapp.state.titles import DEFAULT_TITLE, LONGEST_TITLE, shorten
from webapp.state.wording import explain
from webapp.words import words_of


class SessionList(Page, mixin=True):
    """Handlers of the sidebar and the header."""

    @rx.event(background=True, supersedes=True)
    async def load_all_sessions(self) -> Any:
        """The list, now and after every change, whoever makes it."""
        login_id, client = login_id_of(self), services().graphql
        try:
            async with aclosing(
                self._each(lambda: follow(login_id, lambda token: client.watch_sessions(token, limit=LIST)))
            ) as lists:
                async for sessions in lists:
                    if self._take_sessions([SessionRow.of(session) for session in sessions]):
                        break  # the open session, which was missing, is there again
        except SignedOut:
            return await self._leave("expired")
        except HasuraError as exc:
            async with self:
                self.sessions_loading, self.error = False, explain(exc, words_of(self))
            return None
        return self.__class__.open_page

    @rx.event(background=True)
    async def show_more_sessions(self) -> Any:
        """A hundred more below the list. These are not live: whatever happens to one moves it to the top."""
        async with self._reporting() as leave:
            client, limit = services().graphql, min(len(self.sessions), LONGEST_LIST) + LIST
            page = await with_token(
                login_id_of(self), lambda token: client.get_user_chat_sessions(token, limit=limit)
            )
            async with self:
                self.sessions = [SessionRow.of(session) for session in page.items]
                self.more_sessions = page.next_cursor is not None and limit < LONGEST_LIST
        return leave.event

    @rx.event(background=True)
    async def create_session(self, form: dict[str, Any]) -> Any:
        """Form: ``title``, which may be left empty."""
        title = str(form.get("title", "")).strip()[:LONGEST_TITLE] or DEFAULT_TITLE
        session_id, client = uuid4(), services().graphql
        async with self._reporting() as leave:
            await with_token(
                login_id_of(self),
                lambda token: client.create_chat_session(token, title=title, session_id=session_id),
            )
            return [naming_new.push(False), rx.redirect(f"/chat/{session_id}")]
        return leave.event

    @rx.event(background=True)
    async def update_session(self, session_id: str, form: dict[str, Any]) -> Any:
        """Renames. Form: ``title``; an empty one, or the one it has, changes nothing."""
        wanted, title = uuid_or_none(session_id), str(form.get("title", "")).strip()[:LONGEST_TITLE]
        client = services().graphql
        async with self._reporting() as leave:
            unchanged = any(s.session_id == session_id and s.title == title for s in self.sessions)
            if wanted is not None and title and not unchanged:
                changed = await with_token(
                    login_id_of(self), lambda token: client.update_chat_session(token, wanted, title=title)
                )
                async with self:
                    self._take_session(SessionRow.of(changed))
            return renaming.push("")
        return leave.event

    @rx.event(background=True)
    async def delete_session(self, session_id: str) -> AsyncIterator[Any]:
        """Soft: the toast's button brings it back."""
        wanted, client, words = uuid_or_none(session_id), services().graphql, words_of(self)
        async with self._reporting() as leave:
            if wanted is not None:
                deleted = await with_token(
                    login_id_of(self), lambda token: client.delete_chat_session(token, wanted)
                )
                async with self:
                    self.sessions = [s for s in self.sessions if s.session_id != session_id]
                    was_open = self.current_session.session_id == session_id
                if was_open:
                    yield rx.redirect("/chat")
                yield rx.toast(
                    words("sessions.deleted", title=shorten(deleted.title)),
                    id=f"deleted-{session_id}",
                    duration=10_000,
                    action={
                        "label": words("common.undo"),
                        "on_click": self.__class__.restore_session(session_id),
                    },
                )
        if leave.event is not None:
            yield leave.event

    @rx.event(background=True)
    async def restore_session(self, session_id: str) -> Any:
        wanted, client = uuid_or_none(session_id), services().graphql
        async with self._reporting() as leave:
            if wanted is not None:
                await with_token(
                    login_id_of(self), lambda token: client.update_chat_session(token, wanted, is_active=True)
                )
                return rx.redirect(f"/chat/{wanted}")
        return leave.event

    @rx.event(background=True)
    async def clear_messages(self, session_id: str) -> AsyncIterator[Any]:
        wanted, client = uuid_or_none(session_id), services().graphql
        async with self._reporting() as leave:
            if wanted is not None:
                removed = await with_token(
                    login_id_of(self), lambda token: client.clear_chat_messages(token, wanted)
                )
                async with self:
                    if self.current_session.session_id == session_id:
                        self._older, self.has_older = None, False
                        self._keep([])
                yield rx.toast(words_of(self)("sessions.cleared", messages=removed))
        if leave.event is not None:
            yield leave.event

    def _take_sessions(self, window: list[SessionRow]) -> bool:
        """Whether the open session, which was missing, is there again."""
        rows = merge_sessions(self.sessions, window)
        if rows != self.sessions:
            self.sessions = rows
        self.sessions_loading = False
        if len(rows) == len(window):  # nothing below it is shown yet
            self.more_sessions = len(window) >= LIST
        current = self.current_session
        listed = [row for row in rows if row.session_id == current.session_id]
        if not listed:
            if current.title and not self.more_sessions and not self.loading:
                self._lose()
            return False
        if listed[0] != current:
            self.current_session = listed[0]
        return self.missing
