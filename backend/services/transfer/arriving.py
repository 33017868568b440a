"""An import: each conversation of a file, stored with its owner's token, and told about as it goes.

It may break off anywhere: done again, it goes on where it was, and what is there already stays as it is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, BinaryIO

from pydantic import BaseModel, Field
from starlette.concurrency import iterate_in_threadpool

from backend.services.hasura_client import InvalidInput
from backend.services.transfer.conversation import Conversation, NotReadable, Reason
from backend.services.transfer.rows import Rows
from backend.services.transfer.upload import conversations

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from uuid import UUID

    from backend.services.hasura_client import HasuraClient
    from backend.services.tokens import User

#: Reasons that are listed one by one; the others are counted only.
MOST_REASONS = 100


class Skipped(BaseModel):
    title: str = Field(description="of the chat, as far as it has one")
    reason: str
    code: Reason


class Imported(BaseModel):
    """How an import went, or how it stands."""

    new: int = Field(0, description="chats that were stored")
    known: int = Field(0, description="chats that were there already, and stay as they are")
    skipped: int = Field(0, description="chats that could not be read")
    messages: int = Field(0, description="messages of the new chats")
    left_out: dict[str, int] = Field(
        default_factory=dict,
        description="messages of the new chats that are not as they were: `shortened` to the longest that may be,"
        " of another `role`, or `parallel` answers of a kind that chats here do not have",
    )
    reasons: list[Skipped] = Field(default_factory=list, description="of the first that were skipped")
    read: int = Field(0, description="bytes of the file that are behind us")
    size: int = Field(0, description="bytes of the file")


class TooManyImports(Exception):
    """One at a time for a user, and a few for all."""


class Imports:
    """Gives out the places: files lie on this machine's disk while they are read."""

    def __init__(self, at_once: int = 4) -> None:
        self._at_once = at_once
        self._users: set[UUID] = set()

    @asynccontextmanager
    async def place(self, user_id: UUID) -> AsyncIterator[None]:
        """Raises TooManyImports."""
        if user_id in self._users or len(self._users) >= self._at_once:
            raise TooManyImports
        self._users.add(user_id)
        try:
            yield
        finally:
            self._users.discard(user_id)


async def arrive(
    client: HasuraClient, user: User, file: BinaryIO, size: int
) -> AsyncGenerator[Imported, None]:
    """How it stands after each conversation. Raises NotReadable, HasuraError; what is stored stays."""
    so_far, left_out = Imported(size=size), Counter[str]()
    async for read, found in iterate_in_threadpool(conversations(file)):
        so_far.read = min(read, size)
        try:
            if isinstance(found, NotReadable):
                raise found
            await _store(client, user, found, so_far, left_out)
        except NotReadable as exc:
            so_far.skipped += 1
            if len(so_far.reasons) < MOST_REASONS:
                title = found.title if isinstance(found, Conversation) else ""
                so_far.reasons.append(Skipped(title=title, reason=str(exc), code=exc.reason))
        so_far.left_out = dict(left_out)
        yield so_far
    so_far.read = size
    yield so_far


async def _store(
    client: HasuraClient, user: User, conversation: Conversation, so_far: Imported, left_out: Counter[str]
) -> None:
    rows = await asyncio.to_thread(Rows, conversation, user.id)
    written = False
    for batch in rows.batches():
        try:
            written = await client.import_chat_session(user.token, batch)
        except InvalidInput as exc:
            raise NotReadable(Reason.REFUSED) from exc
        if not written:
            break
    if written:
        so_far.new += 1
        so_far.messages += len(rows.messages)
        left_out.update(rows.left_out)
    else:
        so_far.known += 1
