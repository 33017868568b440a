"""The counters of the sessions, against the messages that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from backend.doctor.finding import ok, wrong

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from backend.doctor.finding import Finding

#: Sessions that one statement looks at: no snapshot is held for long.
BATCH = 1000
SAY_EVERY = 100_000

# The last id of the batch, and those of it that are wrong. One snapshot has a session and its messages as they belong
# together: the triggers write both.
_DRIFTED = """
WITH batch AS MATERIALIZED (
    SELECT id, session_id, total_messages, last_message_at FROM chat_sessions WHERE id > %s ORDER BY id LIMIT %s)
SELECT (SELECT max(id) FROM batch), (SELECT count(*) FROM batch),
       ARRAY(SELECT s.session_id FROM batch AS s CROSS JOIN LATERAL (
                 SELECT count(*)::integer AS messages, max(m."timestamp") AS newest
                   FROM chat_messages AS m WHERE m.session_id = s.session_id) AS counted
              WHERE (s.total_messages, s.last_message_at) IS DISTINCT FROM (counted.messages, counted.newest)
              ORDER BY s.id)
"""


async def drift(
    connection: psycopg.AsyncConnection, progress: Callable[[str], None], *, repair: bool, batch: int = BATCH
) -> Finding:
    """With `repair` each wrong session is counted again in a transaction of its own, which holds it meanwhile."""
    after, looked, said, drifted = -(2**63), 0, 0, list[UUID]()
    while True:
        row = await (await connection.execute(_DRIFTED, [after, batch])).fetchone()
        if row is None or row[0] is None:
            break
        after, looked = row[0], looked + row[1]
        drifted += row[2]
        if repair:
            for session_id in row[2]:
                # It locks the session, then counts: who writes in it meanwhile waits, or is counted.
                await connection.execute("SELECT FROM update_session_message_count(%s)", [session_id])
        if looked >= said + SAY_EVERY:
            said = looked
            progress(f"message counts: {looked:,} sessions looked at, {len(drifted):,} are wrong")
    if not drifted:
        return ok("message counts", f"total_messages and last_message_at are right in {looked:,} sessions")
    if repair:
        return ok("message counts", f"repaired in {len(drifted):,} sessions of {looked:,}")
    names = [str(session_id) for session_id in drifted[:10]]
    hint = "run `chat-sessions doctor --repair`"
    return wrong("message counts", f"wrong in {len(drifted):,} sessions of {looked:,}: {hint}", *names)
