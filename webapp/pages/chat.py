"""``/chat`` and ``/chat/{session_id}``."""

from __future__ import annotations

import reflex as rx

from webapp.components import chat_interface


def chat_page() -> rx.Component:
    return chat_interface()
