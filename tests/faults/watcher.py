"""Open clients, which must end with what the database holds, whatever was killed meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

from backend.services.hasura_client import HasuraClient, HasuraError

if TYPE_CHECKING:
    from tests.faults.account import Account
    from tests.faults.verdict import Connection
    from tests.faults.websocket_user import WebSocketUser

#: Seconds for a client to be told the last change, once everything is up again.
CONVERGES_WITHIN = 15.0
NEWEST = 50

Rows = set[tuple[Any, ...]]


class OpenClient(Protocol):
    """Something that shows a session's messages."""

    @property
    def name(self) -> str: ...

    async def difference(self, connection: Connection) -> str | None:
        """How what it shows differs from the database now."""


class LiveQuery:
    """Follows the newest messages of a user's session through GraphQL, with that user's token.

    :param url: of GraphQL.
    """

    def __init__(self, url: str, account: Account) -> None:
        self.name = f"{account.name}'s live query"
        self._client = HasuraClient(url)
        self._account = account
        self._shown: Rows = set()

    async def run(self) -> None:
        """Until it is cancelled."""
        async with self._client:
            await self._account.made.wait()
            while True:
                try:
                    states = self._client.watch_messages(
                        self._account.token, self._account.session_id, limit=NEWEST
                    )
                    async with aclosing(states):
                        async for state in states:
                            self._shown = {(str(m.message_id), m.status, m.content) for m in state}
                except HasuraError:
                    await asyncio.sleep(0.2)

    async def difference(self, connection: Connection) -> str | None:
        return _difference(self._shown, _stored(connection, self._account, NEWEST))


class Socket:
    """What a client of the WebSocket API has put together from events."""

    def __init__(self, user: WebSocketUser) -> None:
        self.name = f"{user.account.name}'s socket"
        self._user = user

    async def difference(self, connection: Connection) -> str | None:
        shown = {(m["message_id"], m["status"], m["content"]) for m in self._user.messages.values()}
        return _difference(shown, _stored(connection, self._user.account, None))


async def stragglers(clients: list[OpenClient], connection: Connection) -> list[str]:
    """The clients that have not come to what the database holds, and how they differ."""
    found: dict[str, str | None] = {}
    for _ in range(int(CONVERGES_WITHIN / 0.2)):
        found = {client.name: await client.difference(connection) for client in clients}
        if not any(found.values()):
            break
        await asyncio.sleep(0.2)
    return [f"{name} {difference}" for name, difference in found.items() if difference]


def _stored(connection: Connection, account: Account, limit: int | None) -> Rows:
    rows = connection.execute(
        "SELECT message_id::text, status, content FROM chat_messages WHERE session_id = %s"
        " ORDER BY id DESC LIMIT %s",
        [account.session_id, limit],
    )
    return set(rows.fetchall())


def _difference(shown: Rows, stored: Rows) -> str | None:
    if shown == stored:
        return None
    return f"lacks {len(stored - shown)} of {len(stored)} messages and shows {len(shown - stored)} that are not so"
