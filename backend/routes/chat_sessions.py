"""Sessions and their messages. Every call carries the user's own token: Hasura's row permissions decide."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status
from pydantic import BaseModel, Field

from backend.deps import COUNTED_MESSAGE, CurrentServices, CurrentUser, Cursor, Limit
from backend.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    documented,
)
from backend.routes.text import Category, Content, Title
from backend.services.hasura_client import ChatMessage, ChatSession, MessagePage, SessionPage, Shelf

router = APIRouter(
    prefix="/api/chat/sessions", tags=["sessions"], responses=documented(Unauthenticated, Forbidden, Invalid)
)


class NewSession(BaseModel):
    title: Title | None = Field(None, description="`New chat` unless given")
    category: Category | None = Field(None, description="`general` unless given")
    session_id: UUID | None = Field(
        None, description="chosen by you: creating it again answers the same session, as it is"
    )


class SessionChanges(BaseModel):
    title: Title | None = None
    category: Category | None = None
    is_active: bool | None = Field(None, description="`false` deletes, `true` restores a deleted session")


class NewMessage(BaseModel):
    content: Content
    message_id: UUID | None = Field(
        None, description="chosen by you: sending it again answers the stored message, never a second one"
    )


class Cleared(BaseModel):
    deleted: int = Field(description="how many messages went")


@router.post(
    "/create",
    status_code=status.HTTP_201_CREATED,
    summary="Create a session",
    responses=documented(NotFound, Conflict, TooLarge),
)
@router.post("", status_code=status.HTTP_201_CREATED, summary="Create a session", include_in_schema=False)
async def create(body: NewSession, user: CurrentUser, services: CurrentServices) -> ChatSession:
    return await services.hasura.create_chat_session(
        user.token, title=body.title, category=body.category, session_id=body.session_id
    )


@router.get("/user/{user_id}", summary="List your sessions", responses=documented(NotFound))
async def of_user(
    user_id: UUID,
    user: CurrentUser,
    services: CurrentServices,
    category: Annotated[Category | None, Query()] = None,
    shelf: Annotated[
        Shelf | None, Query(description="`active`, unless `active=false` asks for the trash")
    ] = None,
    pinned: Annotated[bool | None, Query(description="those that are, or are not")] = None,
    active: Annotated[bool, Query(description="`false` lists the trash; `shelf` says it better")] = True,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> SessionPage:
    if user_id != user.id:
        raise NotFound
    return await services.hasura.get_user_chat_sessions(
        user.token,
        user_id=user_id,
        shelf=shelf or ("active" if active else "trash"),
        category=category,
        pinned=pinned,
        limit=limit,
        cursor=cursor,
    )


@router.get("/{session_id}", summary="Load a session", responses=documented(NotFound))
async def load(session_id: UUID, user: CurrentUser, services: CurrentServices) -> ChatSession:
    return await services.hasura.get_chat_session(user.token, session_id)


@router.put(
    "/{session_id}",
    summary="Rename, categorise, restore",
    description="Only what is given changes. A deleted session takes nothing but `is_active: true`.",
    responses=documented(NotFound, TooLarge),
)
async def change(
    session_id: UUID, body: SessionChanges, user: CurrentUser, services: CurrentServices
) -> ChatSession:
    return await services.hasura.update_chat_session(
        user.token, session_id, title=body.title, category=body.category, is_active=body.is_active
    )


@router.delete(
    "/{session_id}",
    summary="Delete a session",
    description="Softly: it answers `is_active: false`, and `PUT` with `is_active: true` brings it back.",
    responses=documented(NotFound),
)
async def delete(session_id: UUID, user: CurrentUser, services: CurrentServices) -> ChatSession:
    return await services.hasura.delete_chat_session(user.token, session_id)


@router.get(
    "/{session_id}/messages",
    summary="Messages of a session",
    description="The newest page first, each page in reading order; `next_cursor` leads to older ones.",
    responses=documented(NotFound),
)
async def messages(
    session_id: UUID, user: CurrentUser, services: CurrentServices, limit: Limit = 50, cursor: Cursor = None
) -> MessagePage:
    return await services.hasura.get_chat_messages(user.token, session_id, limit=limit, cursor=cursor)


@router.post(
    "/{session_id}/messages",
    status_code=status.HTTP_201_CREATED,
    summary="Add a message",
    description="Saves it and asks nobody; `POST /api/chat` asks the assistant.",
    responses=documented(NotFound, Conflict, TooLarge, TooManyRequests),
    dependencies=[COUNTED_MESSAGE],
)
async def add(
    session_id: UUID, body: NewMessage, user: CurrentUser, services: CurrentServices
) -> ChatMessage:
    return await services.hasura.add_chat_message(
        user.token, session_id, body.content, message_id=body.message_id
    )


@router.delete("/{session_id}/messages", summary="Clear a session", responses=documented(NotFound))
async def clear(session_id: UUID, user: CurrentUser, services: CurrentServices) -> Cleared:
    return Cleared(deleted=await services.hasura.clear_chat_messages(user.token, session_id))
