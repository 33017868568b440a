"""A span for each SQL statement: what it looks like, never a value.

Attributes: https://opentelemetry.io/docs/specs/semconv/database/postgresql/
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

from psycopg import AsyncCursor

from telemetry import traces

if TYPE_CHECKING:
    from psycopg.abc import Params, Query

#: Characters of a statement that are looked at, and of its shape that are told.
_READ = 20_000
_TOLD = 2_000
_HIDDEN = re.compile(
    r"""--[^\n]*|/\*.*?(?:\*/|\Z)             # comments
    |[eE]'(?:[^'\\]|''|\\.)*(?:'|\Z)        # strings with escapes
    |[bBxXnN]?'(?:[^']|'')*(?:'|\Z)         # other strings
    |\$(\w*)\$.*?(?:\$\1\$|\Z)              # strings in dollars
    |(?<![\w.])\d+(?:\.\d+)?               # numbers, not those in names
    """,
    re.DOTALL | re.VERBOSE,
)
_WORDS = re.compile(r"\s+")
_VERB = re.compile(r"\b(insert\s+into|update|delete\s+from|select|[a-z]+)\b", re.IGNORECASE)
_CHANGE = re.compile(r"\b(insert\s+into|update|delete\s+from)\s+(?:only\s+)?([\w\".]+)", re.IGNORECASE)
_TABLE = re.compile(r"\b(?:from|join)\s+(?:only\s+)?((?:\w+|\"[^\"]+\")\.(?:\w+|\"[^\"]+\"))", re.IGNORECASE)
_NAME = re.compile(r"\b(?:from|into|join)\s+([a-z_]\w*)", re.IGNORECASE)


def traced_cursors() -> dict[str, Any]:
    """Arguments of `AsyncConnection.connect`, for a pool: none where nothing is recorded, and nothing in the way."""
    return {"cursor_factory": TracedCursor} if traces.on() else {}


class TracedCursor(AsyncCursor[Any]):
    """Each statement is a span."""

    async def execute(
        self,
        query: Query,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> Self:
        text = query if isinstance(query, str) else self._text(query)
        if not text:  # a pool asks whether the server is there
            return await super().execute(query, params, prepare=prepare, binary=binary)  # type: ignore[arg-type,misc]
        summary, shape = described(text)
        with traces.span(
            summary,
            "client",
            {"db.system.name": "postgresql", "db.query.summary": summary, "db.query.text": shape},
        ):
            await super().execute(query, params, prepare=prepare, binary=binary)  # type: ignore[arg-type,misc]
            if self.rowcount >= 0:
                traces.annotate(db__response__returned_rows=self.rowcount)
        return self

    def _text(self, query: Any) -> str:
        if isinstance(query, bytes):
            return query.decode(errors="replace")
        return str(query.as_string(self)) if hasattr(query, "as_string") else str(query)


@lru_cache(maxsize=2000)
def described(text: str) -> tuple[str, str]:
    """A statement's summary (``SELECT public.chat_messages``) and its shape: values are question marks."""
    shape = _WORDS.sub(" ", _HIDDEN.sub("?", text[:_READ])).strip()
    if change := _CHANGE.search(shape):
        verb, table = change[1].split()[0].upper(), change[2]
    else:
        verb = found[1].split()[0].upper() if (found := _VERB.search(shape)) else "SQL"
        found = _TABLE.search(shape) or _NAME.search(shape)
        verb, table = ("SELECT" if verb == "WITH" else verb), found[1] if found else ""
    return f"{verb} {table}".strip(), shape[:_TOLD]
