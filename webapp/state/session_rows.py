"""What a page shows of a session, and what is new of the sessions that changed last."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backend.services.hasura_client import ChatSession

#: Changed sessions that a page follows live.
WINDOW = 100


@dataclass(frozen=True)
class SessionRow:
    """A session in the list. Times are ISO 8601 in UTC; the browser shows them in the reader's zone."""

    session_id: str = ""
    title: str = ""
    category: str = ""
    total_messages: int = 0
    unread: int = 0
    last_read_id: int = 0
    updated_at: str = ""
    row_id: int = 0
    shelf: str = "active"
    is_active: bool = True
    is_archived: bool = False
    is_pinned: bool = False
    auto_title: bool = False
    changed_at: str = ""
    deleted_at: str | None = None

    @classmethod
    def of(cls, session: ChatSession) -> SessionRow:
        return cls(
            session_id=str(session.session_id),
            title=session.title,
            category=session.category,
            total_messages=session.total_messages,
            unread=session.unread_messages,
            last_read_id=session.last_read_id,
            updated_at=session.updated_at.isoformat(),
            row_id=session.id,
            shelf=session.shelf,
            is_active=session.is_active,
            is_archived=session.is_archived,
            is_pinned=session.is_pinned,
            auto_title=session.auto_title,
            changed_at=session.changed_at.isoformat(),
            deleted_at=session.deleted_at and session.deleted_at.isoformat(),
        )


@dataclass(frozen=True)
class CategoryCount:
    """How many sessions of a shelf are in a category."""

    shelf: str
    category: str
    sessions: int


def news(told: Sequence[SessionRow] | None, window: Sequence[SessionRow]) -> dict[str, Any] | None:
    """What a page has yet to hear, when `window` are now the sessions that changed last; None where that is nothing.

    ``whole`` where the page was told nothing before: then ``rows`` is all of the window; ``all`` where the reader has
    no sessions besides.

    :param told: the window that the page knows.
    """
    full = len(window) >= WINDOW
    known = {row.session_id: row for row in told or ()}
    here = {row.session_id for row in window}
    # What has left a full window is gone only if it had changed later than what is still in it.
    gone = [
        row.session_id
        for row in told or ()
        if row.session_id not in here and (not full or row.changed_at > window[-1].changed_at)
    ]
    rows = [asdict(row) for row in window if known.get(row.session_id) != row]
    if told is not None and not rows and not gone:
        return None
    return {"rows": rows, "gone": gone, "whole": told is None, "all": not full}
