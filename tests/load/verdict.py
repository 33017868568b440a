"""What was acknowledged, compared with what is stored and with what each device has heard."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.load.plan import SETTLES_WITHIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psycopg

    from tests.load.ledger import Ledger

_UNENDED = "SELECT count(*) FROM chat_messages WHERE status IN ('streaming', 'pending')"


async def settled(connection: psycopg.Connection[tuple[object, ...]], ledgers: Sequence[Ledger]) -> None:
    """Returns when every answer has ended and every device has heard of every message, or had its time."""
    for _ in range(int(SETTLES_WITHIN / 0.2)):
        if not any(ledger.unheard() for ledger in ledgers) and not _count(connection, _UNENDED):
            return
        await asyncio.sleep(0.2)


def findings(connection: psycopg.Connection[tuple[object, ...]], ledger: Ledger) -> Iterator[str]:
    """Everything that is not as promised; each is a sentence."""
    yield from ledger.complaints
    ids = list(ledger.messages)
    stored = {
        str(message_id): (str(session_id), str(content))
        for message_id, session_id, content in connection.execute(
            "SELECT message_id, session_id, content FROM chat_messages WHERE message_id = ANY(%s::uuid[])",
            [ids],
        )
    }
    for sent in ledger.messages.values():
        if sent.acknowledged and stored.get(sent.message_id) != (sent.session_id, sent.content):
            yield f"{sent.content!r} was acknowledged and is not stored"
    for content, copies in connection.execute(
        "SELECT content, count(*) FROM chat_messages WHERE session_id = ANY(%s::uuid[]) AND role = 'user'"
        " AND content LIKE 'load-%%' GROUP BY content HAVING count(*) > 1",
        [list({sent.session_id for sent in ledger.messages.values()})],
    ):
        yield f"{content!r} is stored {copies} times"
    for message_id, status in connection.execute(
        "SELECT q.message_id, coalesce(max(a.status), 'missing') FROM chat_messages AS q"
        " LEFT JOIN chat_messages AS a ON a.reply_to = q.message_id WHERE q.message_id = ANY(%s::uuid[])"
        " GROUP BY q.message_id HAVING coalesce(max(a.status), 'missing') <> 'complete'",
        [ids],
    ):
        yield f"the answer to {message_id} is {status}"
    for session_id, kept, counted in connection.execute(
        "SELECT s.session_id, s.total_messages, count(m.id) FROM chat_sessions AS s"
        " LEFT JOIN chat_messages AS m USING (session_id) GROUP BY s.id HAVING s.total_messages <> count(m.id)"
    ):
        yield f"session {session_id} says {kept} messages and has {counted}"
    for sent in ledger.unheard():
        yield f"{', '.join(sorted(sent.waiting))} never heard of {sent.message_id}"


def _count(connection: psycopg.Connection[tuple[object, ...]], query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(str(row[0]))
