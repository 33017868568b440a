"""What a page shows of a session, and how what arrives live joins the list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backend.services.hasura_client import ChatSession

#: Sessions that the list follows live, and adds at a time; and the most it ever shows.
LIST = 100
LONGEST_LIST = 2_000


@dataclass(frozen=True)
class SessionRow:
    """A session in the list. Times are ISO 8601; the browser shows them in the reader's zone."""

    session_id: str = ""
    title: str = ""
    category: str = ""
    total_messages: int = 0
    unread: int = 0
    last_read_id: int = 0
    updated_at: str = ""
    row_id: int = 0

    @property
    def rank(self) -> tuple[str, int]:
        """Greater is higher in the list."""
        return self.updated_at, self.row_id

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
        )


def merge_sessions(shown: Sequence[SessionRow], window: Sequence[SessionRow]) -> list[SessionRow]:
    """The list when GraphQL says that `window` are now the latest sessions: older ones that are shown stay below."""
    if len(window) < LIST:
        return list(window)
    newest = {row.session_id for row in window}
    return [
        *window,
        *(row for row in shown if row.session_id not in newest and row.rank < window[-1].rank),
    ]
