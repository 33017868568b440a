"""The settings page's tab: who it belongs to. What it shows the page asks for itself (webapp/routes/account.py)."""

from __future__ import annotations

import asyncio
from typing import Any

import reflex as rx

from webapp import page_calls
from webapp.services import services
from webapp.services.api import ApiError
from webapp.services.logins import SignedOut
from webapp.state.auth import login_id_of, sign_in_address
from webapp.state.watched_login import until_signed_out


class AccountPage(rx.State):
    """One tab's."""

    @rx.event
    async def open_page(self) -> Any:
        login_id = login_id_of(self)
        try:
            await services().logins.look(login_id)
        except SignedOut:
            return rx.redirect(sign_in_address("expired" if login_id else "", "/settings"))
        except ApiError:  # the page says so itself
            return AccountPage.retry_page
        return AccountPage.follow_login

    @rx.event(background=True, supersedes=True)
    async def retry_page(self) -> Any:
        """The backend was away when the page was opened."""
        await asyncio.sleep(2)
        return AccountPage.open_page

    @rx.event(background=True, supersedes=True)
    async def follow_login(self) -> Any:
        """Tells the page, which knows whether its reader has just deleted the account."""
        try:
            await until_signed_out(login_id_of(self))
        except (SignedOut, ApiError):
            return None
        return page_calls.tell("chat-signed-out")
