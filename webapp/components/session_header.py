"""The name of the open chat, and what can be done with the whole of it."""

from __future__ import annotations

import reflex as rx

from webapp.components.local_jsx import SessionHeader, SidebarToggle
from webapp.state import ChatHistory


def session_header() -> rx.Component:
    session = ChatHistory.current_session
    return SessionHeader.create(
        session_id=session.session_id,
        told=session,
        categories=ChatHistory.categories,
        empty=session.total_messages == 0,
        on_clear=ChatHistory.clear_messages,
    )


def menu_button() -> rx.Component:
    return SidebarToggle.create(opens=True)
