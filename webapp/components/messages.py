"""The messages of the open chat, and the answer that is being written."""

from __future__ import annotations

import reflex as rx

from webapp.components.local_jsx import LocalTime, MessageScroller
from webapp.components.markdown import markdown
from webapp.state import Answer, ChatHistory
from webapp.state.rows import MessageRow


def messages_container() -> rx.Component:
    return MessageScroller.create(
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
        older_button(),
        label="Messages",
        jump_label="Jump to latest",
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
        rx.el.article(
            message_bubble(row),
            rx.el.footer(
                rx.match(
                    row.status,
                    ("sending", rx.el.span("Sending …")),
                    ("streaming", rx.el.span("Answering …")),
                    LocalTime.create(moment=row.timestamp, brief=False),
                ),
                class_name="message-facts",
            ),
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


def message_bubble(row: rx.Var[MessageRow]) -> rx.Component:
    return rx.el.div(
        rx.cond(
            row.role == "user",
            rx.el.p(row.content, class_name="plain"),
            rx.cond(
                row.status == "failed",
                failed_answer(row),
                rx.cond(
                    row.live,
                    live_answer(message_id=row.message_id, saved=row.content),
                    rx.cond(row.status == "streaming", typing(), markdown(row.content)),
                ),
            ),
        ),
        class_name="message-bubble",
    )


@rx.memo
def live_answer(message_id: rx.Var[str], saved: rx.Var[str]) -> rx.Component:
    """An answer that this page has seen grow: only this component is drawn anew for each word.

    It also shows the finished text, so that the words stay the same elements: a reader who has scrolled up
    keeps the place.
    """
    text = rx.cond(Answer.message_id == message_id, Answer.head + Answer.tail, saved)
    return rx.cond(text != "", markdown(text), typing())


def typing() -> rx.Component:
    return rx.el.div(
        rx.el.span(),
        rx.el.span(),
        rx.el.span(),
        class_name="typing",
        role="status",
        custom_attrs={"aria-label": "The assistant is writing", "data-testid": "typing"},
    )


def failed_answer(row: rx.Var[MessageRow]) -> rx.Component:
    return rx.el.div(
        rx.cond(row.content != "", markdown(row.content)),
        rx.el.div(
            rx.icon("circle-alert", size=18, custom_attrs={"aria-hidden": "true"}),
            rx.el.span(row.problem),
            rx.el.button(
                "Retry",
                type="button",
                class_name="plain-button",
                on_click=ChatHistory.retry_answer(row.message_id),
                custom_attrs={"data-testid": "retry"},
            ),
            class_name="failure",
            role="alert",
        ),
    )


def messages_skeleton() -> rx.Component:
    return rx.el.div(
        *[
            rx.el.div(class_name=f"skeleton skeleton-message {side}")
            for side in ("user", "assistant", "user", "assistant")
        ],
        class_name="messages",
        custom_attrs={"aria-busy": "true", "aria-label": "Loading messages"},
    )
