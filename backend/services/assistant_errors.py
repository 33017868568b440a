"""Why an answer failed: one tree, saved with the answer and told to the user."""

from __future__ import annotations

from typing import Any, ClassVar


class AssistantError(Exception):
    """`kind` is for programs, `message` for the person who asked; neither holds what the provider said.

    :param retry_after: seconds to wait before it is worth trying again, where the provider named them.
    """

    kind: ClassVar[str] = "failed"
    status: ClassVar[int] = 502
    message: ClassVar[str] = "The model's answer failed."

    def __init__(self, *, retry_after: int | None = None) -> None:
        wait = "" if retry_after is None else f" Try again in {_duration(retry_after)}."
        super().__init__(self.message + wait)
        self.retry_after = retry_after


class Unreachable(AssistantError):
    kind = "unreachable"
    message = "The model cannot be reached."


class Refused(AssistantError):
    kind = "refused"
    message = "The model's provider refused the request: its key or its model name is wrong."


class RateLimited(AssistantError):
    kind = "rate_limited"
    status = 503
    message = "The model's provider is busy, or its quota is used up."


class LeftAlone(AssistantError):
    kind = "left_alone"
    status = 503
    message = "The model has failed several times in a row and is left alone for a moment."


class Busy(AssistantError):
    kind = "busy"
    status = 503
    message = "Too many answers are being written."


class TooLong(AssistantError):
    kind = "too_long"
    message = "The model's provider refused the request: the conversation may be too long for it."


class ProviderError(AssistantError):
    kind = "provider_error"
    message = "The model's provider had an error."


class TimedOut(AssistantError):
    kind = "timeout"
    status = 504
    message = "The model took too long."


class Malformed(AssistantError):
    kind = "malformed"
    message = "The model's provider sent something that is no answer."


class Cut(AssistantError):
    kind = "cut"
    message = "The model's answer broke off."


class Empty(AssistantError):
    kind = "empty"
    message = "The model answered with nothing."


class HistoryUnavailable(AssistantError):
    kind = "history_unavailable"
    status = 503
    message = "The conversation could not be read."


class Interrupted(AssistantError):
    kind = "interrupted"
    status = 503
    message = "The server was restarted while the answer was written."


class Unexpected(AssistantError):
    kind = "unexpected"
    status = 500
    message = "Something went wrong on our side while the answer was written."


def saved(error: AssistantError) -> dict[str, Any]:
    """How an error is kept in the metadata of its answer."""
    wait = {} if error.retry_after is None else {"retry_after": error.retry_after}
    return {"kind": error.kind, "message": str(error), **wait}


def error_of(metadata: dict[str, Any]) -> AssistantError:
    """The error that is saved with a failed answer."""
    saved = metadata.get("error")
    if not isinstance(saved, dict):
        return AssistantError()
    wait = saved.get("retry_after")
    kinds = {error.kind: error for error in AssistantError.__subclasses__()}
    error = kinds.get(str(saved.get("kind")), AssistantError)
    return error(retry_after=wait if isinstance(wait, int) else None)


def _duration(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    return f"{-(-seconds // 60)} minutes"
