"""What can be done with a message: stop an answer, go on with it, have another, rate it; look at another version of
either, delete it.

The backend owns each turn: a handler ends as soon as it has it, and what becomes of it arrives with the messages.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import reflex as rx

from backend.services.hasura_client import NotFound
from webapp.services import services
from webapp.state.auth import login_id_of
from webapp.state.calls import with_token
from webapp.state.ids import uuid_or_none
from webapp.state.page import Page

if TYPE_CHECKING:
    from backend.services.hasura_client.models import Rating


class Turns(Page, mixin=True):
    """Handlers of the buttons below a message, and of the stop button."""

    @rx.event(background=True)
    async def stop_answer(self, message_id: str) -> Any:
        return await self._ask_backend(message_id, services().api.stop_answer)

    @rx.event(background=True)
    async def continue_answer(self, message_id: str) -> Any:
        return await self._ask_backend(message_id, services().api.continue_answer)

    @rx.event(background=True)
    async def regenerate_answer(self, message_id: str) -> Any:
        version, api = str(uuid4()), services().api
        return await self._ask_backend(
            message_id, lambda token, wanted: api.regenerate_answer(token, wanted, version)
        )

    @rx.event(background=True)
    async def choose_version(self, message_id: str) -> Any:
        """In every tab and on every device."""
        wanted, client = uuid_or_none(message_id), services().graphql
        if wanted is None:
            return None
        async with self._reporting() as leave:
            await with_token(login_id_of(self), lambda token: client.choose_version(token, wanted))
        return leave.event

    @rx.event(background=True)
    async def rate_answer(self, message_id: str, rating: str) -> Any:
        """`rating`: up, down, or nothing to take one back."""
        wanted, client = uuid_or_none(message_id), services().graphql
        ratings: dict[str, Rating | None] = {"up": "up", "down": "down", "": None}
        if wanted is None or rating not in ratings:
            return None
        async with self._reporting() as leave:
            await with_token(
                login_id_of(self), lambda token: client.rate_message(token, wanted, ratings[rating])
            )
        return leave.event

    @rx.event(background=True)
    async def delete_message(self, message_id: str) -> Any:
        """For good; a question goes with its answers."""
        wanted, client = uuid_or_none(message_id), services().graphql
        if wanted is None:
            return None
        async with self._reporting() as leave:
            with suppress(NotFound):  # gone already: in another tab
                await with_token(login_id_of(self), lambda token: client.delete_chat_message(token, wanted))
        return leave.event

    async def _ask_backend(self, message_id: str, call: Any) -> Any:
        wanted = uuid_or_none(message_id)
        if wanted is None:
            return None
        async with self:
            self.error = ""
        async with self._reporting() as leave:
            await with_token(login_id_of(self), lambda token: call(token, str(wanted)))
        return leave.event
