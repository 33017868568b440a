"""The messages of the open chat, and the answer that is being written."""

from __future__ import annotations

import reflex as rx

from webapp.components.buttons import icon_button
from webapp.components.local_jsx import LocalTime, MessageScroller, PendingMessages, live_text
from webapp.components.markdown import markdown
from webapp.state import Auth, ChatHistory
from webapp.state.message_rows import MessageRow


def messages_container() -> rx.Component:
    return MessageScroller.create(
        rx.el.div(
            rx.cond(
                ChatHistory.loading,
                messages_skeleton(),
                rx.cond(
                    ChatHistory.messages.length() > 0,
                    rx.el.ol(
                        rx.foreach(ChatHistory.messages, lambda row: message(row=row, key=row.message_id)),
                        class_name="messages",
                        custom_attrs={"data-testid": "messages"},
                    ),
                    rx.el.p("No messages yet. Say something below.", class_name="empty-chat muted"),
                ),
            ),
            pending_messages(),
        ),
        older_button(),
        label="Messages",
        jump_label="Jump to latest",
    )


def pending_messages(*, editable: bool = True) -> rx.Component:
    return PendingMessages.create(
        owner=Auth.user_id,
        asked_ids=ChatHistory.asked_ids,
        editable=editable,
    )


def older_button() -> rx.Component:
    return rx.cond(
        ChatHistory.has_older,
        rx.el.div(
            rx.el.button(
                rx.cond(ChatHistory.loading_older, "Loading …", "Load older messages"),
                type="button",
                class_name="plain-button",
                disabled=ChatHistory.loading_older,
                on_click=ChatHistory.load_older,
                custom_attrs={"data-testid": "load-older"},
            ),
            class_name="older",
        ),
    )


@rx.memo
def message(row: rx.Var[MessageRow], rest: rx.RestProp) -> rx.Component:
    return rx.el.li(
        rx.cond(row.first_new, new_divider()),
        rx.el.article(
            rx.cond(row.role == "user", question(row), answer(row)),
            class_name="message " + row.role,
            custom_attrs={
                "aria-label": rx.cond(row.role == "user", "You", "Assistant"),
                "aria-busy": rx.cond(row.status == "streaming", "true", "false"),
                "data-testid": "message",
                "data-role": row.role,
                "data-status": row.status,
            },
        ),
        rest,
    )


def new_divider() -> rx.Component:
    return rx.el.div(
        rx.el.span("New"),
        class_name="new-divider",
        role="separator",
        custom_attrs={"data-testid": "new-divider"},
    )


def question(row: rx.Var[MessageRow]) -> rx.Component:
    return rx.fragment(
        rx.el.div(rx.el.p(row.content, class_name="plain"), class_name="message-bubble"),
        rx.el.footer(
            LocalTime.create(moment=row.timestamp, brief=False),
            rx.icon("check", size=13, custom_attrs={"aria-label": "Sent"}),
            class_name="message-facts",
        ),
    )


def answer(row: rx.Var[MessageRow]) -> rx.Component:
    return rx.fragment(
        rx.el.div(
            answer_text(message_id=row.message_id, status=row.status, saved=row.content),
            rx.match(
                row.status,
                ("failed", outcome(row, "circle-alert", row.problem, "failure", "alert")),
                ("stopped", outcome(row, "circle-stop", "Stopped.", "stopped", "note")),
                rx.cond(
                    row.cut,
                    outcome(
                        row, "scissors", "Cut off: this is as long as an answer may be.", "stopped", "note"
                    ),
                ),
            ),
            class_name="message-bubble",
        ),
        rx.el.footer(
            rx.cond(row.versions > 1, version_switch(row)),
            rx.cond(
                row.status == "streaming",
                # With every server away nobody is left to say that the answer has broken off.
                rx.el.span(rx.cond(ChatHistory.reachable, "Answering …", "Waiting for the server …")),
                rx.fragment(LocalTime.create(moment=row.timestamp, brief=False), answer_actions(row)),
            ),
            class_name="message-facts",
        ),
    )


@rx.memo
def answer_text(message_id: rx.Var[str], status: rx.Var[str], saved: rx.Var[str]) -> rx.Component:
    """Only this is drawn anew for each word; the finished text is in the same elements, so that a reader who has
    scrolled up keeps the place.
    """
    text = live_text(message_id, status, saved)
    return rx.cond(text != "", markdown(text), rx.cond(status == "streaming", typing()))


def typing() -> rx.Component:
    return rx.el.div(
        rx.el.span(),
        rx.el.span(),
        rx.el.span(),
        class_name="typing",
        role="status",
        custom_attrs={"aria-label": "The assistant is writing", "data-testid": "typing"},
    )


def outcome(
    row: rx.Var[MessageRow], icon: str, words: str | rx.Var[str], class_name: str, role: str
) -> rx.Component:
    """What became of an answer that is not whole, and the two ways on."""
    return rx.el.div(
        rx.icon(icon, size=18, custom_attrs={"aria-hidden": "true"}),
        rx.el.span(words, class_name="outcome-words"),
        rx.el.span(
            rx.cond(
                row.content != "",
                rx.el.button(
                    "Continue",
                    type="button",
                    class_name="plain-button",
                    on_click=ChatHistory.continue_answer(row.message_id),
                    custom_attrs={"data-testid": "continue"},
                ),
            ),
            rx.el.button(
                "Regenerate",
                type="button",
                class_name="plain-button",
                on_click=ChatHistory.regenerate_answer(row.message_id),
                custom_attrs={"data-testid": "regenerate"},
            ),
            class_name="outcome-actions",
        ),
        class_name=f"outcome {class_name}",
        role=role,
    )


def version_switch(row: rx.Var[MessageRow]) -> rx.Component:
    """‹ 2/3 ›"""
    return rx.el.span(
        icon_button(
            "chevron-left",
            "Earlier version",
            disabled=row.earlier == "",
            on_click=ChatHistory.choose_version(row.earlier),
        ),
        rx.el.span(
            row.version,
            "/",
            row.versions,
            custom_attrs={
                "aria-label": "Version " + row.version.to_string() + " of " + row.versions.to_string(),
                "role": "status",
                "data-testid": "version",
            },
        ),
        icon_button(
            "chevron-right",
            "Later version",
            disabled=row.later == "",
            on_click=ChatHistory.choose_version(row.later),
        ),
        class_name="version-switch",
        role="group",
        custom_attrs={"aria-label": "Versions of this answer"},
    )


def answer_actions(row: rx.Var[MessageRow]) -> rx.Component:
    return rx.el.span(
        rx.cond(row.content != "", icon_button("copy", "Copy", on_click=rx.set_clipboard(row.content))),
        rx.cond(
            row.status == "complete",
            icon_button(
                "refresh-cw",
                "Regenerate",
                on_click=ChatHistory.regenerate_answer(row.message_id),
                custom_attrs={"data-testid": "regenerate"},
            ),
        ),
        class_name="answer-actions",
    )


def messages_skeleton() -> rx.Component:
    return rx.el.div(
        *[
            rx.el.div(class_name=f"skeleton skeleton-message {side}")
            for side in ("user", "assistant", "user", "assistant")
        ],
        class_name="messages messages-skeleton",
        custom_attrs={"aria-busy": "true", "aria-label": "Loading messages"},
    )
