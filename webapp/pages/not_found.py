"""Any other address."""

from __future__ import annotations

import reflex as rx


def not_found_page() -> rx.Component:
    return rx.el.main(
        rx.el.div(
            rx.el.p("404", class_name="muted"),
            rx.el.h1("There is no such page"),
            rx.el.p("The address may be mistyped.", class_name="muted"),
            rx.link("Go to your chats", href="/chat", class_name="primary-button", underline="none"),
            class_name="centred",
        ),
        class_name="lone-page",
    )
