"""How a route says no, or not now, in the reader's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from backend.services.hasura_client import HasuraError, NotFound, Unavailable
from webapp.services.api import ApiError, ApiUnavailable
from webapp.services.logins import SignedOut
from webapp.state.wording import explain
from webapp.words import Words, words_for

if TYPE_CHECKING:
    from starlette.requests import Request

#: Seconds after which somebody who signs in again meanwhile will be heard.
SIGN_IN_FIRST = 30


def words_of_request(request: Request) -> Words:
    return words_for(request.headers.get("cookie", ""), request.headers.get("accept-language", ""))


def refuse(status: int, detail: str, *, retry_after: float | None = None) -> Response:
    """``detail`` is shown to the reader; ``retry_after`` (seconds) is there if another try may succeed."""
    body: dict[str, Any] = {"detail": detail}
    if retry_after is not None:
        body["retry_after"] = retry_after
    return JSONResponse(body, status_code=status)


def refuse_with(failure: SignedOut | HasuraError | ApiError, words: Words) -> Response:
    match failure:
        case SignedOut():
            return refuse(401, words("errors.signed-out"), retry_after=SIGN_IN_FIRST)
        case Unavailable() | ApiUnavailable():
            return refuse(503, words("errors.away"), retry_after=failure.retry_after or 0)
        case ApiError(kind="tokens-spent"):  # no use in trying again before tomorrow
            return refuse(429, explain(failure, words))
        case ApiError(status=429):
            return refuse(429, explain(failure, words), retry_after=failure.retry_after or 5)
        case ApiError(status=status):
            return refuse(status, explain(failure, words), retry_after=5 if status >= 500 else None)
        case NotFound():
            return refuse(404, explain(failure, words))
        case _:
            return refuse(409, explain(failure, words))
