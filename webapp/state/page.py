"""What a tab shows, and what all its handlers share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import reflex as rx
import structlog
from redis.exceptions import RedisError

from backend.services.hasura_client import HasuraError
from telemetry.safe import told
from webapp.services.api import ApiError
from webapp.services.logins import SignedOut
from webapp.state.auth import Auth, sign_in_address
from webapp.state.message_rows import Made, Window, read_up_to
from webapp.state.session_rows import CategoryCount, SessionRow
from webapp.state.wording import explain
from webapp.words import words_of

if TYPE_CHECKING:
    from backend.services.hasura_client import MessagePage

T = TypeVar("T")

log = structlog.get_logger("webapp.state")


class Page(rx.State, mixin=True):
    """The variables that the page reads."""

    current_session: SessionRow = SessionRow()
    #: The newest messages of the open session: `message_rows.Window`.
    live: dict[str, Any] = {}
    #: The newest answer that is being written: the one that the stop button stops.
    answering_id: str = ""
    loading: bool = True
    error: str = ""
    #: The address names a session that is not there, or not the reader's.
    missing: bool = False
    reachable: bool = True
    categories: list[CategoryCount] = []
    #: The row up to which the reader of the open session has read, when all that is shown is on the screen.
    read_until: int = 0
    #: False in a state that is not the one that was opened: the process, or Redis, that kept that one is gone.
    _opened: bool = False
    #: The sessions that changed last, as the page was told, and the socket that it was told through.
    _told: list[SessionRow] = []
    _told_to: str = ""
    #: Stamps of the rows in `live`, by their ids.
    _stamps: dict[int, str] = {}

    def _show(self, session_id: str) -> None:
        """Another session is on the page now; its title is known if it changed lately."""
        known = [row for row in self._told if row.session_id == session_id and row.shelf != "trash"]
        self.current_session = known[0] if known else SessionRow(session_id=session_id)
        self._take_no_window()
        self.loading, self.missing, self.error = bool(session_id) and not known, False, ""

    def _lose(self) -> None:
        self._take_no_window()
        self.loading, self.missing = False, True

    def _take_no_window(self) -> None:
        self.live, self._stamps, self.answering_id, self.read_until = {}, {}, "", 0

    def _take_window(self, page: MessagePage, made: Made | None = None) -> None:
        """This is the newest page of the open session now."""
        window = Window.of(self.current_session.session_id, page, self._stamps if self.live else None, made)
        self.read_until = read_up_to(page.items)
        self.answering_id = next(
            (str(message.message_id) for message in reversed(page.items) if message.status == "streaming"), ""
        )
        told = (window.ids, window.revision)
        if window.rows or not self.live or told != (self.live["ids"], self.live["revision"]):
            self.live, self._stamps = window.as_json(), dict(window.ids)

    async def _each(self, states: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
        """What `states` yields, each with the state's lock held, for a background handler.

        Ends when the state is not the one that was opened: then the page must be opened anew. While the state cannot
        be reached it waits and begins again. Close it (contextlib.aclosing) to let go of the lock.
        """
        while True:
            try:
                async with aclosing(states()) as following:
                    async for state in following:
                        async with self:
                            if not self._opened:
                                return
                            yield state
            except RedisError as exc:
                log.warning("the state is out of reach", cause=told(exc))
                await asyncio.sleep(1)
            else:
                return

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
                self.error = explain(exc, words_of(self))


class Leave:
    """Where to go, when the browser is no longer signed in."""

    event: Any = None
