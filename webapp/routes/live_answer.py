"""The words of an answer, to a page that shows it.

A WebSocket of its own and no variable of Reflex's: a word costs a word, no state is locked for it, and a page that
lost the line goes on exactly where it was. Frames are text:

- ``@<run>:<characters>``: what follows comes after so many characters of that run; the rest was another's.
- ``+<text>``: what comes next.
- ``.``: over. How it ended, and the saved text, arrive with the messages.

A page that comes back says ``?after=<run>:<characters>``.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.websockets import WebSocketDisconnect

from webapp import login_cookie
from webapp.services import services
from webapp.services.api import ApiError
from webapp.services.logins import SignedOut

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from starlette.websockets import WebSocket

#: Seconds between two frames of a growing answer: what arrives meanwhile travels together.
PUSH = 0.04

#: How a line ends that the page need not, or should, open again (RFC 6455, section 7.4).
OVER, TRY_AGAIN, REFUSED = 1000, 1013, 4404


async def live_answer(socket: WebSocket) -> None:
    await socket.accept()
    code = REFUSED
    words = Words(socket)
    try:
        code = await first(words.follow(), words.push(), _until_gone(socket))
    except (SignedOut, ApiError) as exc:
        again = isinstance(exc, ApiError) and (exc.status >= 500 or exc.status == 429)
        code = TRY_AGAIN if again else REFUSED
    except WebSocketDisconnect:  # the page has gone, and words were on their way
        return
    with suppress(RuntimeError, WebSocketDisconnect):  # the page has gone already
        await socket.close(code)


class Words:
    """What has been read of an answer and is not yet sent."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._unsent: list[str] = []
        self._more = asyncio.Event()

    async def follow(self) -> int:
        """Raises SignedOut, ApiError."""
        message_id = str(self._socket.path_params["message_id"])
        after = self._socket.query_params.get("after", "")
        login_id = login_cookie.read(self._socket.headers.get("cookie", ""))
        logins, api = services().logins, services().api
        token = await logins.access_token(login_id)
        for last in (False, True):
            try:
                async for event in api.follow_answer(token, message_id, after):
                    self._take(event.name, event.data)
                break
            except ApiError as exc:
                if last or exc.status != 401:
                    raise
                token = await logins.access_token(login_id, refused=token)
        await self._send()
        await self._socket.send_text(".")
        return OVER

    async def push(self) -> int:
        while True:
            await self._more.wait()
            await self._send()
            await asyncio.sleep(PUSH)

    def _take(self, name: str, data: dict[str, Any]) -> None:
        if name == "turn":
            self._unsent.append(f"@{data['run']}:{data['offset']}")
        elif name == "delta":
            if self._unsent and self._unsent[-1].startswith("+"):
                self._unsent[-1] += data["text"]
            else:
                self._unsent.append(f"+{data['text']}")
        self._more.set()

    async def _send(self) -> None:
        self._more.clear()
        frames, self._unsent = self._unsent, []
        for frame in frames:
            await self._socket.send_text(frame)


async def first(*jobs: Coroutine[Any, Any, int]) -> int:
    """What the first of them returns or raises; the others are cancelled."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # As in backend/routes/ws_connection.py: what is raised is part of no circle.
        tasks.clear()
        del task


async def _until_gone(socket: WebSocket) -> int:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    return OVER
