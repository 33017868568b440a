"""``/settings``."""

from __future__ import annotations

import reflex as rx

from webapp.components import PageTitle, connection_notice
from webapp.components.local_jsx import SettingsPage
from webapp.components.transfer import transfer_section
from webapp.words import t


def settings_page() -> rx.Component:
    return rx.fragment(
        PageTitle.create(title=t("settings.title")),
        connection_notice(),
        SettingsPage.create(transfer_section()),
    )
