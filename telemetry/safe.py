"""What may be said of an exception in a log or to Sentry: many repeat the content that they stumbled over.

PostgreSQL's tell the row, a provider's the key or the prompt, pydantic's the input, a KeyError what was looked for.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from structlog.typing import ExcInfo

#: Python's own, whose texts are about types, names and the system.
_PLAIN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    MemoryError,
    NameError,
    NotImplementedError,
    OSError,
    RuntimeError,
    StopAsyncIteration,
    SyntaxError,
    TypeError,
)
#: Of exceptions of these packages the texts are ours: written to be shown. Those of the engine repeat requests.
_OURS = ("backend", "webapp", "telemetry")
#: Of libraries, by package and type: who could not be reached, and why.
_UNREACHABLE = {
    ("httpcore2", "ConnectError"),
    ("httpx", "ConnectError"),
    ("httpx2", "ConnectError"),
    ("psycopg", "OperationalError"),
    ("psycopg_pool", "PoolTimeout"),
    ("redis", "ConnectionError"),
    ("redis", "TimeoutError"),
}
_LONGEST = 300
_FRAMES = 50


def told(exc: BaseException | None) -> str:
    """The type, and the text where that cannot be anybody's content."""
    if exc is None:
        return "unknown"
    kind = type(exc)
    name = kind.__qualname__
    room = kind.__module__.partition(".")[0]
    if room in _OURS or (room, name) in _UNREACHABLE or (room == "builtins" and isinstance(exc, _PLAIN)):
        text = str(exc)
    else:
        # psycopg: the code and the constraint say what happened, without the row.
        code = getattr(exc, "sqlstate", None) or getattr(exc, "code", None)
        constraint = getattr(getattr(exc, "diag", None), "constraint_name", None)
        status = getattr(exc, "status_code", None)
        text = " ".join(str(part) for part in (code, constraint, status) if isinstance(part, str | int))
    return f"{name}: {text[:_LONGEST]}" if text else name


def chain(exc: BaseException) -> list[BaseException]:
    """The exception, what it came from, and so on."""
    found: list[BaseException] = []
    following: BaseException | None = exc
    while following is not None and following not in found:
        found.append(following)
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)
    return found


def described(exc_info: ExcInfo) -> list[dict[str, Any]]:
    """An exception for a log line: for `structlog.processors.ExceptionRenderer`. No local variables, no texts of
    others, the newest first.
    """
    _, exc, _ = exc_info
    return [
        {"exc_type": type(each).__qualname__, "exc": told(each), "frames": _frames(each.__traceback__)}
        for each in chain(exc)
    ]


def _frames(trail: TracebackType | None) -> list[str]:
    # Not the lines' texts: Python would read the files, in the event loop.
    summary = traceback.StackSummary.extract(
        ((frame, line) for frame, line in traceback.walk_tb(trail)), limit=-_FRAMES, lookup_lines=False
    )
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in summary]
