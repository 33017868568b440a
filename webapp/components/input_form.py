"""Where one writes."""

from __future__ import annotations

import reflex as rx

from webapp.components.buttons import icon_button
from webapp.components.local_jsx import Composer
from webapp.state import Auth, ChatHistory
from webapp.state.message_rows import LONGEST_MESSAGE
from webapp.state.titles import DEFAULT_TITLE
from webapp.words import t


def input_form() -> rx.Component:
    session = ChatHistory.current_session
    return rx.el.div(
        error_display(),
        rx.el.form(
            Composer.create(
                owner=Auth.user_id,
                unnamed_id=rx.cond(
                    (session.title == DEFAULT_TITLE) & (session.total_messages == 0), session.session_id, ""
                ),
                answering_id=ChatHistory.answering_id,
                longest=LONGEST_MESSAGE,
                on_stop=ChatHistory.stop_answer,
            ),
            id="message-form",
            class_name="input-form",
            custom_attrs={"aria-label": t("composer.form")},
        ),
        class_name="input-area",
    )


def error_display() -> rx.Component:
    return rx.cond(
        ChatHistory.error != "",
        rx.el.div(
            rx.icon("circle-alert", size=18, custom_attrs={"aria-hidden": "true"}),
            rx.el.span(ChatHistory.error),
            icon_button("x", t("common.dismiss"), on_click=ChatHistory.dismiss_error),
            class_name="error-display",
            role="alert",
            custom_attrs={"data-testid": "error"},
        ),
    )
