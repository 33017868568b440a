"""The whole page: the list of chats beside the open one, and what is said above both."""

from __future__ import annotations

import reflex as rx

from webapp.components.chat_area import chat_area
from webapp.components.notices import outage_banner
from webapp.components.sidebar import sidebar


def chat_interface() -> rx.Component:
    return rx.el.div(
        rx.el.a("Skip to the message field", href="#message-form", class_name="skip-link"),
        sidebar(),
        rx.el.main(outage_banner(), chat_area(), class_name="main"),
        class_name="chat-interface",
    )
