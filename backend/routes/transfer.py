"""Take chats away, bring them along: files that leave and arrive as streams, so that their size costs no memory."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from sse_starlette import EventSourceResponse, ServerSentEvent

from backend.deps import CurrentServices, CurrentUser
from backend.errors import (
    EXPECTED,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    documented,
    problem_of,
)
from backend.route_limits import address_of
from backend.routes.turn_answers import Accept, events
from backend.services import deadlines
from backend.services.transfer import exporting
from backend.services.transfer.arriving import Imported, TooManyImports, arrive
from backend.services.transfer.conversation import NotReadable
from backend.services.transfer.exporting import Format
from backend.services.transfer.leaving import Leaving
from backend.services.transfer.upload import FileTooLarge, received

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

IMPORT_PATH = "/api/chat/import"
#: Seconds between two events of an import.
PROGRESS_EVERY = 0.2

router = APIRouter(prefix="/api/chat", tags=["transfer"])

Answers = dict[int | str, dict[str, Any]]
_FILE: Answers = {
    200: {
        "description": "the file",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/markdown": {"schema": {"type": "string"}},
            "application/pdf": {"schema": {"type": "string", "format": "binary"}},
            "application/zip": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
AskedFormat = Annotated[Format, Query(alias="format", description="of the file")]

_PROGRESS_EXAMPLE = """\
event: progress
data: {"new": 12, "known": 3, "skipped": 0, "messages": 418, "left_out": {}, "read": 83211, "size": 401220}

event: done
data: {"new": 61, "known": 3, "skipped": 1, "messages": 2204, "left_out": {"shortened": 1}, "reasons": […], …}
"""

_OUTCOME: Answers = {
    200: {
        "description": "how it went",
        "model": Imported,
        "content": {"text/event-stream": events(("progress", "done", "error"), _PROGRESS_EXAMPLE)},
    }
}


@router.get(
    "/sessions/{session_id}/export",
    summary="Take a session away",
    description=(
        "Markdown and PDF have what is open, JSON has everything: docs/transfer.md. A session of more than"
        " 1,000 messages is several PDF files in a zip."
    ),
    response_class=StreamingResponse,
    responses=_FILE | documented(Unauthenticated, Forbidden, NotFound, Invalid),
)
async def export_session(
    session_id: UUID,
    request: Request,
    user: CurrentUser,
    services: CurrentServices,
    format_: AskedFormat = "markdown",
) -> Response:
    session = await services.hasura.get_chat_session(user.token, session_id)
    await services.audit.exported(user.id, address_of(request.scope), form=format_, session_id=session_id)
    leaving = Leaving(services.hasura, user.token)
    return _download(await exporting.of_session(leaving, session, format_, datetime.now(UTC)))


@router.get(
    "/export",
    summary="Take every session away",
    description="A zip of Markdown or PDF files, without those in the trash; or one JSON with all there is.",
    response_class=StreamingResponse,
    responses=_FILE | documented(Unauthenticated, Forbidden, Invalid),
)
async def export_all(
    request: Request, user: CurrentUser, services: CurrentServices, format_: AskedFormat = "json"
) -> Response:
    leaving = Leaving(services.hasura, user.token)
    sessions = await leaving.count(deleted=format_ == "json")
    await services.audit.exported(user.id, address_of(request.scope), form=format_)
    return _download(exporting.of_all(leaving, format_, datetime.now(UTC)), {"X-Sessions": str(sessions)})


@router.post(
    "/import",
    summary="Bring sessions along",
    description=(
        "The body is the file: JSON from `/export`, ChatGPT's `conversations.json` or the zip with it, or Open"
        " WebUI's export; up to 200 MiB. What is there already stays as it is: the same file again changes nothing, and"
        " one that broke off goes on. Answers with Server-Sent Events (`progress`…, then `done` or `error`), or"
        " with one body for `Accept: application/json`."
    ),
    response_class=Response,
    responses=_OUTCOME | documented(Unauthenticated, Forbidden, TooLarge, Invalid, TooManyRequests),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def import_(
    request: Request, user: CurrentUser, services: CurrentServices, accept: Accept = ""
) -> Response:
    deadlines.relax()  # a file takes as long as its sender takes
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(services.imports.place(user.id))
        except TooManyImports:
            raise TooManyRequests("An import is under way. Wait for its end.", retry_after=5) from None
        try:
            file = await received(request.stream())
        except FileTooLarge:
            raise TooLarge from None
        stack.callback(file.close)
        size = file.seek(0, 2)
        states = await stack.enter_async_context(aclosing(arrive(services.hasura, user, file, size)))
        try:
            # A file that is none of those that are known says so at its beginning: a plain answer.
            state = await anext(states)
            if "application/json" in accept and "text/event-stream" not in accept:
                async for _ in states:  # it is one state, which goes on
                    pass
                return JSONResponse(state.model_dump())
        except NotReadable as exc:
            raise Invalid(str(exc), code=exc.reason) from exc
        return _Progress(_told(state, states), stack.pop_all())


class _Progress(EventSourceResponse):
    """Holds what the import holds until it is over."""

    def __init__(self, events: AsyncIterator[ServerSentEvent], held: AsyncExitStack) -> None:
        super().__init__(events, sep="\n", ping=15)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            await super().__call__(scope, receive, send)


async def _told(state: Imported, states: AsyncIterator[Imported]) -> AsyncGenerator[ServerSentEvent, None]:
    told = time.monotonic()
    yield _event("progress", state.model_dump())
    try:
        async for _ in states:
            if time.monotonic() - told >= PROGRESS_EVERY:
                told = time.monotonic()
                yield _event("progress", state.model_dump(exclude={"reasons"}))
        yield _event("done", state.model_dump())
    except NotReadable as exc:
        yield _event("error", {**Invalid(str(exc), code=exc.reason).body(), "imported": state.model_dump()})
    except EXPECTED as exc:
        yield _event("error", {**problem_of(exc).body(), "imported": state.model_dump()})


def _event(name: Literal["progress", "done", "error"], data: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(data), event=name, sep="\n")


def _download(file: exporting.File, headers: dict[str, str] | None = None) -> StreamingResponse:
    # RFC 6266: the plain name for old clients, the real one for the others.
    plain = file.name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name, safe='')}"
    return StreamingResponse(
        file.content,
        media_type=file.media_type,
        headers={"Content-Disposition": disposition, **(headers or {})},
    )
