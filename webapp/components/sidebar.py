"""The chats: a column beside the messages, a drawer on a small screen.

The drawer is the browser's own popover: Escape and a touch beside it close it, without a word to the server. The list
itself is assets/js/sessions/list.jsx.
"""

from __future__ import annotations

import reflex as rx

from webapp import page_calls
from webapp.components.buttons import icon_button
from webapp.components.local_jsx import Sessions, SidebarToggle, SignOutButton, TitleInput
from webapp.state import Auth, ChatHistory
from webapp.state.layout import naming_new
from webapp.state.titles import LONGEST_TITLE
from webapp.words import t

CLOSE_DRAWER = page_calls.close_sidebar()


def act(name: str) -> rx.event.EventSpec:
    """Asks for an action, as assets/js/actions.js does."""
    return page_calls.tell("chat-action", {"name": name})


def sidebar() -> rx.Component:
    return rx.el.aside(
        sidebar_header(),
        new_chat_section(),
        Sessions.create(categories=ChatHistory.categories),
        account(),
        id="sidebar",
        class_name="sidebar",
        custom_attrs={"popover": "auto", "aria-label": t("sessions.chats")},
    )


def sidebar_header() -> rx.Component:
    return rx.el.div(
        rx.link(
            rx.el.span(class_name="logo", custom_attrs={"aria-hidden": "true"}),
            rx.el.span("Chat sessions"),
            href="/chat",
            class_name="brand",
            underline="none",
            on_click=CLOSE_DRAWER,
        ),
        icon_button("search", t("sessions.search"), on_click=[CLOSE_DRAWER, act("search")]),
        SidebarToggle.create(opens=False),
        class_name="sidebar-header",
    )


def new_chat_section() -> rx.Component:
    return rx.el.div(
        rx.cond(
            naming_new.value,
            TitleInput.create(
                label=t("sessions.new-chat-name"),
                placeholder=t("sessions.new-chat-hint"),
                longest=LONGEST_TITLE,
                value="",
                save_on_leave=False,
                on_save=ChatHistory.create_session,
                on_cancel=naming_new.set_value(False),
            ),
            rx.el.button(
                rx.icon("square-pen", size=17, custom_attrs={"aria-hidden": "true"}),
                t("sessions.new-chat"),
                type="button",
                class_name="new-chat-button",
                on_click=naming_new.set_value(True),
                custom_attrs={"data-testid": "new-chat"},
            ),
        ),
        class_name="new-chat-section",
    )


def account() -> rx.Component:
    return rx.el.div(
        rx.el.span(Auth.username[:1].upper(), class_name="avatar", custom_attrs={"aria-hidden": "true"}),
        rx.el.span(
            rx.cond(Auth.display_name != "", Auth.display_name, Auth.username),
            class_name="account-name",
            custom_attrs={"data-testid": "account-name"},
        ),
        icon_button("settings", t("account.settings"), on_click=[CLOSE_DRAWER, act("settings")]),
        icon_button("sun-moon", t("account.theme"), on_click=act("theme")),
        SignOutButton.create(on_sign_out=Auth.sign_out),
        class_name="account",
    )
