"""The chats: a column beside the messages, a drawer on a small screen.

The drawer is the browser's own popover: Escape and a touch beside it close it, without a word to the server.
"""

from __future__ import annotations

import reflex as rx

from webapp.components.buttons import icon_button
from webapp.components.local_jsx import LocalTime, TitleInput
from webapp.state import Auth, ChatHistory
from webapp.state.auth import MAY_LEAVE
from webapp.state.layout import naming_new, renaming
from webapp.state.session_rows import SessionRow
from webapp.state.titles import LONGEST_TITLE

CLOSE_DRAWER = rx.call_script("document.getElementById('sidebar')?.hidePopover?.()")


def sidebar() -> rx.Component:
    return rx.el.aside(
        sidebar_header(),
        new_chat_section(),
        sessions_list(),
        account(),
        id="sidebar",
        class_name="sidebar",
        custom_attrs={"popover": "auto", "aria-label": "Chats"},
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
        icon_button(
            "panel-left-close",
            "Close the list",
            class_name="phone-only",
            custom_attrs={"popovertarget": "sidebar", "popovertargetaction": "hide"},
        ),
        class_name="sidebar-header",
    )


def new_chat_section() -> rx.Component:
    return rx.el.div(
        rx.cond(
            naming_new.value,
            TitleInput.create(
                label="Name of the new chat",
                placeholder="Name it, or just press Enter",
                longest=LONGEST_TITLE,
                value="",
                save_on_leave=False,
                on_save=ChatHistory.create_session,
                on_cancel=naming_new.set_value(False),
            ),
            rx.el.button(
                rx.icon("square-pen", size=17, custom_attrs={"aria-hidden": "true"}),
                "New chat",
                type="button",
                class_name="new-chat-button",
                on_click=naming_new.set_value(True),
                custom_attrs={"data-testid": "new-chat"},
            ),
        ),
        class_name="new-chat-section",
    )


def sessions_list() -> rx.Component:
    return rx.el.nav(
        rx.cond(
            ChatHistory.sessions_loading,
            sessions_skeleton(),
            rx.cond(
                ChatHistory.sessions.length() > 0,
                rx.el.ul(
                    rx.foreach(ChatHistory.sessions, lambda row: session_item(row=row, key=row.session_id)),
                    class_name="sessions",
                    custom_attrs={"data-testid": "sessions"},
                ),
                rx.el.p("No chats yet. Start one, and it stays here.", class_name="empty-list"),
            ),
        ),
        rx.cond(
            ChatHistory.more_sessions,
            rx.el.button(
                "Show more", type="button", class_name="text-button", on_click=ChatHistory.show_more_sessions
            ),
        ),
        class_name="sessions-list",
        custom_attrs={"aria-label": "Your chats"},
    )


@rx.memo
def session_item(row: rx.Var[SessionRow], rest: rx.RestProp) -> rx.Component:
    current = ChatHistory.current_session.session_id == row.session_id
    return rx.el.li(
        rx.cond(
            renaming.value == "list " + row.session_id,
            TitleInput.create(
                label="New name of the chat",
                placeholder="Name",
                longest=LONGEST_TITLE,
                value=row.title,
                save_on_leave=True,
                on_save=lambda form: ChatHistory.update_session(row.session_id, form),
                on_cancel=renaming.set_value(""),
            ),
            rx.fragment(session_content(row, current), session_actions(row)),
        ),
        rest,
        class_name=rx.cond(current, "session-item current", "session-item"),
        custom_attrs={"data-testid": "session-item"},
    )


def session_content(row: rx.Var[SessionRow], current: rx.Var[bool]) -> rx.Component:
    return rx.link(
        rx.el.span(row.title, class_name="session-title"),
        rx.cond(
            (row.unread > 0) & ~current,
            rx.el.span(
                rx.cond(row.unread > 99, "99+", row.unread.to_string()),
                rx.el.span(" new", class_name="visually-hidden"),
                class_name="unread",
                custom_attrs={"data-testid": "unread"},
            ),
        ),
        rx.el.span(
            rx.el.span(
                row.total_messages,
                rx.cond(row.total_messages == 1, " message", " messages"),
                class_name="message-count",
            ),
            LocalTime.create(moment=row.updated_at, brief=True),
            class_name="session-facts",
        ),
        href="/chat/" + row.session_id,
        class_name=rx.cond((row.unread > 0) & ~current, "session-content has-news", "session-content"),
        underline="none",
        on_click=CLOSE_DRAWER,
        custom_attrs={"aria-current": rx.cond(current, "page", "false"), "title": row.title},
    )


def session_actions(row: rx.Var[SessionRow]) -> rx.Component:
    return rx.el.div(
        icon_button("pencil", "Rename", on_click=renaming.set_value("list " + row.session_id)),
        # The drawer would cover the toast with the way back.
        icon_button("trash-2", "Delete", on_click=[CLOSE_DRAWER, ChatHistory.delete_session(row.session_id)]),
        class_name="session-actions",
    )


def sessions_skeleton() -> rx.Component:
    return rx.el.div(
        *[rx.el.div(class_name="skeleton skeleton-session") for _ in range(5)],
        custom_attrs={"aria-busy": "true", "aria-label": "Loading your chats"},
    )


def account() -> rx.Component:
    return rx.el.div(
        rx.el.span(Auth.username[:1].upper(), class_name="avatar", custom_attrs={"aria-hidden": "true"}),
        rx.el.span(
            rx.cond(Auth.display_name != "", Auth.display_name, Auth.username),
            class_name="account-name",
            custom_attrs={"data-testid": "account-name"},
        ),
        icon_button("sun-moon", "Light or dark", on_click=rx.toggle_color_mode),
        icon_button("log-out", "Sign out", on_click=rx.call_script(MAY_LEAVE, callback=Auth.sign_out)),
        class_name="account",
    )
