"""The whole page: the list of chats beside the open one, and what is said above both."""

from __future__ import annotations

import reflex as rx

from webapp.components.local_jsx import ExportDialog, Reader, SessionSettings, unread_elsewhere
from webapp.components.notices import connection_notice, outage_banner
from webapp.components.sidebar import sidebar
from webapp.state import ChatHistory
from webapp.words import t


def chat_interface(area: rx.Component) -> rx.Component:
    session = ChatHistory.current_session
    return rx.el.div(
        rx.el.a(t("chat.skip"), href="#message-form", class_name="skip-link"),
        sidebar(),
        rx.el.main(connection_notice(), outage_banner(), area, class_name="main"),
        Reader.create(
            session_id=session.session_id,
            title=session.title,
            read_until=ChatHistory.read_until,
            last_read=session.last_read_id,
            unread=session.unread,
            unread_elsewhere=unread_elsewhere(session.session_id),
            on_read=ChatHistory.mark_read,
        ),
        SessionSettings.create(),
        ExportDialog.create(),
        class_name="chat-interface",
    )
