"""``/chat`` and ``/chat/{session_id}``."""

from __future__ import annotations

import reflex as rx

from webapp.components import chat_area, chat_interface, welcome


def new_chat_page() -> rx.Component:
    return chat_interface(welcome())


def chat_page() -> rx.Component:
    return chat_interface(chat_area())
