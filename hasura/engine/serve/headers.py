"""Headers as the engine reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def header_map(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """ASGI's headers, which have lower-case names: the first of each; values as UTF-8, which clients send though
    HTTP promises less."""
    return {name.decode("latin-1"): value.decode("utf-8", "replace") for name, value in reversed(headers)}
