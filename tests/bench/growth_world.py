"""Services of different sizes, each a database of its own: the same people, ever more of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from backend.migrations import migrate
from tests.bench import search_text

if TYPE_CHECKING:
    from backend.embedded_postgres import EmbeddedPostgres

SESSIONS, OF_A_SESSION = 20, 50
OF_A_USER = SESSIONS * OF_A_SESSION

#: Made last, of all rows: that is quicker than row by row.
_LATER = (
    "chat_messages_search",
    "chat_messages_history",
    "chat_messages_path",
    "chat_messages_line",
    "chat_messages_unread",
)

_USERS = """
INSERT INTO users (id, username, password_hash, display_name)
SELECT ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, 'user' || i, '!', 'User ' || i
  FROM generate_series(0, %(users)s - 1) AS i
"""
_SESSIONS = """
INSERT INTO chat_sessions (session_id, user_id, title)
SELECT ('00000000-0000-4000-9000-' || lpad((i * %(sessions)s + j)::text, 12, '0'))::uuid,
       ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, left(t.content, 60)
  FROM generate_series(0, %(users)s - 1) AS i CROSS JOIN generate_series(0, %(sessions)s - 1) AS j
  JOIN texts AS t ON t.id = (i * 31 + j * 17) %% %(texts)s
"""
# One message of every session at a time: as in life, nobody's messages lie together. `place` is the row's id.
_MESSAGES = """
INSERT INTO chat_messages (id, place, session_id, user_id, branch, role, content) OVERRIDING SYSTEM VALUE
SELECT new_id, new_id, s.session_id, s.user_id, s.branch, CASE %(turn)s %% 2 WHEN 0 THEN 'user' ELSE 'assistant' END,
       a.content || ' ' || b.content
  FROM (SELECT *, nextval(pg_get_serial_sequence('chat_messages', 'id')) AS new_id FROM chat_sessions) AS s
  JOIN texts AS a ON a.id = abs(hashint8(new_id)) %% %(texts)s
  JOIN texts AS b ON b.id = abs(hashint8(new_id * 7)) %% %(texts)s
"""
_COUNTS = """
UPDATE chat_sessions SET total_messages = %(of_a_session)s, last_message_at = clock_timestamp(),
                         updated_at = clock_timestamp()
"""


def session_id(user: int, place: int) -> str:
    return f"00000000-0000-4000-9000-{user * SESSIONS + place:012}"


def fill(cluster: EmbeddedPostgres, name: str, password: str, messages: int) -> str:
    """A database of so many messages, :data:`OF_A_USER` for each user; what is already there is kept.

    The triggers of the messages rest meanwhile: what they would keep is put in directly.
    """
    url = cluster.ensure_database(name, "chat", password)
    migrate(url)
    words = search_text.sentences(search_text.vocabulary())
    values = {
        "users": messages // OF_A_USER,
        "sessions": SESSIONS,
        "of_a_session": OF_A_SESSION,
        "texts": len(words),
    }
    with psycopg.connect(cluster.url(name), autocommit=True) as db:
        if db.execute("SELECT 1 FROM chat_sessions WHERE total_messages > 0 LIMIT 1").fetchone():
            return url
        db.execute("SET synchronous_commit = off")
        db.execute("SET maintenance_work_mem = '1GB'")
        db.execute("CREATE TEMP TABLE texts (id int PRIMARY KEY, content text)")
        with db.cursor() as cursor, cursor.copy("COPY texts FROM STDIN") as copy:
            for row in enumerate(words):
                copy.write_row(row)
        db.execute("ANALYZE texts")
        db.execute(_USERS, values)
        db.execute(_SESSIONS, values)
        indexes = [db.execute("SELECT pg_get_indexdef(%s::regclass)", [index]).fetchone() for index in _LATER]
        for index in _LATER:
            db.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index)))
        db.execute("SET session_replication_role = replica")
        for turn in range(OF_A_SESSION):
            db.execute(_MESSAGES, values | {"turn": turn})
        db.execute(_COUNTS, values)
        db.execute("RESET session_replication_role")
        for index in indexes:
            assert index is not None
            db.execute(index[0].encode())
        db.execute("VACUUM ANALYZE")
    return url


def users(messages: int) -> int:
    return messages // OF_A_USER
