"""Ask the assistant, and what can be done with an answer: read it on, stop it, continue it, have another."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from backend.deps import CurrentServices, CurrentUser, Limit
from backend.deps import Cursor as PageCursor
from backend.errors import (
    AssistantFailed,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    documented,
)
from backend.routes.messages import page
from backend.routes.text import Content
from backend.routes.turn_answers import TURN, Accept, answered
from backend.services.growth import Cursor
from backend.services.hasura_client import ChatMessage, MessagePage

router = APIRouter(prefix="/api/chat", tags=["chat"])

_BEGINS = documented(
    Unauthenticated, Forbidden, NotFound, Conflict, TooLarge, Invalid, TooManyRequests, AssistantFailed
)


class Question(BaseModel):
    session_id: UUID
    content: Content
    message_id: UUID | None = Field(
        None,
        description="chosen by you: sending it again never asks twice; it tries again an answer that failed"
        " without a word",
    )
    edit_of: UUID | None = Field(
        None,
        description="a question of the session: yours becomes another version of it, and what came after that is"
        " kept with it",
    )


class Version(BaseModel):
    message_id: UUID | None = Field(
        None, description="of the new version, chosen by you: sending it again never makes a second one"
    )


@router.post(
    "",
    summary="Ask, and have question and answer saved",
    description=(
        "Saves the question, streams the answer as Server-Sent Events (`turn`, `delta`…, then `done` or"
        " `error`) and saves it too, even if you hang up. With `Accept: application/json` it is one body."
    ),
    response_class=Response,
    responses=TURN | _BEGINS,
)
async def ask(body: Question, user: CurrentUser, services: CurrentServices, accept: Accept = "") -> Response:
    turn = await services.replies.ask(
        user, body.session_id, body.content, body.message_id, edit_of=body.edit_of
    )
    return await answered(services, user, turn, accept)


@router.get(
    "/{message_id}/stream",
    summary="Read an answer on",
    description=(
        "The events of `POST /api/chat` for an answer, or for a question's current answer, from where"
        " `Last-Event-ID` (or `?last_event_id=`) stopped; from its first word without. Any process knows it."
    ),
    response_class=Response,
    responses=TURN | documented(Unauthenticated, Forbidden, NotFound, Invalid, AssistantFailed),
)
async def stream(
    message_id: UUID,
    user: CurrentUser,
    services: CurrentServices,
    last_event_id: Annotated[str, Header(max_length=200, description="`id` of the last event you have")] = "",
    last_event_id_query: Annotated[
        str, Query(alias="last_event_id", max_length=200, description="for who cannot set the header")
    ] = "",
    accept: Accept = "",
) -> Response:
    turn = await services.replies.resume(user, message_id)
    return await answered(services, user, turn, accept, Cursor.parse(last_event_id or last_event_id_query))


@router.post(
    "/{message_id}/stop",
    summary="Stop an answer",
    description="It ends as `stopped`, with the text so far. One that has ended already is answered as it is.",
    responses=documented(Unauthenticated, Forbidden, NotFound, Conflict, Invalid),
)
async def stop(message_id: UUID, user: CurrentUser, services: CurrentServices) -> ChatMessage:
    return await services.replies.stop(user, message_id)


@router.post(
    "/{message_id}/continue",
    summary="Go on with an answer that broke off",
    description=(
        "One that was stopped, failed, or was cut for its length goes on in the same row, behind its text;"
        " a complete one is 409. Answered as by `POST /api/chat`."
    ),
    response_class=Response,
    responses=TURN | _BEGINS,
)
async def continue_(
    message_id: UUID, user: CurrentUser, services: CurrentServices, accept: Accept = ""
) -> Response:
    turn = await services.replies.continue_(user, message_id)
    return await answered(services, user, turn, accept)


@router.post(
    "/{message_id}/regenerate",
    summary="Have another version of an answer",
    description=(
        "A further answer to the same question, which becomes its current one; the earlier stay, each with what"
        " came after it. 409 while one is being written. Answered as by `POST /api/chat`."
    ),
    response_class=Response,
    responses=TURN | _BEGINS,
)
async def regenerate(
    message_id: UUID,
    user: CurrentUser,
    services: CurrentServices,
    body: Version | None = None,
    accept: Accept = "",
) -> Response:
    turn = await services.replies.regenerate(user, message_id, body.message_id if body else None)
    return await answered(services, user, turn, accept)


@router.get(
    "/history/{session_id}",
    summary="Messages of a session",
    description="The same as `GET /api/chat/sessions/{session_id}/messages`.",
    responses=documented(Unauthenticated, Forbidden, NotFound, Invalid),
)
async def history(
    session_id: UUID,
    user: CurrentUser,
    services: CurrentServices,
    limit: Limit = 50,
    cursor: PageCursor = None,
    after: PageCursor = None,
    around: UUID | None = None,
) -> MessagePage:
    return await page(session_id, user, services, limit, cursor, after, around)
