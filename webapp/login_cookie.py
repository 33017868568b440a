"""The cookie that names a browser's sign-in, and the two routes that set and clear it.

A WebSocket cannot set a cookie, and one set by a page's script is never HttpOnly: so a page that has signed in
fetches it here, in exchange for a ticket that works once.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from webapp.services import services
from webapp.services.api import ApiUnavailable
from webapp.services.logins import LIFETIME

if TYPE_CHECKING:
    from starlette.requests import Request

NAME = "chat_login"
#: Its name where the connection is encrypted: browsers take such a one from this very host only, encrypted, so that
#: no page of a neighbouring name and nobody on the way can put their own sign-in in its place.
#: https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-__host-prefix
ENCRYPTED_NAME = f"__Host-{NAME}"
BEGIN = "/login/begin"
END = "/login/end"


def read(cookie_header: str) -> str:
    """The login id in a ``Cookie`` header, or nothing."""
    try:
        cookie = SimpleCookie(cookie_header).get(NAME)
    except CookieError:
        return ""
    return cookie.value if cookie else ""


def of_encrypted(cookie_header: str) -> str:
    """The ``Cookie`` header of an encrypted connection, with the login under `NAME`, and none from elsewhere."""
    pairs = [pair.strip() for pair in cookie_header.split(";")]
    kept = [pair for pair in pairs if not _is(pair, NAME)]
    return "; ".join(
        pair.replace(ENCRYPTED_NAME, NAME, 1) if _is(pair, ENCRYPTED_NAME) else pair for pair in kept
    )


def _is(pair: str, name: str) -> bool:
    return pair.partition("=")[0].strip() == name


async def begin(request: Request) -> Response:
    """``{"ticket": …}`` becomes a cookie. 403 for a ticket that is old, used or invented, 503 if nobody can say."""
    try:
        ticket = (await request.json())["ticket"]
    except (ValueError, KeyError, TypeError):
        ticket = None
    try:
        login_id = await services().logins.collect(ticket) if isinstance(ticket, str) else None
    except ApiUnavailable as exc:
        return JSONResponse({"detail": exc.detail}, status_code=exc.status)
    if login_id is None:
        return JSONResponse({"detail": "Please sign in again."}, status_code=403)
    answer = Response(status_code=204)
    answer.set_cookie(
        _name(request),
        login_id,
        max_age=int(LIFETIME),
        httponly=True,
        samesite="lax",
        secure=_is_encrypted(request),
    )
    return answer


async def end(request: Request) -> Response:
    """Signs this browser out."""
    await services().logins.end(request.cookies.get(NAME, ""))
    answer = Response(status_code=204)
    clear(request, answer)
    return answer


def clear(request: Request, answer: Response) -> None:
    answer.delete_cookie(_name(request), httponly=True, samesite="lax", secure=_is_encrypted(request))


def _name(request: Request) -> str:
    return ENCRYPTED_NAME if _is_encrypted(request) else NAME


def _is_encrypted(request: Request) -> bool:
    """Behind a proxy that ends TLS: as it says, where CHAT_TRUSTED_PROXIES names it."""
    return request.url.scheme == "https"


ROUTES = [
    Route(BEGIN, begin, methods=["POST"]),
    Route(END, end, methods=["POST"]),
]
