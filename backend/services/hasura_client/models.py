"""What the client answers with."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

Role = Literal["user", "assistant", "system", "tool"]
Rating = Literal["up", "down"]
Status = Literal["pending", "streaming", "complete", "stopped", "failed"]
#: Where a session lies: in the list, put away, or deleted and not yet gone.
Shelf = Literal["active", "archived", "trash"]


class ChatSession(BaseModel):
    """A named conversation; counts and times are kept by the database."""

    model_config = ConfigDict(frozen=True)

    id: int
    session_id: UUID
    user_id: UUID
    title: str
    category: str
    total_messages: int
    is_active: bool
    created_at: datetime
    updated_at: datetime
    last_message_at: datetime | None
    #: The row `id` of the newest message that was read, on any device; 0 before the first.
    last_read_id: int
    #: Ended answers after that, at most 100.
    unread_messages: int
    is_pinned: bool
    is_archived: bool
    shelf: Shelf
    #: Since when it is in the trash.
    deleted_at: datetime | None
    #: Of whatever of it changed last, read marks included; `updated_at` is its last activity.
    changed_at: datetime
    #: Whether its title is a machine's choice: nobody has named it.
    auto_title: bool
    #: What its assistant is told besides the general system prompt.
    system_prompt: str | None
    #: 0 to 2; None leaves it to the model.
    temperature: float | None
    #: Counts what changes history otherwise than by a new message or an answer that grows: pages read before are old.
    revision: int


class ChatMessage(BaseModel):
    """One message. ``message_id`` is the client's handle; ``place`` orders what is read, ``id`` what was written."""

    model_config = ConfigDict(frozen=True)

    id: int
    message_id: UUID
    session_id: UUID
    user_id: UUID
    role: Role
    content: str
    timestamp: datetime
    status: Status
    reply_to: UUID | None
    metadata: dict[str, Any]
    #: When it became the current version last.
    chosen_at: datetime
    #: The question that this one was written instead of, while there is that.
    edit_of: UUID | None
    place: int
    #: Belongs to a version that is not the current one: no page of history shows it.
    off_path: bool
    #: The message ids of all versions of this question or answer, oldest first; None where there is but one.
    versions: list[UUID] | None
    rating: Rating | None


class WholeMessage(ChatMessage):
    """A message of any version, and the one that it follows."""

    follows: UUID | None


class CategoryCount(BaseModel):
    """How many sessions of a category lie on a shelf."""

    model_config = ConfigDict(frozen=True)

    shelf: Shelf
    category: str
    sessions: int


class SessionPage(BaseModel):
    """Sessions, latest activity first; ``next_cursor`` is null on the last page."""

    items: list[ChatSession]
    next_cursor: str | None = None


class MessagePage(BaseModel):
    """Messages in reading order, oldest first: each question, then the current version of its answer.

    ``next_cursor`` leads to the page before (older ones), ``previous_cursor`` to the one after; null at the ends.
    """

    items: list[ChatMessage]
    next_cursor: str | None = None
    previous_cursor: str | None = None
    #: The session's, as of this page.
    revision: int


class SearchHit(BaseModel):
    """A message, or a title where ``message_id`` and ``role`` are null."""

    model_config = ConfigDict(frozen=True)

    session_id: UUID
    message_id: UUID | None
    role: Role | None
    title: str
    category: str
    is_archived: bool
    #: In a branch of the conversation that is not the open one.
    off_path: bool
    #: One line of what was found; each word that was sought stands between U+0002 and U+0003.
    snippet: str
    rank: float
    #: Of the message, or of the session's latest activity.
    timestamp: datetime


class SearchPage(BaseModel):
    """Hits, best first, the newer first among equals; ``next_cursor`` is null on the last page."""

    items: list[SearchHit]
    next_cursor: str | None = None


class SessionStatistics(BaseModel):
    """How many messages a session holds, by who wrote them."""

    user: int
    assistant: int
    first_at: datetime | None
    last_at: datetime | None
