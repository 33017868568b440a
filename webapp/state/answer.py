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
    #: Who writes it. A chat that is loaded just as its question is sent joins the answer a second time: the later
    #: turn, which hears it from the first word, takes over.
    _turn: str = ""

    def begin(self, message_id: str, turn: str) -> None:
        self.message_id, self.head, self.tail, self._turn = message_id, "", "", turn

    def write(self, turn: str, text: str) -> None:
        """Nothing, when a newer turn has taken the place."""
        if turn != self._turn:
            return
        if len(self.tail) + len(text) > FOLD:
            self.head, self.tail = self.head + self.tail + text, ""
        else:
            self.tail += text

    def end(self, turn: str) -> None:
        if turn == self._turn:
            self.begin("", "")
