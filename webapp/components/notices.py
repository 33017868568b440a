"""What is said when something is out of reach. Nothing typed is lost meanwhile, and it says so."""

from __future__ import annotations

import reflex as rx

from webapp import page_calls
from webapp.state import ChatHistory
from webapp.words import t


def outage_banner() -> rx.Component:
    """GraphQL or the backend does not answer."""
    return rx.cond(
        ChatHistory.reachable,
        rx.fragment(),
        rx.el.div(
            rx.icon("cloud-off", size=18, custom_attrs={"aria-hidden": "true"}),
            rx.el.span(t("notices.outage")),
            rx.el.button(
                t("common.try-again"),
                type="button",
                class_name="text-button",
                on_click=page_calls.reload_page(),
            ),
            class_name="banner",
            role="status",
            custom_attrs={"data-testid": "outage-banner"},
        ),
    )


def connection_notice() -> rx.Component:
    """The page has lost the web UI's own server: only the browser knows."""
    return rx.connection_banner(
        rx.el.div(
            rx.icon("wifi-off", size=18, custom_attrs={"aria-hidden": "true"}),
            rx.el.span(t("notices.connection")),
            class_name="banner connection-notice",
            role="status",
            custom_attrs={"data-testid": "connection-notice"},
        )
    )
