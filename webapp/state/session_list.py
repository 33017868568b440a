"""The list of sessions: what changes in it reaches the page's store (assets/js/sessions/store.js).

What a reader does with sessions goes another way (`webapp.routes.sessions`): the page shows it at once, and learns
whether it was refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import reflex as rx
import structlog
from redis.exceptions import RedisError

from backend.services.hasura_client import HasuraError
from telemetry.safe import told
from webapp import page_calls
from webapp.services import services
from webapp.services.logins import SignedOut
from webapp.state.auth import login_id_of
from webapp.state.calls import follow, with_token
from webapp.state.ids import uuid_or_none
from webapp.state.layout import naming_new
from webapp.state.page import Page
from webapp.state.session_rows import WINDOW, CategoryCount, SessionRow, news
from webapp.state.titles import LONGEST_TITLE
from webapp.state.wording import explain
from webapp.words import words_of

log = structlog.get_logger("webapp.state")


class SessionList(Page, mixin=True):
    """Handlers of the sidebar and the header."""

    @rx.event(background=True, supersedes=True)
    async def load_all_sessions(self) -> AsyncIterator[Any]:
        """What changes, whoever changes it."""
        try:
            async with aclosing(self._changes()) as changes:
                async for new, again in changes:
                    if new is not None:
                        # One event a push, in order: of a variable of the state that changes twice, a page may see
                        # the second value only.
                        yield page_calls.tell("chat-sessions", new)
                    if again:  # the open session, which was missing, is there again
                        break
        except SignedOut:
            yield await self._leave("expired")
            return
        except HasuraError as exc:
            async with self:
                self.error = explain(exc, words_of(self))
            return
        yield self.__class__.open_page

    @rx.event(background=True, supersedes=True)
    async def follow_categories(self) -> Any:
        """How many sessions lie where."""
        login_id, client = login_id_of(self), services().graphql
        try:
            async with aclosing(self._each(lambda: follow(login_id, client.watch_categories))) as states:
                async for counts in states:
                    categories = [CategoryCount(c.shelf, c.category, c.sessions) for c in counts]
                    if categories != self.categories:
                        self.categories = categories
        except (SignedOut, HasuraError):
            return  # `load_all_sessions` meets the same, and says so

    @rx.event(background=True)
    async def create_session(self, form: dict[str, Any]) -> Any:
        """Form: ``title``, which may be left empty."""
        title = str(form.get("title", "")).strip()[:LONGEST_TITLE] or None
        session_id, client = uuid4(), services().graphql
        async with self._reporting() as leave:
            await with_token(
                login_id_of(self),
                lambda token: client.create_chat_session(token, title=title, session_id=session_id),
            )
            return [naming_new.push(False), rx.redirect(f"/chat/{session_id}")]
        return leave.event

    @rx.event(background=True)
    async def clear_messages(self, session_id: str) -> AsyncIterator[Any]:
        wanted, client = uuid_or_none(session_id), services().graphql
        async with self._reporting() as leave:
            if wanted is not None:
                removed = await with_token(
                    login_id_of(self), lambda token: client.clear_chat_messages(token, wanted)
                )
                yield page_calls.say(words_of(self)("sessions.cleared", messages=removed))
        if leave.event is not None:
            yield leave.event

    async def _changes(self) -> AsyncGenerator[tuple[dict[str, Any] | None, bool], None]:
        """What the page has yet to hear, and whether the open session is there again; the state's lock is free then.

        Ends, and waits, as `_each` does.
        """
        login_id, client = login_id_of(self), services().graphql
        # A page that is loaded anew, or lost the line, comes with another socket, and is told everything.
        socket = self.router.session.session_id
        while True:
            try:
                async with aclosing(
                    follow(login_id, lambda token: client.watch_changed_sessions(token, limit=WINDOW))
                ) as windows:
                    async for window in windows:
                        rows = [SessionRow.of(session) for session in window]
                        async with self:
                            if not self._opened:
                                return
                            new = news(self._told if self._told_to == socket else None, rows)
                            again = self._take_changes(rows, gone=new["gone"] if new else [])
                        yield new, again
                        async with self:  # whoever is cancelled before this has told nothing
                            self._told, self._told_to = rows, socket
            except RedisError as exc:
                log.warning("the state is out of reach", cause=told(exc))
                await asyncio.sleep(1)
            else:
                return

    def _take_changes(self, window: Sequence[SessionRow], gone: Sequence[str]) -> bool:
        """Whether the open session, which was missing, is there again."""
        current = self.current_session
        found = next((row for row in window if row.session_id == current.session_id), None)
        if found is not None and found.shelf != "trash":
            if found != current:
                self.current_session = found
            return self.missing
        deleted = found is not None or len(window) < WINDOW or current.session_id in gone
        if deleted and current.title and not self.loading:
            self._lose()
        return False
