"""The text of an answer as far as this process knows it: one growing string, any number of readers.

A reader is a position in the string, so a slow one costs nothing: what it has missed comes in one piece.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from backend.services.assistant_errors import AssistantError
    from backend.services.hasura_client import ChatMessage, HasuraError

#: Pause between two pieces for one reader, in seconds: a fast model's tokens then share an event, 25 of which a second
#: look like typing.
PACE = 0.04


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far somebody has read: characters (code points) of one run's text."""

    run: str
    offset: int

    def __str__(self) -> str:
        return f"{self.run}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None for anything that no cursor says."""
        run, _, offset = text.rpartition(":")
        if not run or len(text) > 100 or not (offset.isascii() and offset.isdecimal()):
            return None
        return cls(run, int(offset))


class Superseded(Exception):
    """This run is no longer the one that writes the answer, or the answer is gone: the row knows."""


class Gone(Exception):
    """The answer's row was deleted: the conversation was cleared."""


class Growth:
    """The text of one run.

    Once `ended`: `saved` is the row as stored; or `error` is why there is none.

    :param text: what the run begins with: the kept text of an answer that is continued.
    :param earlier_runs: how much of each earlier run's text this one begins with.
    """

    def __init__(self, run: str, text: str = "", *, earlier_runs: Mapping[str, int] | None = None) -> None:
        self.run = run
        self.text = text
        self.earlier_runs = dict(earlier_runs or {})
        self.ended = asyncio.Event()
        self.saved: ChatMessage | None = None
        self.error: AssistantError | HasuraError | Superseded | None = None
        self.readers = 0
        self._grown = asyncio.Event()

    @classmethod
    def of(cls, message: ChatMessage) -> Self:
        """An answer as it is stored, ended or not."""
        runs = message.metadata.get("earlier_runs")
        earlier = (
            {run: kept for run, kept in runs.items() if isinstance(kept, int)}
            if isinstance(runs, dict)
            else {}
        )
        growth = cls(str(message.metadata.get("run", "")), message.content, earlier_runs=earlier)
        if message.status != "streaming":
            growth.end(message)
        return growth

    def add(self, text: str) -> None:
        self.text += text
        self._wake()

    def end(
        self, saved: ChatMessage | None, error: AssistantError | HasuraError | Superseded | None = None
    ) -> None:
        if self.ended.is_set():
            return
        if saved is not None:
            self.text = saved.content
        self.saved, self.error = saved, error
        self.ended.set()
        self._wake()

    async def changed(self, seconds: float) -> None:
        """Returns when the text has grown or ended, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._grown.wait()

    def start_of(self, cursor: Cursor | None) -> int:
        """How much of the text a reader has already who stopped at `cursor`."""
        if cursor is None:
            return 0
        if cursor.run != self.run:
            return min(cursor.offset, self.earlier_runs.get(cursor.run, 0), len(self.text))
        # Of a run that goes on somewhere else a reader may know more than this process does: it will come.
        return min(cursor.offset, len(self.text)) if self.ended.is_set() else cursor.offset

    async def pieces(self, offset: int) -> AsyncGenerator[str, None]:
        """The text from `offset` on, as it grows, until it has ended."""
        self.readers += 1
        try:
            while True:
                grown = self._grown
                if len(self.text) > offset:
                    piece = self.text[offset:]
                    offset += len(piece)
                    yield piece
                    await asyncio.sleep(PACE)
                elif self.ended.is_set():
                    return
                else:
                    await grown.wait()
        finally:
            self.readers -= 1

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()
