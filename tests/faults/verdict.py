"""The database compared with the ledger, in plain SQL, when the dust has settled."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from tests.faults.ledger import Ledger

    Connection = psycopg.Connection[tuple[object, ...]]

#: A dead writer's lease and the sweepers' rounds are far shorter. Seconds.
SETTLES_WITHIN = 60.0

_UNFINISHED = "SELECT count(*) FROM chat_messages WHERE status IN ('streaming', 'pending')"


async def settled(connection: Connection, ledger: Ledger) -> float:
    """Seconds until every promised message is there and no answer is unfinished; at most SETTLES_WITHIN."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < SETTLES_WITHIN:
        arrived = _one(connection, "SELECT count(*) FROM chat_messages WHERE role = 'user'")
        if arrived >= ledger.count and _one(connection, _UNFINISHED) == 0:
            return waited
        await asyncio.sleep(0.2)
    return SETTLES_WITHIN


def findings(connection: Connection, ledger: Ledger) -> Iterator[str]:
    """Everything that is not as promised."""
    yield from ledger.complaints
    for answer, lease in connection.execute(
        "SELECT message_id, extract(epoch FROM lease_until - clock_timestamp())::int FROM chat_messages"
        " WHERE status IN ('streaming', 'pending')"
    ):
        yield f"answer {answer} has never ended; the lease of its writer ends in {lease} s"
    for session, kept, counted in connection.execute(
        "SELECT s.session_id, s.total_messages, count(m.id) FROM chat_sessions AS s"
        " LEFT JOIN chat_messages AS m USING (session_id) GROUP BY s.id HAVING s.total_messages <> count(m.id)"
    ):
        yield f"session {session} says {kept} messages and has {counted}"
    for (question,) in connection.execute(
        "SELECT q.message_id FROM chat_messages AS q WHERE q.role = 'user'"
        " AND NOT EXISTS (SELECT FROM chat_messages AS a WHERE a.reply_to = q.message_id)"
    ):
        if str(question) not in ledger.unasked:
            yield f"message {question} was never answered, not even with a failure"
    for session_id, promises in ledger.promises.items():
        stored: dict[str, list[tuple[int, str]]] = {}
        for row_id, message_id, content in connection.execute(
            "SELECT id, message_id::text, content FROM chat_messages WHERE session_id = %s AND role = 'user'",
            [session_id],
        ):
            stored.setdefault(str(content), []).append((int(str(row_id)), str(message_id)))
        last = 0
        for promise in promises:
            rows = stored.get(promise.content, [])
            if len(rows) != 1:
                yield f"session {session_id}: {promise.content!r} was acknowledged and is stored {len(rows)} times"
                continue
            row_id, message_id = rows[0]
            if promise.message_id and promise.message_id != message_id:
                yield f"session {session_id}: {promise.content!r} is stored under another id"
            if row_id < last:
                yield f"session {session_id}: {promise.content!r} is stored before an earlier message"
            last = max(last, row_id)


def figures(connection: Connection) -> dict[str, int]:
    """Rows by role and status."""
    rows = connection.execute(
        "SELECT role || ' ' || status, count(*) FROM chat_messages GROUP BY 1 ORDER BY 1"
    )
    return {str(kind): int(str(count)) for kind, count in rows}


def _one(connection: Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(str(row[0]))
