"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """`wrong` needs a person now, `note` is worth a look. `details` are lines of their own, the worst first."""

    subject: str
    level: Literal["ok", "note", "wrong"]
    text: str
    details: tuple[str, ...] = ()


def ok(subject: str, text: str) -> Finding:
    return Finding(subject, "ok", text)


def note(subject: str, text: str, *details: str) -> Finding:
    return Finding(subject, "note", text, details)


def wrong(subject: str, text: str, *details: str) -> Finding:
    return Finding(subject, "wrong", text, details)


def reason(error: Exception) -> str:
    """One line of it, for a person."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
