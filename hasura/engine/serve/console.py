"""``/console``: the pages of ``hasura/console``, as its build left them in a folder.

They hold nothing that is secret: what they show, they ask of the APIs with the admin secret that their reader types.
The paths are those of Hasura: ``/console/assets/…`` is a file, every other path below ``/console`` the one page.
"""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import FileResponse, HTMLResponse, RedirectResponse
from starlette.routing import Route

from hasura.engine.errors import ResourceNotFound

from .answers import api_refusal

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from hasura.engine.settings import Settings

#: Where the build puts it, unless a setting names another folder.
BUILT = Path(__file__).resolve().parents[3] / ".build" / "console"

#: Nothing from elsewhere, no script that is not a file of ours, no frame around it. The editor adds styles as it runs.
_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_ENCRYPTED_FOR = "max-age=31536000"
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}(?<!\.gz)")
_FOREVER = "public, max-age=31536000, immutable"  # an asset's name holds a hash of its content

_NOT_BUILT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="3">
<title>The console is not built</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:15vh auto;padding:0 1rem}</style>
<h1>The console is not built</h1>
<p>Run <code>make console</code>, or <code>python -m hasura.console.build</code>, and leave this page open: it looks
again every three seconds. <code>make up</code> builds it too; another folder with a built console may be named in
<code>HASURA_GRAPHQL_CONSOLE_ASSETS_DIR</code>.</p>
<p>The APIs do not need it.</p>
"""


def routes(settings: Settings) -> list[Route]:
    """None unless the console is enabled. A request is a look at files, which happens in a thread."""
    if not settings.enable_console:
        return []
    folder = settings.console_assets_dir or BUILT

    def page(request: Request) -> Response:
        file = folder / "index.html"
        if not file.is_file():
            return HTMLResponse(_NOT_BUILT, 503, headers=_headers(request) | {"cache-control": "no-store"})
        return FileResponse(file, headers=_headers(request) | {"cache-control": "no-cache"})

    def asset(request: Request) -> Response:
        name: str = request.path_params["name"]
        file = folder / name
        if not _NAME.fullmatch(name) or not file.is_file():
            return api_refusal(ResourceNotFound("resource does not exist"))
        headers = _headers(request) | {"cache-control": _FOREVER, "vary": "accept-encoding"}
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        packed = folder / f"{name}.gz"
        if "gzip" in request.headers.get("accept-encoding", "") and packed.is_file():
            return FileResponse(packed, headers=headers | {"content-encoding": "gzip"}, media_type=kind)
        return FileResponse(file, headers=headers, media_type=kind)

    def home(_request: Request) -> Response:
        return RedirectResponse("/console", 302)

    return [
        Route("/", home),
        Route("/console", page),
        Route("/console/assets/{name}", asset),
        Route("/console/{path:path}", page),
    ]


def _headers(request: Request) -> dict[str, str]:
    # Told over plain HTTP it would be ignored.
    encrypted = {"strict-transport-security": _ENCRYPTED_FOR} if request.url.scheme == "https" else {}
    return _HEADERS | encrypted
