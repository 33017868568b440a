"""The sessions and messages that a tab shows, and what can be done with them; a ``useChatHistory`` hook.

Every handler that waits for a server runs in the background and takes the state's lock only to push, so a slow
server never blocks the next click.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import reflex as rx

from backend.services.hasura_client import HasuraError, NotFound
from webapp.services import services
from webapp.services.api import ApiError
from webapp.services.logins import SignedOut
from webapp.state import sending
from webapp.state.answer import Answer
from webapp.state.auth import Auth, login_id_of, sign_in_address
from webapp.state.calls import follow, with_token
from webapp.state.layout import naming_new, renaming
from webapp.state.rows import (
    DEFAULT_TITLE,
    LIST,
    LONGEST_LIST,
    LONGEST_TITLE,
    PAGE,
    MessageRow,
    SessionRow,
    has_gap,
    merge,
    merge_sessions,
    shorten,
    uuid_or_none,
)
from webapp.state.wording import explain

if TYPE_CHECKING:
    from backend.services.hasura_client import ChatMessage


class ChatHistory(rx.State):
    """Variables that the page reads, and the handlers behind its buttons."""

    sessions: list[SessionRow] = []
    current_session: SessionRow = SessionRow()
    messages: list[MessageRow] = []
    loading: bool = True
    sessions_loading: bool = True
    error: str = ""
    #: The address names a session that is not there, or not the reader's.
    missing: bool = False
    reachable: bool = True
    has_older: bool = False
    loading_older: bool = False
    more_sessions: bool = False
    #: The message that could not be sent: the composer takes its text back.
    returned_id: str = ""
    _older: str | None = None

    @rx.var
    def saved_ids(self) -> list[str]:
        """The latest questions that the server has: the composer need not keep their text any longer."""
        return [m.message_id for m in self.messages if m.role == "user" and m.status != "sending"][-5:]

    @rx.var
    def page_title(self) -> str:
        title = self.current_session.title
        return f"{title} · Chat sessions" if title else "Chat sessions"

    # Opening a page

    @rx.event
    async def open_page(self) -> Any:
        """Runs on every load, navigation and reconnect; what is shown already stays until it is replaced."""
        path = self.router.url.path
        login_id = login_id_of(self)
        auth = await self.get_state(Auth)
        try:
            login = await services().logins.get(login_id)
        except SignedOut:
            self.reset()
            return rx.redirect(sign_in_address("expired" if login_id else "", path))
        except ApiError as exc:
            self.error = explain(exc)
            return ChatHistory.retry_page
        if auth.user_id != login.tokens.user_id:
            self.reset()
        auth.user_id, auth.username = login.tokens.user_id, login.tokens.username
        auth.display_name = login.tokens.display_name
        session_id = path.removeprefix("/chat").strip("/")
        if session_id != self.current_session.session_id:
            self._show(session_id)
        return [
            ChatHistory.follow_login,
            ChatHistory.follow_reachability,
            ChatHistory.load_all_sessions,
            *([ChatHistory.load_session(session_id)] if session_id else []),
        ]

    @rx.event(background=True, supersedes=True)
    async def retry_page(self) -> Any:
        """The backend was away when the page was opened."""
        await asyncio.sleep(2)
        return ChatHistory.open_page

    # Live

    @rx.event(background=True, supersedes=True)
    async def follow_login(self) -> Any:
        """Leaves when this browser was signed out in another tab."""
        try:
            login = await services().logins.get(login_id_of(self))
        except (SignedOut, ApiError):
            return None
        await login.ended.wait()
        async with self:
            auth = await self.get_state(Auth)
            if not auth.user_id:  # signed out in this very tab, which is on its way already
                self.reset()
                return None
        return await self._leave("elsewhere")

    @rx.event(background=True, supersedes=True)
    async def follow_reachability(self) -> None:
        async for reachable in services().reachability.changes():
            async with self:
                self.reachable = reachable

    @rx.event(background=True, supersedes=True)
    async def load_all_sessions(self) -> AsyncIterator[Any]:
        """The list, now and after every change, whoever makes it."""
        login_id, client = login_id_of(self), services().graphql
        try:
            async for sessions in follow(login_id, lambda token: client.watch_sessions(token, limit=LIST)):
                async with self:
                    is_back = self._take_sessions([SessionRow.of(session) for session in sessions])
                if is_back:
                    yield ChatHistory.load_session(self.current_session.session_id)
        except SignedOut:
            yield await self._leave("expired")
        except HasuraError as exc:
            async with self:
                self.sessions_loading, self.error = False, explain(exc)

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
                self._take_messages(page.items)
                self._older, self.has_older = page.next_cursor, page.next_cursor is not None
                self.loading = self.missing = False
        except SignedOut:
            return await self._leave("expired")
        except NotFound:
            async with self:
                self._lose()
            return None
        except (HasuraError, ApiError) as exc:
            async with self:
                self.error = explain(exc)
            await asyncio.sleep(2)
            return ChatHistory.load_session(session_id)
        unfinished = [m for m in page.items[-1:] if m.status == "streaming"]
        return [
            ChatHistory.follow_messages(session_id),
            # Loaded in the middle of an answer: joined, it goes on word by word.
            *[ChatHistory.retry_answer(str(message.message_id)) for message in unfinished],
        ]

    @rx.event(background=True, supersedes=True)
    async def follow_messages(self, session_id: str) -> Any:
        wanted = uuid_or_none(session_id)
        if wanted is None:
            return None
        client = services().graphql
        try:
            async for window in follow(
                login_id_of(self), lambda token: client.watch_messages(token, wanted, limit=PAGE)
            ):
                async with self:
                    if self.current_session.session_id != session_id:
                        return None
                    rows = [MessageRow.of(message) for message in window]
                    if has_gap(self.messages, rows):  # more happened while the line was cut than fits
                        return ChatHistory.load_session(session_id)
                    self._take_messages(window)
                    if len(rows) < PAGE:
                        self._older, self.has_older = None, False
        except SignedOut:
            return await self._leave("expired")
        except HasuraError as exc:
            async with self:
                self.error = explain(exc)
        return None

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
                    self.messages = [*map(MessageRow.of, page.items), *self.messages]
                    self._older, self.has_older = page.next_cursor, page.next_cursor is not None
        async with self:
            self.loading_older = False
        return leave.event

    # Sessions

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
        wanted, client = uuid_or_none(session_id), services().graphql
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
                    f"Deleted “{shorten(deleted.title)}”",
                    id=f"deleted-{session_id}",
                    duration=10_000,
                    action={"label": "Undo", "on_click": ChatHistory.restore_session(session_id)},
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
                        self.messages, self._older, self.has_older = [], None, False
                yield rx.toast("1 message removed" if removed == 1 else f"{removed} messages removed")
        if leave.event is not None:
            yield leave.event

    # Messages

    @rx.event(background=True)
    async def save_message(self, session_id: str, message_id: str, content: str) -> AsyncIterator[Any]:
        """Sends a question and streams its answer; on ``/chat``, where `session_id` is empty, in a new session.

        The composer chose `message_id`: sending it again, after whatever failure, never makes a second message.
        """
        async for event in sending.send(self, session_id, message_id, content.strip()):
            yield event

    @rx.event(background=True)
    async def retry_answer(self, answer_id: str) -> Any:
        """Asks the question of a failed answer again; one that is still being written is joined instead."""
        async with self:
            if (await self.get_state(Answer)).message_id == answer_id:
                return None  # this tab follows it already
        async with self._reporting() as leave:
            await sending.ask_again(self, answer_id)
        return leave.event

    @rx.event
    def dismiss_error(self) -> None:
        self.error = ""

    # What the handlers share

    def _show(self, session_id: str) -> None:
        """Another session is on the page now; its title is known from the list, if it is in it."""
        known = [s for s in self.sessions if s.session_id == session_id]
        self.current_session = known[0] if known else SessionRow(session_id=session_id)
        self.messages, self._older, self.has_older = [], None, False
        self.loading, self.missing, self.error, self.returned_id = bool(session_id), False, "", ""

    def _lose(self) -> None:
        self.messages, self.has_older, self.loading, self.missing = [], False, False, True

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

    def _take_session(self, row: SessionRow) -> None:
        self.sessions = [row if s.session_id == row.session_id else s for s in self.sessions]
        if self.current_session.session_id == row.session_id:
            self.current_session = row

    def _take_messages(self, window: list[ChatMessage]) -> None:
        rows = merge(self.messages, [MessageRow.of(message) for message in window])
        if rows != self.messages:
            self.messages = rows

    async def _leave(self, reason: str) -> Any:
        """To the sign-in page and, after it, back here."""
        path = self.router.url.path
        async with self:
            self.reset()
            auth = await self.get_state(Auth)
            auth.reset()
        return rx.redirect(sign_in_address(reason, path))

    @asynccontextmanager
    async def _reporting(self) -> AsyncIterator[Leave]:
        """Failures become the page's `error`; the end of the sign-in becomes an event to return."""
        leave = Leave()
        try:
            yield leave
        except SignedOut:
            leave.event = await self._leave("expired")
        except (HasuraError, ApiError) as exc:
            async with self:
                self.error = explain(exc)


class Leave:
    """Where to go, when the browser is no longer signed in."""

    event: Any = None
