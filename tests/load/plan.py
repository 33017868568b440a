"""How many people come, for how long, and what they are used to doing."""

from __future__ import annotations

from dataclasses import dataclass

#: Seconds between two things that one person does, evenly spread: four of them a minute.
THINK = (10.0, 20.0)
#: What they do then, by weight: every fourth time they send a message, which makes one a minute.
HABITS = {"send": 25, "page": 30, "list": 25, "switch": 15, "reload": 5}
#: Of every so many people one has a second device, or tab, open at the same chat.
SECOND_DEVICE = 4
#: Of every so many before the web UI one comes without a cookie, and signs in with a password.
NEWCOMER = 20

#: The model: words of an answer, at random between these, and seconds between two of them (50 a second).
WORDS, WORD_EVERY = (50, 130), 0.02

#: What each person has kept: messages in the chat that is open, other chats, and messages in each of these.
OPEN_CHAT, OTHER_CHATS, OTHER_CHAT = 120, 5, 10

#: Seconds after which somebody who gets no answer counts it as an error.
PATIENCE = 15.0
#: Seconds, when the last thing was done, until everything must have arrived everywhere.
SETTLES_WITHIN = 20.0


@dataclass(frozen=True)
class Plan:
    """One run. They arrive evenly over `ramp` seconds; then it is measured for `seconds`."""

    websocket: int = 1000
    browser: int = 1000
    seconds: float = 600.0
    ramp: float = 90.0
    #: Divides the pauses between what people do.
    haste: float = 1.0
    #: The database waits for the disk at each commit.
    durable: bool = True
    seed: int = 1

    @property
    def people(self) -> int:
        return self.websocket + self.browser
