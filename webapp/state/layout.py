"""Which name is being edited on the page."""

from __future__ import annotations

import reflex as rx


class Layout(rx.State):
    naming_new: bool = False
    #: The place of the field and the session, as in ``list 5c1e…``.
    renaming: str = ""

    @rx.event
    def name_new_chat(self) -> None:
        self.naming_new = True

    @rx.event
    def cancel_new_chat(self) -> None:
        self.naming_new = False

    @rx.event
    def rename(self, field: str) -> None:
        """Opens that field; an empty name closes it."""
        self.renaming = field
