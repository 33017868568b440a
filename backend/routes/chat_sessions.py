"""Sessions and their messages. Every call carries the user's own token: Hasura's row permissions decide."""

from __future__ import annotations

from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response, status
from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from backend.deps import CurrentServices, CurrentUser, Cursor, Limit
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
from backend.routes.messages import page
from backend.routes.text import Category, Content, SystemPrompt, Title
from backend.services.hasura_client import (
    MOST_AT_ONCE,
    ChatMessage,
    ChatSession,
    MessagePage,
    SessionPage,
    Shelf,
)

router = APIRouter(
    prefix="/api/chat/sessions", tags=["sessions"], responses=documented(Unauthenticated, Forbidden, Invalid)
)


Temperature = Annotated[float, Field(strict=True, ge=0, le=2, examples=[0.2])]


class NewSession(BaseModel):
    title: Title | None = Field(None, description="`New chat` unless given")
    category: Category | None = Field(None, description="`general` unless given")
    session_id: UUID | None = Field(
        None, description="chosen by you: creating it again answers the same session, as it is"
    )
    auto_title: StrictBool | None = Field(
        None,
        description="whether the assistant may find a better title: `true` unless a title is given",
    )
    system_prompt: SystemPrompt | None = Field(None, description="what its assistant is told")
    temperature: Temperature | None = Field(None, description="the model's own unless given")


class ChangesOfMany(BaseModel):
    category: Category | None = None
    is_pinned: StrictBool | None = None
    is_archived: StrictBool | None = None
    is_active: StrictBool | None = Field(
        None, description="`false` deletes, `true` restores a deleted session"
    )


class SessionChanges(ChangesOfMany):
    title: Title | None = None
    auto_title: StrictBool | None = Field(
        None,
        description="whether the assistant may find a better title: `false` with a title unless given, and without one",
    )
    system_prompt: SystemPrompt | None = Field(None, description="`null` removes it")
    temperature: Temperature | None = Field(None, description="`null` leaves it to the model")


_EITHER_CHANGES_OR_DELETES: dict[str, Any] = {
    "oneOf": [
        {
            "required": ["changes"],
            "properties": {"changes": {"type": "object"}, "delete_forever": {"const": False}},
        },
        {
            "required": ["delete_forever"],
            "properties": {"changes": {"type": "null"}, "delete_forever": {"const": True}},
        },
    ]
}


class ManySessions(BaseModel):
    """What is done with many sessions: either they are changed, or they are deleted forever."""

    model_config = ConfigDict(json_schema_extra=_EITHER_CHANGES_OR_DELETES)

    session_ids: list[UUID] = Field(max_length=MOST_AT_ONCE)
    changes: ChangesOfMany | None = None
    delete_forever: StrictBool = Field(False, description="those that were deleted before, messages and all")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.delete_forever == (self.changes is not None):
            raise ValueError("either changes or delete_forever")
        return self


class DoneWithMany(BaseModel):
    changed: list[ChatSession] = Field(description="those that are yours and were changed, as they are now")
    deleted: int = Field(description="how many went")


class NewMessage(BaseModel):
    content: Content
    message_id: UUID | None = Field(
        None, description="chosen by you: sending it again answers the stored message, never a second one"
    )
    edit_of: UUID | None = Field(
        None, description="a question of the session: yours becomes another version of it"
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
    return await services.hasura.create_chat_session(user.token, **body.model_dump())


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


@router.post(
    "/bulk",
    summary="Change or delete many sessions",
    description="What is not yours, or not there, is left out.",
    responses=documented(TooLarge),
)
async def many(body: ManySessions, user: CurrentUser, services: CurrentServices) -> DoneWithMany:
    if body.changes is None:
        return DoneWithMany(
            changed=[], deleted=await services.hasura.delete_forever(user.token, body.session_ids)
        )
    changes = body.changes.model_dump()
    return DoneWithMany(
        changed=await services.hasura.update_chat_sessions(user.token, body.session_ids, **changes), deleted=0
    )


@router.get("/{session_id}", summary="Load a session", responses=documented(NotFound))
async def load(session_id: UUID, user: CurrentUser, services: CurrentServices) -> ChatSession:
    return await services.hasura.get_chat_session(user.token, session_id)


@router.put(
    "/{session_id}",
    summary="Rename, move, restore, tell the model",
    description="Only what is given changes. A deleted session takes nothing but `is_active: true`.",
    responses=documented(NotFound, TooLarge),
)
async def change(
    session_id: UUID, body: SessionChanges, user: CurrentUser, services: CurrentServices
) -> ChatSession:
    changes = body.model_dump(include=body.model_fields_set)
    return await services.hasura.update_chat_session(user.token, session_id, **changes)


@router.delete(
    "/{session_id}",
    summary="Delete a session",
    description="Into the trash: it answers `is_active: false`, and `PUT` with `is_active: true` brings it back.",
    response_model=ChatSession,
    responses=documented(NotFound)
    | {status.HTTP_204_NO_CONTENT: {"description": "deleted forever, messages and all"}},
)
async def delete(
    session_id: UUID,
    user: CurrentUser,
    services: CurrentServices,
    forever: Annotated[bool, Query(description="only what was deleted before")] = False,
) -> ChatSession | Response:
    if not forever:
        return await services.hasura.delete_chat_session(user.token, session_id)
    if not await services.hasura.delete_forever(user.token, [session_id]):
        raise NotFound
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get(
    "/{session_id}/messages",
    summary="Messages of a session",
    description=(
        "The conversation as it is read: each question, then the current version of its answer. The newest page first,"
        " each page in reading order; `next_cursor` as `cursor` leads to older ones, `previous_cursor` as `after` to"
        " newer ones; `around` asks for the page that has a message."
    ),
    responses=documented(NotFound),
)
async def messages(
    session_id: UUID,
    user: CurrentUser,
    services: CurrentServices,
    limit: Limit = 50,
    cursor: Cursor = None,
    after: Cursor = None,
    around: UUID | None = None,
) -> MessagePage:
    return await page(session_id, user, services, limit, cursor, after, around)


@router.post(
    "/{session_id}/messages",
    status_code=status.HTTP_201_CREATED,
    summary="Add a message",
    description="Saves it and asks nobody; `POST /api/chat` asks the assistant.",
    responses=documented(NotFound, Conflict, TooLarge, TooManyRequests),
)
async def add(
    session_id: UUID, body: NewMessage, user: CurrentUser, services: CurrentServices
) -> ChatMessage:
    stored = await services.hasura.add_chat_message(
        user.token, session_id, body.content, message_id=body.message_id, edit_of=body.edit_of
    )
    services.metrics.messages.labels("user").inc()
    return stored


@router.delete("/{session_id}/messages", summary="Clear a session", responses=documented(NotFound))
async def clear(session_id: UUID, user: CurrentUser, services: CurrentServices) -> Cleared:
    return Cleared(deleted=await services.hasura.clear_chat_messages(user.token, session_id))
