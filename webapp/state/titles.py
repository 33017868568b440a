"""The names of sessions."""

from __future__ import annotations

LONGEST_TITLE = 200
#: Of a title that is made of a message.
TITLE_LENGTH = 60
DEFAULT_TITLE = "New chat"


def title_from(text: str) -> str:
    """A session's name, from its first message: its first line, cut at a word."""
    line = " ".join(text.strip().splitlines()[0].split()) if text.strip() else ""
    if not line:
        return DEFAULT_TITLE
    if len(line) <= TITLE_LENGTH:
        return line
    cut = line[: TITLE_LENGTH - 1]
    whole_words = cut[: cut.rfind(" ")] if " " in cut[20:] else cut
    return whole_words.rstrip(" ,.;:") + "…"
