"""Search over titles and messages, which sql/0009_search.sql does."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from backend.services.hasura_client import cursors, operations
from backend.services.hasura_client.errors import InvalidInput
from backend.services.hasura_client.models import Role, SearchHit, SearchPage
from backend.services.hasura_client.rows import read

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from backend.services.hasura_client.transport import Transport


class SearchCalls:
    """The part of `HasuraClient` that searches."""

    _transport: Transport

    async def search(
        self,
        token: str,
        query: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        category: str | None = None,
        role: Role | None = None,
        session_id: UUID | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> SearchPage:
        """What of the user's own matches, best first: titles and messages, not those in the trash.

        In `query`, words must all be there, ``"a phrase"`` in that order; ``or`` and ``-without`` work, and the last
        word may go on unless a space follows it. A role or a session asks for messages only. `until` is exclusive.

        :param limit: at most 100.

        Raises InvalidInput for a malformed `cursor`, and for a time before the year 1 or after 9999.
        """
        offset = cursors.read_hits_cursor(cursor) if cursor is not None else 0
        given: dict[str, Any] = {
            "since": since and _in_utc(since),
            "until": until and _in_utc(until),
            "category": category,
            "message_role": role,
            "target_session_id": session_id and str(session_id),
        }
        args = {"query": query, "result_limit": limit + 1, "result_offset": offset}
        args |= {name: value for name, value in given.items() if value is not None}
        data = await self._transport.execute(token, operations.SEARCH, {"args": args}, idempotent=True)
        hits = [read(SearchHit, row) for row in data["search_chat"]]
        more = len(hits) > limit and offset + limit <= cursors.MOST_HITS
        return SearchPage(
            items=hits[:limit], next_cursor=cursors.after_hits(offset + limit) if more else None
        )


def _in_utc(moment: datetime) -> str:
    """PostgreSQL takes offsets up to 16 hours only."""
    try:
        return moment.astimezone(UTC).isoformat()
    except OverflowError:
        raise InvalidInput("the time is out of range") from None
