"""The open chat: its name, its messages, and the field below."""

from __future__ import annotations

import reflex as rx

from webapp.components.input_form import input_form
from webapp.components.messages import messages_container, pending_messages
from webapp.components.session_header import menu_button, session_header
from webapp.state import ChatHistory

SUGGESTIONS = ("What can you do?", "Help me plan my week", "How do I connect a model?")


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
            custom_attrs={"aria-label": "Chat"},
        ),
    )


def welcome() -> rx.Component:
    """``/chat``: the first message makes the chat."""
    return rx.el.section(
        rx.el.header(menu_button(), class_name="session-header bare"),
        rx.el.div(
            rx.el.h1("What is on your mind?"),
            rx.el.p("Your first message starts a new chat, named after it.", class_name="muted"),
            class_name="welcome-text",
        ),
        pending_messages(),
        input_form(),
        suggestions(),
        class_name="chat-area welcome",
        custom_attrs={"aria-label": "New chat"},
    )


def suggestions() -> rx.Component:
    return rx.el.div(
        *[
            rx.el.button(
                text,
                type="button",
                class_name="suggestion",
                on_click=rx.call_script(
                    f"window.dispatchEvent(new CustomEvent('chat-suggest', {{detail: {text!r}}}))"
                ),
            )
            for text in SUGGESTIONS
        ],
        class_name="suggestions",
    )


def missing_session() -> rx.Component:
    return rx.el.section(
        rx.el.header(menu_button(), class_name="session-header bare"),
        rx.el.div(
            rx.icon("message-circle-off", size=36, custom_attrs={"aria-hidden": "true"}),
            rx.el.h1("Chat not found"),
            rx.el.p("It does not exist, has been deleted, or belongs to somebody else.", class_name="muted"),
            rx.link("Start a new chat", href="/chat", class_name="primary-button", underline="none"),
            class_name="centred",
            custom_attrs={"data-testid": "not-found"},
        ),
        pending_messages(editable=False),
        class_name="chat-area",
    )
