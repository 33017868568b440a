"""A question and its answer, as its readers see them: events of a stream that can be resumed anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from backend.services.growth import Growth
    from backend.services.hasura_client import ChatMessage


@dataclass(frozen=True, slots=True)
class Turn:
    """`user_message_id` is None for an answer whose question was deleted."""

    user_message_id: UUID | None
    assistant_message_id: UUID
    growth: Growth


@dataclass(frozen=True, slots=True)
class Began:
    """What follows is the text of `run` from `offset` on: a reader keeps so many characters of what it has.

    The first event, and again whenever that is no longer true: another run has begun, or less was kept than sent.
    """

    user_message_id: UUID | None
    assistant_message_id: UUID
    run: str
    offset: int


@dataclass(frozen=True, slots=True)
class Delta:
    """`offset` is how many characters the answer has with this `text`."""

    run: str
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The answer as saved, ``complete`` or ``stopped``."""

    message: ChatMessage


Event = Began | Delta | Done
