"""How a turn is answered: Server-Sent Events that can be resumed, or one JSON body for who asks for that."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import structlog
from fastapi import Header
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError

from backend.errors import AssistantFailed, Conflict, Problem, from_hasura
from backend.services import deadlines
from backend.services.assistant_errors import AssistantError
from backend.services.growth import Cursor, Gone
from backend.services.hasura_client import ChatMessage, HasuraError
from backend.services.turn import Began, Delta, Done, Turn

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from backend.deps import Services
    from backend.services.tokens import User

#: A reader who takes nothing for so many seconds is dropped; it can resume.
SEND_TIMEOUT = 30.0
#: Seconds more than answers have at the end of the process: the last of them are saved then.
SAVED_WITHIN = 5.0

Accept = Annotated[str, Header(include_in_schema=False)]

_NOT_LINES = {ord(char): f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"}

log = structlog.get_logger(__name__)

_STREAM_EXAMPLE = """\
event: turn
id: 9d2c…:0
data: {"user_message_id": "0b6f…", "assistant_message_id": "5c1e…", "run": "9d2c…", "offset": 0}

event: delta
id: 9d2c…:16
data: {"text": "A keyset cursor "}

event: done
id: 9d2c…:53
data: {"message_id": "5c1e…", "role": "assistant", "status": "complete", "content": "A keyset cursor …"}
"""


def events(names: tuple[str, ...], example: str, *more: str) -> dict[str, Any]:
    """A stream's media type for OpenAPI: the form of each event, which 3.2 calls `itemSchema` and 3.1 has no word for.

    https://spec.openapis.org/oas/v3.2.0.html#media-type-object
    """
    data = {"type": "string", "contentMediaType": "application/json"}
    members = {"event": {"enum": list(names)}, "data": data} | {name: {"type": "string"} for name in more}
    return {
        "itemSchema": {"type": "object", "required": list(members), "properties": members},
        "example": example,
    }


class Answer(BaseModel):
    """A whole turn in one body."""

    user_message_id: UUID | None
    assistant_message_id: UUID
    reply: ChatMessage


#: For OpenAPI: what a route that answers with a turn answers.
TURN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the turn",
        "model": Answer,
        "content": {"text/event-stream": events(("turn", "delta", "done", "error"), _STREAM_EXAMPLE, "id")},
    }
}


async def answered(
    services: Services, user: User, turn: Turn, accept: str, cursor: Cursor | None = None
) -> Response:
    # Both are a fair reading of */*; the stream is what the path is for, so JSON must be asked for by name.
    if "application/json" in accept and "text/event-stream" not in accept:
        return await _whole(services, user, turn)
    return _Stream(
        _events(services, user, turn, cursor),
        sep="\n",
        ping=15,
        send_timeout=SEND_TIMEOUT,
        # At the end of the process whoever reads an answer of its own reads it to the end; of somebody else's the
        # stream breaks, and is taken up with Last-Event-ID where another process serves.
        shutdown_grace_period=services.draining.seconds + SAVED_WITHIN
        if services.replies.writes(turn)
        else 0,
    )


class _Stream(EventSourceResponse):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except* SendTimeoutError:
            # The connection is closed without the end of the body, by which the reader knows.
            log.info("slow_reader_dropped")


async def _events(
    services: Services, user: User, turn: Turn, cursor: Cursor | None
) -> AsyncGenerator[ServerSentEvent, None]:
    at = Cursor(turn.growth.run, 0)
    try:
        async with aclosing(services.replies.events(user, turn, cursor)) as events:
            async for event in events:
                match event:
                    case Began():
                        at = Cursor(event.run, event.offset)
                        data = {**_ids(turn), "run": event.run, "offset": event.offset}
                        yield _event("turn", at, data)
                    case Delta():
                        at = Cursor(event.run, event.offset)
                        yield _event("delta", at, {"text": event.text})
                    case Done():
                        saved = event.message.model_dump(mode="json")
                        yield _event("done", at, saved)
    except (AssistantError, Gone, HasuraError) as exc:
        yield _event("error", at, _problem(exc, turn).body())


def _event(name: str, at: Cursor, data: dict[str, Any]) -> ServerSentEvent:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    # No ends of lines in SSE, but many a client's library takes them for such.
    return ServerSentEvent(text.translate(_NOT_LINES), event=name, id=str(at), sep="\n")


async def _whole(services: Services, user: User, turn: Turn) -> JSONResponse:
    deadlines.relax()  # an answer has its own
    try:
        async with aclosing(services.replies.events(user, turn)) as events:
            done = [event async for event in events if isinstance(event, Done)]
    except (AssistantError, Gone, HasuraError) as exc:
        raise _problem(exc, turn) from exc
    return JSONResponse({**_ids(turn), "reply": done[0].message.model_dump(mode="json")})


def _problem(exc: AssistantError | Gone | HasuraError, turn: Turn) -> Problem:
    match exc:
        case AssistantError():
            return AssistantFailed.of(exc, **_ids(turn))
        case Gone():
            return Conflict("The conversation was cleared while the answer was written.", **_ids(turn))
        case _:
            return from_hasura(exc)


def _ids(turn: Turn) -> dict[str, Any]:
    return {
        "user_message_id": turn.user_message_id and str(turn.user_message_id),
        "assistant_message_id": str(turn.assistant_message_id),
    }
