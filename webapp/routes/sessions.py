"""The list of sessions, page by page, and what its reader does with sessions."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from starlette.responses import JSONResponse, Response

from backend.services.hasura_client import HasuraError, Shelf
from backend.services.hasura_client.sessions import MOST_AT_ONCE
from webapp import login_cookie
from webapp.routes.refusals import refuse, refuse_with, words_of_request
from webapp.services import services
from webapp.services.api import ApiError
from webapp.services.logins import SignedOut
from webapp.state.calls import with_token
from webapp.state.session_rows import SessionRow
from webapp.state.titles import LONGEST_TITLE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from backend.services.hasura_client import ChatSession

#: Bytes of a request: as many ids as it may name, and a title.
LARGEST = 40 * MOST_AT_ONCE + 4096
LONGEST_CATEGORY = 50

Ids = Annotated[list[UUID], Field(min_length=1, max_length=MOST_AT_ONCE)]


class Asked(BaseModel):
    """``cursor`` is what the page before answered."""

    model_config = ConfigDict(extra="forbid")

    shelf: Shelf = "active"
    category: str | None = None
    pinned: bool | None = None
    cursor: str | None = None
    limit: int = Field(default=100, ge=1, le=MOST_AT_ONCE)


class Changes(BaseModel):
    """What is not given stays as it is."""

    model_config = ConfigDict(extra="forbid")

    title: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TITLE)]
        | None
    ) = None
    category: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_CATEGORY)]
        | None
    ) = None
    is_pinned: bool | None = None
    is_archived: bool | None = None
    is_active: bool | None = None


class Change(BaseModel):
    """The same for all of the sessions; a title is for one."""

    model_config = ConfigDict(extra="forbid")

    ids: Ids
    changes: Changes

    @model_validator(mode="after")
    def _one_title(self) -> Change:
        if self.changes.title is not None and len(self.ids) > 1:
            raise ValueError("one title for many sessions")
        return self


class Deletion(BaseModel):
    """For good; of what is in the trash."""

    model_config = ConfigDict(extra="forbid")

    ids: Ids


async def sessions(request: Request) -> Response:
    """``rows``, latest activity first, and the ``cursor`` of the next page, or null."""
    try:
        asked = Asked.model_validate(dict(request.query_params))
    except ValueError:  # pydantic's own is one
        return refuse(422, words_of_request(request)("errors.unknown"))
    graphql = services().graphql

    async def page(login_id: str) -> Response:
        found = await with_token(
            login_id, lambda token: graphql.get_user_chat_sessions(token, **asked.model_dump())
        )
        return JSONResponse({"rows": _rows(found.items), "cursor": found.next_cursor})

    return await _answer(request, page)


async def change(request: Request) -> Response:
    """``rows``: those of the sessions that were changed, as they are now."""
    try:
        wanted = Change.model_validate_json(await _body(request))
    except ValueError:
        return refuse(422, words_of_request(request)("errors.refused-text"))
    graphql = services().graphql
    changes = wanted.changes.model_dump(exclude_none=True)

    async def changed(login_id: str) -> Response:
        if "title" in changes:
            rows = [
                await with_token(
                    login_id, lambda token: graphql.update_chat_session(token, wanted.ids[0], **changes)
                )
            ]
        else:
            rows = await with_token(
                login_id, lambda token: graphql.update_chat_sessions(token, wanted.ids, **changes)
            )
        return JSONResponse({"rows": _rows(rows)})

    return await _answer(request, changed)


async def delete_forever(request: Request) -> Response:
    """``deleted``: how many."""
    try:
        wanted = Deletion.model_validate_json(await _body(request))
    except ValueError:
        return refuse(422, words_of_request(request)("errors.gone"))
    graphql = services().graphql

    async def deleted(login_id: str) -> Response:
        count = await with_token(login_id, lambda token: graphql.delete_forever(token, wanted.ids))
        return JSONResponse({"deleted": count})

    return await _answer(request, deleted)


async def empty_trash(request: Request) -> Response:
    """``ids`` of what was deleted for good."""
    graphql = services().graphql

    async def emptied(login_id: str) -> Response:
        ids: list[UUID] = []
        while True:
            page = await with_token(
                login_id,
                lambda token: graphql.get_user_chat_sessions(token, shelf="trash", limit=MOST_AT_ONCE),
            )
            found = [session.session_id for session in page.items]
            if not await with_token(login_id, lambda token: graphql.delete_forever(token, found)):  # noqa: B023
                return JSONResponse({"ids": [str(session_id) for session_id in ids]})
            ids += found

    return await _answer(request, emptied)


async def _answer(request: Request, call: Callable[[str], Awaitable[Response]]) -> Response:
    try:
        return await call(login_cookie.read(request.headers.get("cookie", "")))
    except (SignedOut, HasuraError, ApiError) as exc:
        return refuse_with(exc, words_of_request(request))


def _rows(sessions: list[ChatSession]) -> list[dict[str, object]]:
    return [asdict(SessionRow.of(session)) for session in sessions]


async def _body(request: Request) -> bytes:
    """Raises ValueError when it is longer than any request can be."""
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > LARGEST:
        raise ValueError("too long, or of no length")
    return await request.body()
