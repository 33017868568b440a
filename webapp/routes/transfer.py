"""Files that leave and arrive through the page, passed on as they come: with the sign-in of the browser's cookie."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final
from uuid import UUID

from starlette.responses import StreamingResponse
from starlette.routing import Route

from webapp import login_cookie
from webapp.routes.refusals import refuse, refuse_with, words_of_request
from webapp.services import services
from webapp.services.api import ApiError
from webapp.services.logins import SignedOut
from webapp.words import CATALOGUES, ENGLISH

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from webapp.words import Words

#: Bytes of a file, as the backend takes it (a test holds the two together).
LARGEST_FILE: Final = 200 * 2**20
IMPORT: Final = "/import"
_FORMATS = {"markdown", "pdf", "json"}
_PASSED_ON = ("content-type", "content-disposition", "x-sessions")


async def export(request: Request) -> Response:
    """``?format=`` markdown, pdf or json, ``&session=`` an id; without one, everything."""
    words = words_of_request(request)
    wanted, session = request.query_params.get("format", ""), request.query_params.get("session", "")
    try:
        path = f"/api/chat/sessions/{UUID(session)}/export" if session else "/api/chat/export"
    except ValueError:
        return refuse(404, words("errors.gone"))
    if wanted not in _FORMATS:
        return refuse(422, words("errors.refused-text"))
    return await _passed(request, "GET", f"{path}?format={wanted}", None)


async def import_(request: Request) -> Response:
    """The body is the file; the answer is the backend's own, Server-Sent Events."""
    words = words_of_request(request)
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > LARGEST_FILE:
        return refuse(413, words("transfer.too-large", megabytes=LARGEST_FILE // 2**20))
    return await _passed(request, "POST", "/api/chat/import", request.stream())


async def _passed(request: Request, method: str, path: str, content: AsyncIterator[bytes] | None) -> Response:
    words = words_of_request(request)
    login_id, refused = login_cookie.read(request.headers.get("cookie", "")), None
    try:
        while True:
            token = await services().logins.access_token(login_id, refused=refused)
            async with AsyncExitStack() as stack:
                try:
                    answer = await stack.enter_async_context(
                        services().api.exchange(method, path, token, content)
                    )
                except ApiError as exc:
                    # A file that is on its way cannot be sent a second time.
                    if exc.status != 401 or refused or content is not None:
                        raise
                    refused = token
                    continue
                return _PassedOn(answer, stack.pop_all())
    except (SignedOut, ApiError) as exc:
        return _refusal(exc, words)


def _refusal(exc: SignedOut | ApiError, words: Words) -> Response:
    if isinstance(exc, ApiError) and f"transfer.reason.{exc.code}" in CATALOGUES[ENGLISH]:
        return refuse(exc.status, words(f"transfer.reason.{exc.code}"))
    if isinstance(exc, ApiError) and exc.status == 413:
        return refuse(413, words("transfer.too-large", megabytes=LARGEST_FILE // 2**20))
    return refuse_with(exc, words)


class _PassedOn(StreamingResponse):
    """What the backend sends, while it sends it; holds the connection to it until then."""

    def __init__(self, answer: httpx2.Response, held: AsyncExitStack) -> None:
        headers = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
        super().__init__(answer.aiter_bytes(), headers=headers)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            await super().__call__(scope, receive, send)


ROUTES = [
    Route("/export", export, methods=["GET"]),
    Route(IMPORT, import_, methods=["POST"]),
]
