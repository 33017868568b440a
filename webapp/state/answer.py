"""The answer that is being written: apart from the history, so that a word costs a word.

A change sends each changed variable whole. The text therefore grows in `tail`, which is folded into `head`
every few hundred characters.
"""

from __future__ import annotations

import reflex as rx

FOLD = 400


class Answer(rx.State):
    """One tab follows one answer; the newest question's."""

    message_id: str = ""
    head: str = ""
    tail: str = ""

    def begin(self, message_id: str) -> None:
        self.message_id, self.head, self.tail = message_id, "", ""

    def write(self, message_id: str, text: str) -> None:
        """Nothing, when a newer answer has taken the place."""
        if message_id != self.message_id:
            return
        if len(self.tail) + len(text) > FOLD:
            self.head, self.tail = self.head + self.tail + text, ""
        else:
            self.tail += text

    def end(self, message_id: str) -> None:
        if message_id == self.message_id:
            self.begin("")
