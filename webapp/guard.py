"""What every answer of the web UI carries, and which requests of other sites it refuses.

Headers: https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

from webapp import login_cookie
from webapp.routes.transfer import IMPORT, LARGEST_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
#: Bytes of a request that is no file; each route has a smaller bound of its own.
LARGEST_BODY = 2 * 2**20
_ENCRYPTED_FOR = "max-age=31536000"
_FOREVER = "public, max-age=31536000, immutable"


def content_security_policy(pages: Iterable[Path]) -> str:
    """Own files only; of inline scripts those that the built pages hold, by their hashes.

    No ``unsafe-eval``: what Reflex would run as a script are calls by name here (page_calls.py). Styles may be
    inline: the component libraries write them.
    """
    hashes = sorted(
        {
            base64.b64encode(hashlib.sha256(script).digest()).decode()
            for page in pages
            for script in _INLINE_SCRIPT.findall(page.read_bytes())
        }
    )
    scripts = " ".join(["'self'", *(f"'sha256-{value}'" for value in hashes)])
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src {scripts}",
            "style-src 'self' 'unsafe-inline'",
            # Images of other sites only when a reader asks for one (assets/js/messages/markdown.jsx).
            "img-src 'self' data: https:",
            "font-src 'self' data:",
            "worker-src 'self'",
            "frame-src 'none'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


class Guard:
    """ASGI middleware.

    A WebSocket or a POST must come from a page of this very server: cookies travel with requests of other
    sites' pages too, the ``Origin`` header tells them apart.
    """

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._policy = policy
        self._headers = {
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        safe = scope["type"] == "http" and scope["method"] in {"GET", "HEAD", "OPTIONS"}
        encrypted = scope["scheme"] in {"https", "wss"}
        if not safe and not _same_origin(Headers(scope=scope), encrypted=encrypted):
            await _refuse(scope, receive, send)
            return
        if not safe and scope["type"] == "http" and not _sized(scope):
            await PlainTextResponse("Too large, or of no length.", 413)(scope, receive, send)
            return
        if encrypted:
            scope = _with_encrypted_login(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                if encrypted:  # told over plain HTTP it would be ignored, and anybody could have told it
                    headers["Strict-Transport-Security"] = _ENCRYPTED_FOR
                if headers.get("content-type", "").startswith("text/html"):
                    headers["Content-Security-Policy"] = self._policy
                # File names under /assets change with their content; pages and the rest are asked for anew. What a
                # page asks for is its reader's own: the next one at this browser must not find it on the disk.
                immutable = scope["path"].startswith("/assets/") and message["status"] == 200
                private = headers.get("content-type", "").startswith("application/json")
                headers["Cache-Control"] = _FOREVER if immutable else "no-store" if private else "no-cache"
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _sized(scope: Scope) -> bool:
    """Whether the body says how long it is, which the server holds it to, and that is not too long for anybody."""
    headers = Headers(scope=scope)
    length = headers.get("content-length", "0")
    largest = LARGEST_FILE if scope["path"] == IMPORT else LARGEST_BODY
    return "transfer-encoding" not in headers and length.isdecimal() and int(length) <= largest


def _with_encrypted_login(scope: Scope) -> Scope:
    headers = [
        (
            name,
            login_cookie.of_encrypted(value.decode("latin-1")).encode("latin-1")
            if name == b"cookie"
            else value,
        )
        for name, value in scope["headers"]
    ]
    return {**scope, "headers": headers}


def _same_origin(headers: Headers, *, encrypted: bool) -> bool:
    origin = urlsplit(headers.get("origin", ""))
    host = urlsplit(f"//{headers.get('host', '')}")
    default = {"http": 80, "https": 443}.get(origin.scheme)
    if encrypted and origin.scheme != "https":
        return False  # a page that somebody on the way may have written
    try:
        return bool(origin.hostname) and (origin.hostname, origin.port or default) == (
            host.hostname,
            host.port or default,
        )
    except ValueError:  # a port that is no number
        return False


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    await PlainTextResponse("This request comes from another site.", status_code=403)(scope, receive, send)
