"""Take chats away, bring them along."""

from __future__ import annotations

import reflex as rx

from webapp.components.local_jsx import TransferSection
from webapp.routes.transfer import LARGEST_FILE


def transfer_section() -> rx.Component:
    """The part of the settings page about exports and imports."""
    return TransferSection.create(megabytes=LARGEST_FILE // 2**20)
