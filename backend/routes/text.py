"""Text that PostgreSQL can hold: its `text` has no NUL character."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

MAX_CONTENT = 100_000


def _no_nul(text: str | None) -> str | None:
    if text is not None and "\x00" in text:
        raise ValueError("must not contain NUL characters")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


PlainText = AfterValidator(_no_nul)

Content = Annotated[
    str,
    PlainText,
    AfterValidator(_not_blank),
    StringConstraints(min_length=1, max_length=MAX_CONTENT),
    Field(description="Markdown or plain text", examples=["What is a keyset cursor?"]),
]
Title = Annotated[
    str,
    PlainText,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Field(examples=["Trip to Lisbon"]),
]
Category = Annotated[
    str,
    PlainText,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=50),
    Field(examples=["travel"]),
]
