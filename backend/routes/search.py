"""Search over the user's titles and messages."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, StringConstraints

from backend.deps import CurrentServices, CurrentUser, Cursor
from backend.errors import Forbidden, Invalid, Unauthenticated, documented
from backend.routes.text import Category, PlainText
from backend.services.hasura_client import Role, SearchPage

router = APIRouter(
    prefix="/api/chat", tags=["sessions"], responses=documented(Unauthenticated, Forbidden, Invalid)
)


@router.get(
    "/search",
    summary="Search titles and messages",
    description=(
        'All words, `"a phrase"`, `this or that`, `-without`; the last word may go on. Best hits first, the newer first'
        " among equals; the trash is left out. In `snippet`, what was sought stands between U+0002 and U+0003."
    ),
)
async def search(
    user: CurrentUser,
    services: CurrentServices,
    q: Annotated[str, StringConstraints(max_length=300), PlainText, Query(examples=["keyset curs"])],
    since: Annotated[AwareDatetime | None, Query()] = None,
    until: Annotated[AwareDatetime | None, Query(description="exclusive")] = None,
    category: Annotated[Category | None, Query()] = None,
    role: Annotated[Role | None, Query(description="messages of this role only, no titles")] = None,
    session_id: Annotated[UUID | None, Query(description="messages of this session only, no titles")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="hits a page")] = 20,
    cursor: Cursor = None,
) -> SearchPage:
    return await services.hasura.search(
        user.token,
        q,
        since=since,
        until=until,
        category=category,
        role=role,
        session_id=session_id,
        limit=limit,
        cursor=cursor,
    )
