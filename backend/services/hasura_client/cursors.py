"""Opaque keyset cursors: the sort key of the last row of a page, base64url."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import TYPE_CHECKING

from backend.services.hasura_client.errors import InvalidInput

if TYPE_CHECKING:
    from backend.services.hasura_client.models import ChatMessage, ChatSession

_MAX_BIGINT = 2**63 - 1
#: No search reads further.
MOST_HITS = 2000


def after_session(session: ChatSession) -> str:
    return _encode(f"{session.updated_at.isoformat()} {session.id}")


def at_message(message: ChatMessage) -> str:
    return _encode(str(message.place))


def read_session_cursor(cursor: str) -> tuple[datetime, int]:
    """``updated_at`` and ``id``. Raises InvalidInput for anything that `after_session` did not write."""
    when, _, row = _decode(cursor).partition(" ")
    try:
        moment = datetime.fromisoformat(when)
    except ValueError:
        raise InvalidInput("the cursor is malformed") from None
    if moment.tzinfo is None:
        raise InvalidInput("the cursor is malformed")
    return moment, _bigint(row)


def read_message_cursor(cursor: str) -> int:
    """``place``. Raises InvalidInput for anything that `at_message` did not write."""
    return _bigint(_decode(cursor))


def after_hits(count: int) -> str:
    return _encode(str(count))


def read_hits_cursor(cursor: str) -> int:
    """How many hits came before. Raises InvalidInput for anything that `after_hits` did not write."""
    count = _bigint(_decode(cursor))
    if count > MOST_HITS:
        raise InvalidInput("the cursor is malformed")
    return count


def _bigint(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > _MAX_BIGINT:
        raise InvalidInput("the cursor is malformed")
    return int(text)


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode(
            "ascii"
        )
    except (binascii.Error, ValueError):
        raise InvalidInput("the cursor is malformed") from None
