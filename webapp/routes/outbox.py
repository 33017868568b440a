"""Where a browser's outbox delivers: one message at a time, exactly once, however often it is tried.

A first message and the session that it makes are one unit: where the message is refused, the session goes again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal
from uuid import UUID

import structlog
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from backend.services.hasura_client import HasuraError, NotFound
from telemetry.safe import told
from webapp import login_cookie
from webapp.routes.refusals import SIGN_IN_FIRST, refuse, refuse_with, words_of_request
from webapp.services import services
from webapp.services.api import ApiError, ApiUnavailable
from webapp.services.logins import SignedOut
from webapp.state.calls import with_token
from webapp.state.message_rows import LONGEST_MESSAGE
from webapp.state.titles import DEFAULT_TITLE, title_from

if TYPE_CHECKING:
    from starlette.requests import Request

log = structlog.get_logger("webapp.outbox")

#: Bytes of a request: the longest message, with each character escaped.
LARGEST = 12 * LONGEST_MESSAGE + 4096


class Delivery(BaseModel):
    """``title`` says what the message does to its session: it makes it, names it, or neither; ``edit_of`` is the
    question that it is written instead of.
    """

    model_config = ConfigDict(extra="forbid")

    owner: str
    session_id: UUID
    message_id: UUID
    content: str = Field(min_length=1, max_length=LONGEST_MESSAGE)
    title: Literal["create", "name", ""] = ""
    edit_of: UUID | None = None


async def send(request: Request) -> Response:
    """204 once the message is stored. Else ``detail``, to be shown, and ``retry_after`` (seconds) if another try
    may succeed.
    """
    answer = await _send(request)
    again = answer.status_code in {401, 403, 429} or answer.status_code >= 500
    outcome = "stored" if answer.status_code == 204 else "later" if again else "refused"
    services().metrics.deliveries.labels(outcome).inc()
    return answer


async def _send(request: Request) -> Response:
    words = words_of_request(request)
    try:
        delivery = Delivery.model_validate_json(await _body(request))
    except ValueError:  # pydantic's own is one
        return refuse(422, words("errors.refused-text"))
    login_id = login_cookie.read(request.headers.get("cookie", ""))
    try:
        login = await services().logins.get(login_id)
        if login.tokens.user_id != delivery.owner:
            return refuse(403, words("errors.somebody-else"), retry_after=SIGN_IN_FIRST)
        await _deliver(login_id, delivery)
    except (SignedOut, HasuraError, ApiError) as exc:
        if isinstance(exc, ApiError) and exc.status == 429 and exc.kind != "tokens-spent":
            return refuse(429, words("outbox.too-many"), retry_after=exc.retry_after or 5)
        return refuse_with(exc, words)
    return Response(status_code=204)


async def discard(request: Request) -> Response:
    """A first message is given up: its session goes too, if an unlucky try has left it without any message."""
    try:
        session_id = UUID(json.loads(await _body(request))["session_id"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return refuse(422, words_of_request(request)("errors.gone"))
    try:
        await _remove_empty(login_cookie.read(request.headers.get("cookie", "")), session_id)
    except (SignedOut, HasuraError, ApiError):
        return refuse(503, words_of_request(request)("errors.away"), retry_after=SIGN_IN_FIRST)
    return Response(status_code=204)


async def _deliver(login_id: str, delivery: Delivery) -> None:
    """Raises SignedOut, HasuraError, ApiError."""
    api, title = services().api, title_from(delivery.content)
    session_id = delivery.session_id
    if delivery.title == "create":
        await _create(login_id, session_id, title)
    elif delivery.title == "name":
        await _name(login_id, session_id, title)
    try:
        await with_token(
            login_id,
            lambda token: api.ask(
                token,
                session_id=str(session_id),
                content=delivery.content,
                message_id=str(delivery.message_id),
                edit_of=str(delivery.edit_of) if delivery.edit_of else None,
            ),
        )
    except ApiError as refusal:
        if delivery.title == "create" and not isinstance(refusal, ApiUnavailable):
            try:
                await _remove_empty(login_id, session_id)
            except (SignedOut, HasuraError, ApiError) as exc:
                log.warning("an empty session stays", cause=told(exc))
        raise


async def _create(login_id: str, session_id: UUID, title: str) -> None:
    graphql = services().graphql
    try:
        await with_token(
            login_id,
            lambda token: graphql.create_chat_session(
                token, title=title, session_id=session_id, auto_title=True
            ),
        )
    except NotFound:  # removed after an earlier try
        await with_token(
            login_id, lambda token: graphql.update_chat_session(token, session_id, is_active=True)
        )


async def _name(login_id: str, session_id: UUID, title: str) -> None:
    """Unless it has a name, or a message that named it."""
    graphql = services().graphql
    session = await with_token(login_id, lambda token: graphql.get_chat_session(token, session_id))
    if (session.title, session.total_messages) == (DEFAULT_TITLE, 0):
        await with_token(login_id, lambda token: graphql.name_chat_session(token, session_id, title))


async def _remove_empty(login_id: str, session_id: UUID) -> None:
    graphql = services().graphql
    try:
        session = await with_token(login_id, lambda token: graphql.get_chat_session(token, session_id))
    except NotFound:
        return
    if session.total_messages == 0:
        await with_token(login_id, lambda token: graphql.delete_chat_session(token, session_id))


async def _body(request: Request) -> bytes:
    """Raises ValueError when it is longer than any message can be."""
    if not request.headers.get("content-length", "").isdigit():
        raise ValueError("no length")
    if int(request.headers["content-length"]) > LARGEST:
        raise ValueError("too long")
    return await request.body()
