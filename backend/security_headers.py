"""What every answer of the API carries, for whoever opens one in a browser.

https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html#security-headers
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_ENCRYPTED_FOR = "max-age=31536000"
#: Of answers that are no page: shown in a browser, they can do nothing.
_NO_PAGE = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)


class SecurityHeaders:
    """ASGI middleware. The one page, `/docs`, may run its own files and the inline scripts that it was sent with."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        held: Message | None = None

        async def answer(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if scope.get("scheme") == "https":  # told over plain HTTP it would be ignored
                    headers["Strict-Transport-Security"] = _ENCRYPTED_FOR
                headers["Content-Security-Policy"] = _NO_PAGE
                if headers.get("content-type", "").startswith("text/html"):
                    held = message  # its policy depends on its body, which comes in one piece
                    return
            elif held is not None:
                MutableHeaders(scope=held)["Content-Security-Policy"] = _policy_of_page(
                    message.get("body", b"")
                )
                await send(held)
                held = None
            await send(message)

        await self.app(scope, receive, answer)


def _policy_of_page(page: bytes) -> str:
    digests = [hashlib.sha256(script).digest() for script in _INLINE_SCRIPT.findall(page)]
    inline = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' {inline}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
