"""Every message that was sent, and who has yet to hear of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from backend.services.replies import answer_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.load.figures import Figures


@dataclass(slots=True)
class Sent:
    """``waiting`` are the devices that show its session and have not heard of it; ``sender`` is where it came from."""

    session_id: str
    message_id: str
    content: str
    sender: str
    waiting: set[str]
    at: float = field(default_factory=time.perf_counter)
    acknowledged: bool = False
    #: Whether the sender has seen the first words of the answer.
    read: bool = False


class Ledger:
    """All of a run."""

    def __init__(self, figures: Figures, kind: str) -> None:
        self.messages: dict[str, Sent] = {}
        #: What somebody saw that cannot be right; each is a sentence.
        self.complaints: list[str] = []
        self._questions: dict[str, str] = {}
        self._figures = figures
        self._kind = kind

    def send(
        self, session_id: str, message_id: str, content: str, *, sender: str, shown_by: Iterable[str]
    ) -> Sent:
        """From this moment on the times of it count."""
        sent = self.messages[message_id] = Sent(session_id, message_id, content, sender, set(shown_by))
        self._questions[str(answer_id(UUID(message_id)))] = message_id
        return sent

    def acknowledge(self, message_id: str) -> None:
        sent = self.messages[message_id]
        if not sent.acknowledged:
            sent.acknowledged = True
            self._figures.add(f"{self._kind}: send → acknowledged", time.perf_counter() - sent.at)

    def hear(self, device: str, message_id: str) -> None:
        """This device shows it now."""
        sent = self.messages.get(message_id)
        if sent is not None and device in sent.waiting:
            sent.waiting.discard(device)
            if device != sent.sender:
                self._figures.add(
                    f"{self._kind}: send → seen by another device", time.perf_counter() - sent.at
                )

    def read(self, device: str, question_id: str) -> None:
        """This device has the first words of its answer."""
        sent = self.messages.get(question_id)
        if sent is not None and device == sent.sender and not sent.read:
            sent.read = True
            self._figures.add(f"{self._kind}: send → first words", time.perf_counter() - sent.at)

    def leave(self, device: str) -> None:
        """This device shows another session now, or anew: what it has not heard it asks for."""
        for sent in self.messages.values():
            sent.waiting.discard(device)

    def read_answer(self, device: str, answer_id: str) -> None:
        """The same, where only the answer's own id is known."""
        if question := self._questions.get(answer_id):
            self.read(device, question)

    def unheard(self) -> list[Sent]:
        return [sent for sent in self.messages.values() if sent.acknowledged and sent.waiting]
