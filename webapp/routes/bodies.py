"""What a page sends, as far as it is read at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

if TYPE_CHECKING:
    from starlette.requests import Request

Body = TypeVar("Body", bound=BaseModel)


async def read_body(request: Request, form: type[Body], *, largest: int) -> Body:
    """Raises ValueError (pydantic's own is one) for one that is longer than `largest` bytes, or of another form."""
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > largest:
        raise ValueError("too long, or of no length")
    return form.model_validate_json(await request.body())
