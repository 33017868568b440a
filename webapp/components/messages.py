"""The messages of the open chat: the browser keeps and draws them (assets/js/messages)."""

from __future__ import annotations

from typing import Any

import reflex as rx

from webapp.components.local_jsx import PendingMessages
from webapp.state import Auth, ChatHistory
from webapp.state.message_rows import LONGEST_MESSAGE


class MessageList(rx.Component):
    """Shows the session in the page's address. `live` is what the state says of its newest messages; the handlers get
    the id of a message.
    """

    library = "$/public/js/messages/message_list.jsx"
    tag = "MessageList"
    lib_dependencies: list[str] = [
        "react-virtuoso@4.18.21",
        "react-markdown@10.1.0",
        "remark-gfm@4.0.1",
        "remark-math@6.0.0",
        "remark-parse@11.0.0",
        "unified@11.0.5",
        "rehype-katex@7.0.1",
        "katex@0.16.47",
        "lowlight@3.3.0",
        "highlight.js@11.11.1",
        "hast-util-to-jsx-runtime@2.3.7",
        "lucide-react@1.26.0",
    ]

    owner: rx.Var[str]
    live: rx.Var[dict[str, Any]]
    reachable: rx.Var[bool]
    longest: rx.Var[int]
    on_continue: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    on_regenerate: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    on_choose: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    on_rate: rx.EventHandler[rx.event.passthrough_event_spec(str, str)]
    on_delete: rx.EventHandler[rx.event.passthrough_event_spec(str)]


def messages_container() -> rx.Component:
    return MessageList.create(
        owner=Auth.user_id,
        live=ChatHistory.live,
        reachable=ChatHistory.reachable,
        longest=LONGEST_MESSAGE,
        on_continue=ChatHistory.continue_answer,
        on_regenerate=ChatHistory.regenerate_answer,
        on_choose=ChatHistory.choose_version,
        on_rate=ChatHistory.rate_answer,
        on_delete=ChatHistory.delete_message,
    )


def pending_messages(*, editable: bool = True) -> rx.Component:
    return PendingMessages.create(owner=Auth.user_id, editable=editable)
