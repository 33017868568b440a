"""One message: choose among its versions, rate it, delete it; and the page of history that a request asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, status
from pydantic import BaseModel, Field

from backend.deps import CurrentServices, CurrentUser
from backend.errors import Forbidden, Invalid, NotFound, Unauthenticated, documented
from backend.services.hasura_client import ChatMessage, Rating

if TYPE_CHECKING:
    from backend.services.hasura_client import MessagePage

router = APIRouter(
    prefix="/api/chat/messages",
    tags=["chat"],
    responses=documented(Unauthenticated, Forbidden, NotFound, Invalid),
)


class Rated(BaseModel):
    rating: Rating | None = Field(description="`up`, `down`, or null for no longer either")


@router.post(
    "/{message_id}/choose",
    summary="Choose a version",
    description=(
        "This question or answer becomes the current one of its `versions`, with what was open after it last; what"
        " came after the other is kept with that. Any message is part of the conversation after it."
    ),
)
async def choose(message_id: UUID, user: CurrentUser, services: CurrentServices) -> ChatMessage:
    return await services.hasura.choose_version(user.token, message_id)


@router.put("/{message_id}/rating", summary="Rate an answer")
async def rate(message_id: UUID, body: Rated, user: CurrentUser, services: CurrentServices) -> ChatMessage:
    return await services.hasura.rate_message(user.token, message_id, body.rating)


@router.delete(
    "/{message_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Delete a message",
    description=(
        "For good; a question with its answers. Its other versions stay, the one next to it becomes the current one,"
        " and what came after it stays in the conversation."
    ),
)
async def delete(message_id: UUID, user: CurrentUser, services: CurrentServices) -> None:
    await services.hasura.delete_chat_message(user.token, message_id)


async def page(
    session_id: UUID,
    user: CurrentUser,
    services: CurrentServices,
    limit: int,
    cursor: str | None,
    after: str | None,
    around: UUID | None,
) -> MessagePage:
    """Raises Invalid when more than one of the last three is given."""
    if sum(each is not None for each in (cursor, after, around)) > 1:
        raise Invalid("Ask for one of cursor, after and around.")
    if around is not None:
        return await services.hasura.get_messages_around(user.token, session_id, around, limit=limit)
    return await services.hasura.get_chat_messages(
        user.token, session_id, limit=limit, cursor=cursor, after=after
    )
