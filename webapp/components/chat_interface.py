"""The whole page: the list of chats beside the open one, and what is said above both."""

from __future__ import annotations

import reflex as rx

from webapp.components.chat_area import chat_area
from webapp.components.sidebar import sidebar
from webapp.state import ChatHistory


def chat_interface() -> rx.Component:
    return rx.el.div(
        rx.el.a("Skip to the message field", href="#message-form", class_name="skip-link"),
        sidebar(),
        rx.el.main(outage_banner(), chat_area(), class_name="main"),
        class_name="chat-interface",
    )


def outage_banner() -> rx.Component:
    """Shown while GraphQL or the backend does not answer."""
    return rx.cond(
        ChatHistory.reachable,
        rx.fragment(),
        rx.el.div(
            rx.icon("cloud-off", size=18, custom_attrs={"aria-hidden": "true"}),
            rx.el.span(
                "The chat server cannot be reached. What you type is kept, and this page goes on by itself as"
                " soon as the server is back."
            ),
            rx.el.button(
                "Try again", type="button", class_name="text-button", on_click=ChatHistory.try_again
            ),
            class_name="banner",
            role="status",
            custom_attrs={"data-testid": "outage-banner"},
        ),
    )
