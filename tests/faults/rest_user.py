"""Somebody's program: asks through REST, never gives a message up, takes a broken stream up where it stopped."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx2

from tests.faults.account import PASSING, PAUSE, Account

if TYPE_CHECKING:
    import random

    from tests.faults.ledger import Ledger


class RestUser:
    """Asks one question after the other."""

    def __init__(self, account: Account, ledger: Ledger, chance: random.Random) -> None:
        self.account = account
        self._ledger = ledger
        self._chance = chance

    async def run(self, stopping: asyncio.Event) -> None:
        """Until told to stop; the turn that is under way is brought to its end."""
        await self.account.make()
        number = 0
        while not stopping.is_set():
            number += 1
            turn = Turn(self.account, self._ledger, f"{self.account.name} asks {number}")
            await turn.read()
            if turn.failed and self._chance.random() < 0.5:
                turn.go_on()
                await turn.read()
            await asyncio.sleep(self._chance.uniform(0.1, 0.8))


class Turn:
    """One question as its asker sees it: the answer is put together from deltas, and compared with what is saved."""

    def __init__(self, account: Account, ledger: Ledger, content: str) -> None:
        self._account = account
        self._ledger = ledger
        self._content = content
        self._message_id = str(uuid4())
        self._answer_id = self._run = self._last_event_id = self._text = ""
        self._begin = "/api/chat"
        self.failed = False

    async def read(self) -> None:
        """Until the answer has ended, whatever breaks on the way."""
        while not await self._advance():  # noqa: ASYNC110  (no event tells that a server is back)
            await asyncio.sleep(PAUSE)

    def go_on(self) -> None:
        """What is to be read next continues the answer that has failed."""
        self._begin = f"/api/chat/{self._answer_id}/continue"
        self._last_event_id, self.failed = "", False

    async def _advance(self) -> bool:
        """Asks, or follows on; whether the answer has ended."""
        account = self._account
        headers = account.headers | {"Accept": "text/event-stream"}
        if self._last_event_id:
            self._ledger.resumed += 1
            headers["Last-Event-ID"] = self._last_event_id
            url = account.somewhere(f"/api/chat/{self._answer_id}/stream")
            request = account.http.stream("GET", url, headers=headers)
        else:
            body = None
            if not self._answer_id:
                body = {
                    "session_id": str(account.session_id),
                    "content": self._content,
                    "message_id": self._message_id,
                }
            request = account.http.stream("POST", account.somewhere(self._begin), json=body, headers=headers)
        try:
            async with request as response:
                if response.status_code in PASSING:
                    self._ledger.setbacks.append(f"{self._begin} answers {response.status_code}")
                    return False
                if response.status_code == 409 and self._answer_id:
                    self._last_event_id = (
                        f"{self._run}:{len(self._text)}"  # it goes on already: its answer was lost
                    )
                    return False
                if response.status_code != 200:
                    self._complain(f"{response.status_code}: {(await response.aread()).decode()}")
                    return True
                async for event in httpx2.EventSource(response):
                    if self._take(event):
                        self._ledger.streams += 1
                        return True
            self._ledger.setbacks.append(f"{self._begin}: the stream ends without an end")
        except httpx2.TransportError as error:
            self._ledger.setbacks.append(f"{self._begin}: {error!r}")
        return False

    def _take(self, event: httpx2.ServerSentEvent) -> bool:
        """Whether it was the last one."""
        data = json.loads(event.data)
        match event.event:
            case "turn":
                if not self._answer_id:
                    self._answer_id = data["assistant_message_id"]
                    self._ledger.promise(str(self._account.session_id), self._message_id, self._content)
                # What a killed writer had sent and not yet saved is not there any more: the text is cut, never skipped.
                if data["offset"] > len(self._text):
                    self._complain(f"it goes on at {data['offset']}, after {len(self._text)} characters")
                self._run, self._text = data["run"], self._text[: data["offset"]]
            case "delta":
                self._text += data["text"]
                if event.id != f"{self._run}:{len(self._text)}":
                    self._complain(f"after {len(self._text)} characters it is told {event.id}")
            case "done":
                if data["content"] != self._text:
                    self._complain(f"it ends with {self._text[-60:]!r}, saved is {data['content'][-60:]!r}")
                return True
            case "error":
                self.failed = True
                return True
        self._last_event_id = event.id
        return False

    def _complain(self, what: str) -> None:
        self._ledger.complaints.append(f"the answer to {self._content!r}: {what}")
