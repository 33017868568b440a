"""A user who has kept everything: 10,000 chats, one of them with 10,000 messages; and the whole stack before them."""

from __future__ import annotations

import secrets
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psycopg

from backend.embedded_postgres import EmbeddedPostgres
from backend.migrations import migrate
from tests.conftest import free_port
from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME, PASSWORD = "keeper", "correct horse battery"
LONG = "The long chat"
CHATS, MESSAGES = 10_000, 10_000
#: Chats that are opened one after the other, by their titles: the latest of the list.
OPENED = [f"Chat {number:05}" for number in range(1, 31)]

_CHATS = f"""
INSERT INTO chat_sessions (user_id, title, category, created_at, updated_at)
SELECT users.id, 'Chat ' || lpad(k::text, 5, '0'), CASE k % 3 WHEN 0 THEN 'Work' ELSE 'Home' END,
       now() - k * interval '1 hour', now() - k * interval '1 hour'
  FROM users, generate_series(1, {CHATS} - 1) AS k WHERE username = '{NAME}';
INSERT INTO chat_sessions (user_id, title) SELECT id, '{LONG}' FROM users WHERE username = '{NAME}';
"""
_MESSAGES = """
INSERT INTO chat_messages (session_id, user_id, role, content, "timestamp")
SELECT s.session_id, s.user_id, CASE k %% 2 WHEN 1 THEN 'user' ELSE 'assistant' END,
       CASE WHEN k %% 2 = 1 THEN 'Question ' || k || ' in ' || s.title || E'\n\nWhat about it?'
            WHEN k %% 10 = 0 THEN 'Answer ' || k || ' in ' || s.title || E'\n\n```python\nfor n in range(10):\n'
                 || E'    print(n, "of ten")\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nThat is **all**.'
            ELSE 'Answer ' || k || ' in ' || s.title || E'. ' || repeat('It is *said* with a few more words. ',
                                                                                  4 + k %% 30)
       END,
       now() - (%(messages)s - k) * interval '10 minutes'
  FROM chat_sessions AS s, generate_series(1, %(messages)s) AS k WHERE s.title = ANY(%(titles)s) ORDER BY k, s.id
"""


@contextmanager
def world(folder: Path) -> Iterator[str]:
    """The web UI's address."""
    with ExitStack() as opened:
        cluster = EmbeddedPostgres(folder / "postgres", free_port(), secrets.token_hex(16))
        log = opened.enter_context((folder / "log").open("wb"))
        opened.enter_context(cluster.running(output=log))
        url = cluster.ensure_database("chat", "chat", secrets.token_hex(16))
        migrate(url)
        stack = opened.enter_context(Stack(url, folder))
        account = {"username": NAME, "password": PASSWORD}
        httpx.post(f"{stack.url('backend')}/auth/register", json=account).raise_for_status()
        with psycopg.connect(cluster.url("chat"), autocommit=True) as connection:
            for statement in _CHATS.split(";\n"):
                connection.execute(statement.encode())
            for titles, messages in ((OPENED[::-1], 40), ([LONG], MESSAGES)):
                connection.execute(_MESSAGES.encode(), {"titles": titles, "messages": messages})
            connection.execute("VACUUM ANALYZE")
        yield stack.url("webapp")
