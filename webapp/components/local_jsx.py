"""The project's own React components (assets/js), as Reflex components."""

from __future__ import annotations

from typing import Any

import reflex as rx


class MessageInput(rx.Component):
    """Keeps what is typed until the server has it; ``on_send`` gets session id, message id and text."""

    library = "$/public/js/message_input.jsx"
    tag = "MessageInput"

    owner: rx.Var[str]
    session_id: rx.Var[str]
    ready: rx.Var[bool]
    saved_ids: rx.Var[list[str]]
    returned_id: rx.Var[str]
    longest: rx.Var[int]
    label: rx.Var[str]
    placeholder: rx.Var[str]
    on_send: rx.EventHandler[rx.event.passthrough_event_spec(str, str, str)]


class TitleInput(rx.Component):
    """``on_save`` gets ``{"title": …}``."""

    library = "$/public/js/title_input.jsx"
    tag = "TitleInput"

    value: rx.Var[str]
    label: rx.Var[str]
    placeholder: rx.Var[str]
    longest: rx.Var[int]
    save_on_leave: rx.Var[bool]
    on_save: rx.EventHandler[rx.event.passthrough_event_spec(dict[str, Any])]
    on_cancel: rx.EventHandler[rx.event.no_args_event_spec]


class LocalTime(rx.Component):
    library = "$/public/js/local_time.jsx"
    tag = "LocalTime"

    moment: rx.Var[str]
    brief: rx.Var[bool]


class MessageScroller(rx.Component):
    library = "$/public/js/message_scroller.jsx"
    tag = "MessageScroller"

    label: rx.Var[str]
    jump_label: rx.Var[str]
