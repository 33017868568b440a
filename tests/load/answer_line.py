"""The words of one answer, as a page hears them (assets/js/messages/live_answer.js)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from tests.load.browser import Browser

_REFUSED, _OVER = 4404, 1000
#: Seconds.
_LONGEST_WAIT = 5.0


class AnswerLine:
    """:param tab: whose page shows it."""

    def __init__(self, browser: Browser, message_id: str, tab: str) -> None:
        self.text = ""
        self._browser = browser
        self._message_id = message_id
        self._tab = tab
        self._run = ""
        self._left = asyncio.Event()

    def leave(self) -> None:
        """The page no longer shows the answer, or no longer as one that is being written."""
        self._left.set()

    async def follow(self) -> None:
        """Until the page has left it."""
        failures = 0
        leaving = asyncio.create_task(self._left.wait())
        try:
            while not self._left.is_set():
                reading = asyncio.create_task(self._read())
                await asyncio.wait([reading, leaving], return_when=asyncio.FIRST_COMPLETED)
                if not reading.done():
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)
                    return
                code = reading.result()
                if code == _REFUSED:
                    return
                failures += code != _OVER
                if code != _OVER:
                    self._browser.figures.fail("web UI: line of an answer", f"closed with {code}")
                wait = _LONGEST_WAIT / 2 if code == _OVER else min(_LONGEST_WAIT, 0.2 * 2**failures)
                await asyncio.wait([leaving], timeout=wait * self._browser.chance.uniform(0.75, 1.25))
        finally:
            leaving.cancel()

    async def _read(self) -> int:
        """The code with which it was closed; 1006 where it was not even opened."""
        after = f"?after={self._run}:{len(self.text)}" if self._run else ""
        try:
            socket = await self._browser.connect(f"/answers/{self._message_id}/live{after}")
        except (OSError, aiohttp.ClientError, TimeoutError):
            return 1006
        try:
            async for frame in socket:
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    break
                self._browser.figures.frames += 1
                self._take(frame.data)
        finally:
            await socket.close()
        return socket.close_code or 1006

    def _take(self, frame: str) -> None:
        if frame[0] == "@":
            run, _, offset = frame[1:].rpartition(":")
            self._run, self.text = run, self.text[: int(offset)]
        elif frame[0] == "+":
            self.text += frame[1:]
            self._browser.ledger.read_answer(self._tab, self._message_id)
