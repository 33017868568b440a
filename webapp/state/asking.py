"""One question and its answer, from the first byte sent to the last word shown."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from webapp.services import services
from webapp.services.api import ApiError, ApiUnavailable
from webapp.state.answer import Answer
from webapp.state.rows import MessageRow, change, put
from webapp.state.wording import UNREACHABLE, explain

if TYPE_CHECKING:
    from webapp.services.api import StreamEvent
    from webapp.state.chat_history import ChatHistory

#: Seconds between two pushes of a growing answer.
PUSH = 0.05
#: Seconds before a broken line is tried a second time.
PAUSE = 0.5


class Lost(Exception):
    """The question did not arrive; ``advice`` says why and what to do."""

    def __init__(self, advice: str) -> None:
        super().__init__(advice)
        self.advice = advice


async def ask(state: ChatHistory, login_id: str, *, session_id: str, message_id: str, content: str) -> None:
    """Runs a turn, from a background handler of `state`.

    Raises Lost when the question was not saved, SignedOut when the browser is no longer signed in. Once it is
    saved nothing is raised: the answer, or its failure, is saved by the backend and arrives live.
    """
    logins = services().logins
    token = await logins.access_token(login_id)
    turn = Turn(state, session_id, message_id)
    for last in (False, True):
        try:
            await turn.run(token, content)
            break
        except ApiError as error:
            if turn.answer_id:
                break
            if not last and isinstance(error, ApiUnavailable):
                await asyncio.sleep(PAUSE)  # the same message_id makes no second message
            elif not last and error.status == 401:
                token = await logins.access_token(login_id, refused=token)
            else:
                raise Lost(explain(error)) from error
    if not turn.answer_id:
        raise Lost(UNREACHABLE)
    await turn.leave()


class Turn:
    """What the stream of one answer does to the page."""

    def __init__(self, state: ChatHistory, session_id: str, message_id: str) -> None:
        self._state = state
        self._session_id = session_id
        self._message_id = message_id
        self._id = uuid4().hex
        self.answer_id = ""
        self._unpushed = ""
        self._more = asyncio.Event()

    async def run(self, token: str, content: str) -> None:
        stream = services().api.ask(
            token, session_id=self._session_id, content=content, message_id=self._message_id
        )
        pushing = asyncio.create_task(self._push())
        try:
            async with aclosing(stream) as events:
                async for event in events:
                    await self._take(event)
        finally:
            pushing.cancel()

    async def leave(self) -> None:
        """The stream is over. If it broke, the row stays unfinished until the saved answer arrives live."""
        async with self._state as state:
            (await state.get_state(Answer)).end(self._id)

    async def _take(self, event: StreamEvent) -> None:
        match event.name:
            case "turn":
                await self._begin(str(event.data["assistant_message_id"]))
            case "delta":
                self._unpushed += event.data["text"]
                self._more.set()
            case "done":
                await self._end(status="complete", content=event.data["content"])
            case "error":
                problem = event.data.get("detail") or "The answer broke off."
                await self._end(status="failed", problem=str(problem))

    async def _begin(self, answer_id: str) -> None:
        self.answer_id = answer_id
        now = datetime.now(UTC).isoformat()
        async with self._state as state:
            (await state.get_state(Answer)).begin(answer_id, self._id)
            if state.current_session.session_id != self._session_id:
                return
            rows = change(state.messages, self._message_id, status="complete")
            row = MessageRow(
                answer_id, "assistant", "", now, "streaming", reply_to=self._message_id, live=True
            )
            for shown in rows:
                if shown.message_id == answer_id:  # a retry: the failed answer is written anew in its place
                    row = replace(row, timestamp=shown.timestamp, row_id=shown.row_id)
            state.messages = put(rows, row)

    async def _end(self, **values: str) -> None:
        async with self._state as state:
            (await state.get_state(Answer)).end(self._id)
            state.messages = change(state.messages, self.answer_id, **values)

    async def _push(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            text, self._unpushed = self._unpushed, ""
            async with self._state as state:
                (await state.get_state(Answer)).write(self._id, text)
            await asyncio.sleep(PUSH)
