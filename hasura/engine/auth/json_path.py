"""Hasura's JSON paths, as used by ``claims_namespace_path`` and ``claims_map``: ``$.a.b[0]['c d']``.

RFC 9535 forbids the unquoted ``-`` and ``:`` that claims are full of, so that no library of it reads these.
"""

from __future__ import annotations

import re
from typing import Any

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]'"]+) | \[(?P<index>\d+)\] | \[(?P<quote>['"])(?P<key>.*?)(?P=quote)\]""",
    re.VERBOSE | re.DOTALL,
)

Path = tuple[str | int, ...]


def parse(text: str) -> Path:
    """The steps of a path; the leading ``$`` may be left out. Raises ValueError."""
    rest = text.removeprefix("$")
    if rest and rest[0] not in ".[":
        rest = f".{rest}"
    steps: list[str | int] = []
    position = 0
    while position < len(rest):
        step = _STEP.match(rest, position)
        if step is None:
            raise ValueError(f"invalid JSON path: {text!r}")
        steps.append(int(step["index"]) if step["index"] else (step["name"] or step["key"] or ""))
        position = step.end()
    return tuple(steps)


def lookup(path: Path, value: Any) -> Any:
    """The value at the path. Raises LookupError where there is none."""
    for step in path:
        match step, value:
            case (str(), dict()) | (int(), list()):
                value = value[step]
            case _:
                raise KeyError(step)
    return value
