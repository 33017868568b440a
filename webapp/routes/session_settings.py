"""What the assistant of one session is told, and how freely it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backend.services.hasura_client import HasuraError
from webapp import login_cookie
from webapp.routes.bodies import read_body
from webapp.routes.refusals import refuse, refuse_with, words_of_request
from webapp.services import services
from webapp.services.api import ApiError
from webapp.services.logins import SignedOut
from webapp.state.calls import with_token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from backend.services.hasura_client import ChatSession

LONGEST_PROMPT = 8000
#: Bytes of a request: the longest prompt, with each character escaped.
LARGEST = 12 * LONGEST_PROMPT + 4096


class SessionSettings(BaseModel):
    """Null is the general default."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    system_prompt: str | None = Field(max_length=LONGEST_PROMPT)
    temperature: float | None = Field(ge=0, le=2, allow_inf_nan=False)


async def show(request: Request) -> Response:
    """``{title, system_prompt, temperature}``."""
    session_id = request.path_params["session_id"]
    return await _answered(request, lambda token: services().graphql.get_chat_session(token, session_id))


async def change(request: Request) -> Response:
    """The same, changed."""
    session_id = request.path_params["session_id"]
    try:
        body = await read_body(request, SessionSettings, largest=LARGEST)
    except ValueError:
        return refuse(422, words_of_request(request)("errors.refused-text"))
    prompt = body.system_prompt or None
    return await _answered(
        request,
        lambda token: services().graphql.update_chat_session(
            token, session_id, system_prompt=prompt, temperature=body.temperature
        ),
    )


async def _answered(request: Request, call: Callable[[str], Awaitable[ChatSession]]) -> Response:
    login_id = login_cookie.read(request.headers.get("cookie", ""))
    try:
        session = await with_token(login_id, call)
    except (SignedOut, HasuraError, ApiError) as exc:
        return refuse_with(exc, words_of_request(request))
    return JSONResponse(
        {
            "title": session.title,
            "system_prompt": session.system_prompt,
            "temperature": session.temperature,
        }
    )


ROUTES = [
    Route("/sessions/{session_id:uuid}/settings", show, methods=["GET"]),
    Route("/sessions/{session_id:uuid}/settings", change, methods=["PUT"]),
]
