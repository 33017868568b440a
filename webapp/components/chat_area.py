"""The open chat: its name, its messages, and the field below."""

from __future__ import annotations

import reflex as rx

from webapp.components.input_form import input_form
from webapp.components.local_jsx import Suggestions
from webapp.components.messages import messages_container, pending_messages
from webapp.components.session_header import menu_button, session_header
from webapp.state import ChatHistory
from webapp.words import t


def chat_area() -> rx.Component:
    """``/chat/{session_id}``"""
    return rx.cond(
        ChatHistory.missing,
        missing_session(),
        rx.el.section(
            session_header(),
            messages_container(),
            input_form(),
            class_name="chat-area",
            custom_attrs={"aria-label": t("chat.label")},
        ),
    )


def welcome() -> rx.Component:
    """``/chat``: the first message makes the chat."""
    return rx.el.section(
        rx.el.header(menu_button(), class_name="session-header bare"),
        rx.el.div(
            rx.el.h1(t("welcome.title")),
            rx.el.p(t("welcome.hint"), class_name="muted"),
            class_name="welcome-text",
        ),
        pending_messages(),
        input_form(),
        Suggestions.create(),
        class_name="chat-area welcome",
        custom_attrs={"aria-label": t("welcome.label")},
    )


def missing_session() -> rx.Component:
    return rx.el.section(
        rx.el.header(menu_button(), class_name="session-header bare"),
        rx.el.div(
            rx.icon("message-circle-off", size=36, custom_attrs={"aria-hidden": "true"}),
            rx.el.h1(t("chat.missing")),
            rx.el.p(t("chat.missing.hint"), class_name="muted"),
            rx.link(t("chat.start-new"), href="/chat", class_name="primary-button", underline="none"),
            class_name="centred",
            custom_attrs={"data-testid": "not-found"},
        ),
        pending_messages(editable=False),
        class_name="chat-area",
    )
