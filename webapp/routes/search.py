"""What the palette asks for: hits, the categories that there are, and the way to what lies in another branch."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backend.services.hasura_client import HasuraError, SearchHit, SearchPage
from webapp import login_cookie
from webapp.routes.refusals import refuse, refuse_with, words_of_request
from webapp.services import services
from webapp.services.api import ApiError
from webapp.services.logins import SignedOut
from webapp.state.calls import with_token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from backend.services.hasura_client import ChatSession

Answer = TypeVar("Answer")

#: Chats that are offered before anything is typed.
RECENT = 8


class Search(BaseModel):
    model_config = ConfigDict(extra="forbid")

    q: str = Field(max_length=300)
    since: datetime | None = None
    until: datetime | None = None
    category: str | None = Field(None, max_length=50)
    role: Literal["user", "assistant"] | None = None
    cursor: str | None = Field(None, max_length=200)


async def search(request: Request) -> Response:
    """``{items, next_cursor}``; where nothing is asked for, the chats that were used last."""
    try:
        asked = Search.model_validate(dict(request.query_params))
    except ValueError:
        return refuse(422, words_of_request(request)("search.refused"))
    query = asked.q.replace("\0", " ")
    if query.strip():
        return await _answered(
            request,
            lambda token: services().graphql.search(
                token,
                query,
                since=asked.since,
                until=asked.until,
                category=asked.category,
                role=asked.role,
                cursor=asked.cursor,
            ),
            lambda page: page.model_dump(mode="json"),
        )
    return await _answered(
        request,
        lambda token: services().graphql.get_user_chat_sessions(token, category=asked.category, limit=RECENT),
        lambda page: SearchPage(items=[_title(session) for session in page.items]).model_dump(mode="json"),
    )


async def categories(request: Request) -> Response:
    """The names of those that have chats outside of the trash."""
    return await _answered(
        request,
        services().graphql.get_categories,
        lambda counts: sorted({count.category for count in counts if count.shelf != "trash"}),
    )


async def open_branch(request: Request) -> Response:
    """204 once that message belongs to the open branch of its session."""
    message_id = request.path_params["message_id"]
    return await _answered(request, lambda token: services().graphql.choose_version(token, message_id), None)


def _title(session: ChatSession) -> SearchHit:
    return SearchHit(
        session_id=session.session_id,
        message_id=None,
        role=None,
        title=session.title,
        category=session.category,
        is_archived=session.is_archived,
        off_path=False,
        snippet=session.title,
        rank=0,
        timestamp=session.updated_at,
    )


async def _answered(
    request: Request,
    call: Callable[[str], Awaitable[Answer]],
    body: Callable[[Answer], Any] | None,
) -> Response:
    login_id = login_cookie.read(request.headers.get("cookie", ""))
    try:
        answer = await with_token(login_id, call)
    except (SignedOut, HasuraError, ApiError) as exc:
        return refuse_with(exc, words_of_request(request))
    return Response(status_code=204) if body is None else JSONResponse(body(answer))


ROUTES = [
    Route("/search", search, methods=["GET"]),
    Route("/search/categories", categories, methods=["GET"]),
    Route("/search/{message_id:uuid}/open", open_branch, methods=["POST"]),
]
