"""Headers as the engine reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.datastructures import Headers


def header_map(headers: Headers) -> dict[str, str]:
    """Lower-case names, the first of each; values as UTF-8, which clients send though HTTP promises less."""
    found: dict[str, str] = {}
    for name, value in headers.raw:
        found.setdefault(name.decode("latin-1").lower(), value.decode("utf-8", "replace"))
    return found
