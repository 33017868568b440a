"""Who comes: accounts with chats of their own, and browsers and programs that have signed in before."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from pwdlib import PasswordHash

from tests.load.plan import NEWCOMER, OPEN_CHAT, OTHER_CHAT, OTHER_CHATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from tests.load.plan import Plan

PASSWORD = "correct horse battery"

_CHATS = """
INSERT INTO chat_sessions (user_id, title, category)
SELECT id, 'Chat ' || k, CASE k %% 3 WHEN 0 THEN 'work' ELSE 'general' END
  FROM users, generate_series(1, %(chats)s) AS k WHERE users.username LIKE 'load-%%'
 ORDER BY k
"""
# The open one is written last: it is on top of the list.
_MESSAGES = """
INSERT INTO chat_messages (session_id, user_id, role, content)
SELECT s.session_id, s.user_id, CASE k %% 2 WHEN 1 THEN 'user' ELSE 'assistant' END,
       CASE k %% 2 WHEN 1 THEN 'Question ' || k || ': what about it?'
            ELSE 'Answer ' || k || '. ' || repeat('It is *said* with a few more words. ', 4 + k %% 12) END
  FROM chat_sessions AS s, generate_series(1, %(messages)s) AS k
 WHERE (s.title = %(open)s) = %(is_open)s ORDER BY k, s.id
"""


@dataclass
class Person:
    """`sessions` are their chats, the first of which is open. `refresh_token` is good for one use.

    :ivar login_id: the cookie of their browser; empty for a program, and for a newcomer.
    """

    name: str
    user_id: str
    sessions: list[str]
    refresh_token: str
    login_id: str = ""


def populate(connection: psycopg.Connection, plan: Plan) -> tuple[list[Person], list[Person]]:
    """Those of the WebSocket API, and those before the web UI; all with one password, hashed once."""
    people = [Person(f"load-{n}", str(uuid4()), [], secrets.token_urlsafe(32)) for n in range(plan.people)]
    readers = people[plan.websocket :]
    for number, reader in enumerate(readers, start=1):
        reader.login_id = "" if number % NEWCOMER == 0 else secrets.token_urlsafe(32)
    _sign_in(connection, people)
    chats = 1 + OTHER_CHATS
    connection.execute(_CHATS.encode(), {"chats": chats})
    for is_open, messages in ((False, OTHER_CHAT), (True, OPEN_CHAT)):
        connection.execute(
            _MESSAGES.encode(), {"messages": messages, "open": f"Chat {chats}", "is_open": is_open}
        )
    found: dict[str, list[str]] = {}
    for user_id, session_id in connection.execute(
        "SELECT user_id::text, session_id::text FROM chat_sessions ORDER BY id DESC"
    ):
        found.setdefault(user_id, []).append(session_id)
    for person in people:
        person.sessions = found[person.user_id]
    connection.execute("VACUUM ANALYZE")
    return people[: plan.websocket], readers


def _sign_in(connection: psycopg.Connection, people: Sequence[Person]) -> None:
    """As if they had signed in a while ago: what is stored then (backend/services/refresh_tokens.py)."""
    password_hash = PasswordHash.recommended().hash(PASSWORD)
    expires_at = datetime.now(UTC) + timedelta(days=30)
    with connection.cursor() as cursor:
        with cursor.copy("COPY users (id, username, password_hash, display_name) FROM STDIN") as copy:
            for person in people:
                copy.write_row((person.user_id, person.name, password_hash, person.name))
        sign_ins = [UUID(int=UUID(person.user_id).int ^ 1) for person in people]
        with cursor.copy("COPY sign_ins (sign_in_id, user_id) FROM STDIN") as copy:
            for sign_in_id, person in zip(sign_ins, people, strict=True):
                copy.write_row((sign_in_id, person.user_id))
        with cursor.copy(
            "COPY refresh_tokens (token_hash, family_id, user_id, expires_at) FROM STDIN"
        ) as copy:
            for sign_in_id, person in zip(sign_ins, people, strict=True):
                digest = hashlib.sha256(person.refresh_token.encode()).digest()
                copy.write_row((digest, sign_in_id, person.user_id, expires_at))
