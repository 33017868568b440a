"""Where one writes."""

from __future__ import annotations

import reflex as rx

from webapp.components.buttons import icon_button
from webapp.components.local_jsx import MessageInput
from webapp.state import Auth, ChatHistory
from webapp.state.rows import LONGEST_MESSAGE


def input_form() -> rx.Component:
    return rx.el.div(
        error_display(),
        rx.el.form(
            message_input(),
            send_button(),
            id="message-form",
            class_name="input-form",
            custom_attrs={"aria-label": "Write a message"},
        ),
        class_name="input-area",
    )


def message_input() -> rx.Component:
    return MessageInput.create(
        owner=Auth.user_id,
        session_id=ChatHistory.current_session.session_id,
        ready=~ChatHistory.loading,  # type: ignore[operator]
        saved_ids=ChatHistory.saved_ids,
        returned_id=ChatHistory.returned_id,
        longest=LONGEST_MESSAGE,
        label="Message",
        placeholder="Write a message …",
        on_send=ChatHistory.save_message,
    )


def send_button() -> rx.Component:
    return rx.el.button(
        rx.icon("arrow-up", size=19, custom_attrs={"aria-hidden": "true"}),
        type="submit",
        # Before the page is alive a click would load it anew, without what was typed.
        disabled=Auth.user_id == "",
        class_name="send-button",
        custom_attrs={"aria-label": "Send", "title": "Send (Enter)", "data-testid": "send"},
    )


def error_display() -> rx.Component:
    return rx.cond(
        ChatHistory.error != "",
        rx.el.div(
            rx.icon("circle-alert", size=18, custom_attrs={"aria-hidden": "true"}),
            rx.el.span(ChatHistory.error),
            icon_button("x", "Dismiss", on_click=ChatHistory.dismiss_error),
            class_name="error-display",
            role="alert",
            custom_attrs={"data-testid": "error"},
        ),
    )
