"""Any other address."""

from __future__ import annotations

import reflex as rx

from webapp.components import PageTitle, connection_notice
from webapp.words import t


def not_found_page() -> rx.Component:
    return rx.el.main(
        PageTitle.create(title=t("errors.no-page")),
        connection_notice(),
        rx.el.div(
            rx.el.p("404", class_name="muted"),
            rx.el.h1(t("errors.no-page")),
            rx.el.p(t("errors.no-page.hint"), class_name="muted"),
            rx.link(t("errors.no-page.home"), href="/chat", class_name="primary-button", underline="none"),
            class_name="centred",
        ),
        class_name="lone-page",
    )
