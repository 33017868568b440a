"""A program that trusts the servers: one request after the other on connections that it keeps, none of them twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx2

if TYPE_CHECKING:
    from tests.faults.account import Account
    from tests.faults.ledger import Ledger

_PAUSE = 0.05  # seconds

_INSERT = """
mutation ($session: uuid!, $message: uuid!, $content: String!) {
  insert_chat_messages_one(object: {session_id: $session, message_id: $message, content: $content}) { message_id }
}
"""


class Sender:
    """Whatever is not answered as it should be is a setback.

    :param graphql: of GraphQL, to send there; else to the REST API.
    """

    def __init__(self, account: Account, ledger: Ledger, graphql: str | None = None) -> None:
        self.account = account
        self.sent = 0
        self._ledger = ledger
        self._graphql = graphql

    async def run(self, stopping: asyncio.Event) -> None:
        """Until told to stop."""
        await self.account.make()
        while not stopping.is_set():
            message_id, content = str(uuid4()), f"{self.account.name} sends {self.sent}"
            self._ledger.unasked.add(message_id)
            try:
                answer = await self._send(message_id, content)
            except httpx2.TransportError as error:
                self._ledger.setbacks.append(f"{content}: {error!r}")
            else:
                if answer.is_success and message_id in answer.text:
                    self._ledger.promise(str(self.account.session_id), message_id, content)
                else:
                    self._ledger.setbacks.append(f"{content}: {answer.status_code} {answer.text[:200]}")
            self.sent += 1
            await asyncio.sleep(_PAUSE)

    async def _send(self, message_id: str, content: str) -> httpx2.Response:
        account = self.account
        if self._graphql is None:
            url = account.somewhere(f"/api/chat/sessions/{account.session_id}/messages")
            body: dict[str, object] = {"content": content, "message_id": message_id}
        else:
            variables = {"session": str(account.session_id), "message": message_id, "content": content}
            url, body = self._graphql, {"query": _INSERT, "variables": variables}
        return await account.http.post(url, json=body, headers=account.headers)
