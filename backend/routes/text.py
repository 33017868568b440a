"""Text that PostgreSQL can hold: its `text` has no NUL character."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

MAX_CONTENT = 100_000


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain NUL characters")
    return text


def _written(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return _no_nul(text)


@dataclass(frozen=True)
class _Checked:
    """`check` raises ValueError; `pattern` says the same in OpenAPI, where pydantic's own would also be the message."""

    check: Callable[[str], str]
    pattern: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"pattern": self.pattern}


PlainText = _Checked(_no_nul, r"^[^\u0000]*$")
Written = _Checked(_written, r"^[^\u0000]*[^\s\u0000\u0085\u001c-\u001f][^\u0000]*$")

Content = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_CONTENT),
    Written,
    Field(description="Markdown or plain text", examples=["What is a keyset cursor?"]),
]
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Written,
    Field(examples=["Trip to Lisbon"]),
]
Category = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=50),
    Written,
    Field(examples=["travel"]),
]
SystemPrompt = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=8000),
    Written,
    Field(examples=["Answer in one sentence."]),
]
