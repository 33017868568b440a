"""The messages of a session, a page at a time, to the page that shows them.

Asked for by the page itself as soon as its address names a session, beside Reflex's own events: what is shown first
waits for nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from backend.services.hasura_client import HasuraError
from webapp import login_cookie
from webapp.routes.refusals import refuse, refuse_with, words_of_request
from webapp.services import services
from webapp.services.api import ApiError
from webapp.services.logins import SignedOut
from webapp.state.calls import with_token
from webapp.state.message_rows import PAGE, MessageRow

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

LARGEST_PAGE = 100


class Wanted(BaseModel):
    """At most one of the three: a cursor of an earlier page, or the message that the page is about."""

    model_config = ConfigDict(extra="forbid")

    before: str | None = None
    after: str | None = None
    around: UUID | None = None
    limit: int = Field(default=PAGE, ge=1, le=LARGEST_PAGE)


async def history(request: Request) -> Response:
    """``{"session_id", "revision", "rows", "before", "after", "new_after"}``: rows (`MessageRow.as_json`) oldest first,
    cursors of the pages before and after, null where there is none. Of the newest page also the row id after which all
    is new to the reader, null where nothing is.
    """
    words = words_of_request(request)
    session_id: UUID = request.path_params["session_id"]
    try:
        wanted = Wanted.model_validate(dict(request.query_params))
    except ValueError:  # pydantic's own is one
        return refuse(422, words("errors.unknown"))
    login_id = login_cookie.read(request.headers.get("cookie", ""))
    try:
        body = await with_token(login_id, lambda token: _page(token, session_id, wanted))
    except (SignedOut, HasuraError, ApiError) as exc:
        return refuse_with(exc, words)
    return JSONResponse({"session_id": str(session_id), **body})


async def _page(token: str, session_id: UUID, wanted: Wanted) -> dict[str, Any]:
    client, new_after = services().graphql, None
    newest = wanted.before is wanted.after is wanted.around is None
    if newest:
        page, new_after = await client.get_newest_messages(token, session_id, limit=wanted.limit)
    elif wanted.around is not None:
        page = await client.get_messages_around(token, session_id, wanted.around, limit=wanted.limit)
    else:
        page = await client.get_chat_messages(
            token, session_id, limit=wanted.limit, cursor=wanted.before, after=wanted.after
        )
    body = {
        "revision": page.revision,
        "rows": [MessageRow.of(message).as_json() for message in page.items],
        "before": page.next_cursor,
        "after": page.previous_cursor,
    }
    if newest:
        # In a session that was never looked at all is new, and a line would say nothing.
        body["new_after"] = new_after or None
    return body
