"""The name of the open chat, and what can be done with the whole of it."""

from __future__ import annotations

import reflex as rx

from webapp.components.buttons import icon_button
from webapp.components.local_jsx import TitleInput
from webapp.state import ChatHistory
from webapp.state.layout import renaming
from webapp.state.titles import LONGEST_TITLE

OPEN = ChatHistory.current_session


def session_header() -> rx.Component:
    return rx.el.header(
        menu_button(),
        rx.cond(
            renaming.value == "header " + OPEN.session_id,
            TitleInput.create(
                label="New name of the chat",
                placeholder="Name",
                longest=LONGEST_TITLE,
                value=OPEN.title,
                save_on_leave=True,
                on_save=lambda form: ChatHistory.update_session(OPEN.session_id, form),
                on_cancel=renaming.set_value(""),
            ),
            rx.el.h1(
                rx.el.button(
                    OPEN.title,
                    type="button",
                    class_name="title-button",
                    on_click=renaming.set_value("header " + OPEN.session_id),
                    custom_attrs={"title": "Rename", "data-testid": "session-title"},
                )
            ),
        ),
        rx.el.div(
            clear_button(),
            icon_button("trash-2", "Delete this chat", on_click=ChatHistory.delete_session(OPEN.session_id)),
            class_name="header-actions",
        ),
        class_name="session-header",
    )


def menu_button() -> rx.Component:
    return icon_button(
        "menu", "Open the list", class_name="phone-only", custom_attrs={"popovertarget": "sidebar"}
    )


def clear_button() -> rx.Component:
    return rx.alert_dialog.root(
        rx.alert_dialog.trigger(
            icon_button("eraser", "Clear all messages", disabled=ChatHistory.messages.length() == 0)
        ),
        rx.alert_dialog.content(
            rx.alert_dialog.title("Clear all messages?"),
            rx.alert_dialog.description(
                "Every message of this chat is removed for good, answers included. The chat itself stays."
            ),
            rx.el.div(
                rx.alert_dialog.cancel(rx.el.button("Keep them", type="button", class_name="plain-button")),
                rx.alert_dialog.action(
                    rx.el.button(
                        "Clear",
                        type="button",
                        class_name="danger-button",
                        on_click=ChatHistory.clear_messages(OPEN.session_id),
                    )
                ),
                class_name="dialog-buttons",
            ),
            max_width="26rem",
        ),
    )
