"""Ask the assistant: Server-Sent Events, or one JSON body for who asks for that."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

import anyio
from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse, JSONServerSentEvent

from backend.deps import COUNTED_MESSAGE, CurrentServices, CurrentUser, Cursor, Limit, Services
from backend.errors import (
    AssistantFailed,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    documented,
    from_hasura,
)
from backend.routes.text import Content
from backend.services.assistant_errors import AssistantError
from backend.services.hasura_client import ChatMessage, HasuraError, MessagePage
from backend.services.replies import ShuttingDown, TooManyReplies, Turn
from backend.services.reply import Gone
from backend.services.tokens import User

router = APIRouter(prefix="/api/chat", tags=["chat"])

_STREAM_EXAMPLE = """\
event: turn
data: {"user_message_id": "0b6f…", "assistant_message_id": "5c1e…"}

event: delta
data: {"text": "A keyset cursor "}

event: done
data: {"message_id": "5c1e…", "role": "assistant", "status": "complete", "content": "A keyset cursor …"}
"""


class Question(BaseModel):
    session_id: UUID
    content: Content
    message_id: UUID | None = Field(
        None, description="chosen by you: sending it again never asks twice, and asks again after a failure"
    )


class Answer(BaseModel):
    """A whole turn in one body."""

    user_message_id: UUID
    assistant_message_id: UUID
    reply: ChatMessage


@router.post(
    "",
    summary="Ask, and have question and answer saved",
    description=(
        "Saves the question, streams the answer as Server-Sent Events (`turn`, `delta`…, then `done` or"
        " `error`) and saves it too, even if you hang up. With `Accept: application/json` it is one body."
    ),
    response_class=Response,
    dependencies=[COUNTED_MESSAGE],
    responses={
        200: {
            "description": "the turn",
            "model": Answer,
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _STREAM_EXAMPLE}},
        },
        **documented(
            Unauthenticated,
            Forbidden,
            NotFound,
            Conflict,
            TooLarge,
            Invalid,
            TooManyRequests,
            AssistantFailed,
        ),
    },
)
async def ask(
    body: Question,
    user: CurrentUser,
    services: CurrentServices,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    try:
        turn = await services.replies.ask(user, body.session_id, body.content, body.message_id)
    except TooManyReplies:
        raise TooManyRequests(
            "You have several answers under way. Wait for one of them.", retry_after=5
        ) from None
    except ShuttingDown:
        raise Unavailable("The server is restarting. Nothing was saved: send it again.") from None
    if _wants_json(accept):
        return await _whole(services, user, turn)
    return EventSourceResponse(
        _events(services, user, turn),
        sep="\n",
        ping=15,
        send_timeout=30,
        # At the end of the process an answer that is nearly there still reaches its reader.
        shutdown_event=anyio.Event(),
        shutdown_grace_period=1.5,
    )


@router.get(
    "/history/{session_id}",
    summary="Messages of a session",
    description="The same as `GET /api/chat/sessions/{session_id}/messages`.",
    responses=documented(Unauthenticated, Forbidden, NotFound, Invalid),
)
async def history(
    session_id: UUID, user: CurrentUser, services: CurrentServices, limit: Limit = 50, cursor: Cursor = None
) -> MessagePage:
    return await services.hasura.get_chat_messages(user.token, session_id, limit=limit, cursor=cursor)


async def _events(services: Services, user: User, turn: Turn) -> AsyncGenerator[JSONServerSentEvent, None]:
    yield JSONServerSentEvent(event="turn", data=_ids(turn))
    try:
        async with aclosing(services.replies.deltas(user, turn)) as pieces:
            async for piece in pieces:
                yield JSONServerSentEvent(event="delta", data={"text": piece})
        message = await services.replies.outcome(user, turn)
    except (AssistantError, Gone, HasuraError) as exc:
        yield JSONServerSentEvent(event="error", data=_problem(exc, turn).body())
    else:
        yield JSONServerSentEvent(event="done", data=message.model_dump(mode="json"))


async def _whole(services: Services, user: User, turn: Turn) -> JSONResponse:
    try:
        message = await services.replies.outcome(user, turn)
    except (AssistantError, Gone, HasuraError) as exc:
        raise _problem(exc, turn) from exc
    return JSONResponse({**_ids(turn), "reply": message.model_dump(mode="json")})


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
        "user_message_id": str(turn.user_message_id),
        "assistant_message_id": str(turn.assistant_message_id),
    }


def _wants_json(accept: str) -> bool:
    # Both are a fair reading of */*; the stream is what the path is for, so JSON must be asked for by name.
    return "application/json" in accept and "text/event-stream" not in accept
