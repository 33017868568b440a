"""Where a request for a page really goes, before any page is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse

from webapp import login_cookie

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

#: Built as folders; a static file server would answer each with a redirect to the address with a slash.
_FOLDERS = {"/chat", "/settings", "/sign-in", "/register"}


class FrontDoor:
    """ASGI middleware: ``/`` is ``/chat``, and whoever has no cookie signs in without seeing a page load first."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}:
            path = scope["path"]
            is_own = path.rstrip("/") in {"/chat", "/settings"} or path.startswith("/chat/")
            if path == "/":
                await RedirectResponse("/chat", 303)(scope, receive, send)
                return
            if is_own and not Request(scope).cookies.get(login_cookie.NAME):
                back = f"?next={quote(path)}" if path.strip("/") != "chat" else ""
                await RedirectResponse(f"/sign-in{back}", 303)(scope, receive, send)
                return
            if path in _FOLDERS:
                scope = {**scope, "path": f"{path}/", "raw_path": f"{path}/".encode()}
        await self._app(scope, receive, send)
