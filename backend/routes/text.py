"""Text that PostgreSQL can hold: its `text` has no NUL character."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

MAX_CONTENT = 100_000


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain NUL characters")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


PlainText = AfterValidator(_no_nul)

Content = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_CONTENT),
    PlainText,
    AfterValidator(_not_blank),
    Field(description="Markdown or plain text", examples=["What is a keyset cursor?"]),
]
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    PlainText,
    Field(examples=["Trip to Lisbon"]),
]
Category = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=50),
    PlainText,
    Field(examples=["travel"]),
]
SystemPrompt = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=8000),
    PlainText,
    Field(examples=["Answer in one sentence."]),
]
