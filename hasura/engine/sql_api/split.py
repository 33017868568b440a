"""SQL text into its statements, where PostgreSQL must not see them as one."""

from __future__ import annotations

import re

# What may hold a semicolon that ends no statement, by PostgreSQL's lexical rules
# (https://www.postgresql.org/docs/current/sql-syntax-lexical.html); block comments nest, which is counted below.
_TOKEN = re.compile(
    r"""
      (?P<comment>--[^\n]*)
    | (?P<block>/\*)
    | (?P<quoted>[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*")
    | (?P<dollar>\$(?P<tag>[^\W\d]\w*)?\$ .*? \$(?(tag)(?P=tag))\$)
    | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)


def split_statements(text: str) -> list[str]:
    """The statements in order, without the semicolons between them; comments stay with them."""
    statements, start, place = [], 0, 0
    while (token := _TOKEN.search(text, place)) is not None:
        place = _end_of_comment(text, token.end()) if token["block"] else token.end()
        if token["end"]:
            statements.append(text[start : token.start()])
            start = place
    statements.append(text[start:])
    return [statement.strip() for statement in statements if _has_content(statement)]


def _end_of_comment(text: str, place: int) -> int:
    depth = 1
    while depth and (mark := re.compile(r"/\*|\*/").search(text, place)) is not None:
        depth += 1 if mark[0] == "/*" else -1
        place = mark.end()
    return place if depth == 0 else len(text)


def _has_content(statement: str) -> bool:
    return bool(re.sub(r"--[^\n]*|/\*.*?\*/", "", statement, flags=re.DOTALL).strip())
