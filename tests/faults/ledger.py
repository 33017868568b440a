"""What was promised to users: written down the moment a server, or the browser's outbox, has accepted a message."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Promise:
    """A message that was acknowledged. ``message_id`` is empty where the browser chose it."""

    session_id: str
    message_id: str
    content: str


@dataclass
class Ledger:
    """Everybody's promises, in each session in the order in which they were made."""

    promises: dict[str, list[Promise]] = field(default_factory=lambda: defaultdict(list))
    #: Streams that were followed to their end, and how often they were taken up again on the way.
    streams: int = 0
    resumed: int = 0
    #: What a user saw that cannot be right; each is a sentence.
    complaints: list[str] = field(default_factory=list)
    #: Of messages that were sent without asking for an answer.
    unasked: set[str] = field(default_factory=set)
    #: What a user had to try again: nothing is lost by it, but it was not answered.
    setbacks: list[str] = field(default_factory=list)

    def promise(self, session_id: str, message_id: str, content: str) -> None:
        self.promises[session_id].append(Promise(session_id, message_id, content))

    @property
    def count(self) -> int:
        return sum(map(len, self.promises.values()))
