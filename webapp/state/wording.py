"""What a user reads when something went wrong: what happened, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from backend.services.hasura_client import (
    Conflict,
    HasuraError,
    InvalidInput,
    NotFound,
    Unauthorized,
    Unavailable,
)
from telemetry.traces import current_trace_id
from webapp.services.api import ApiError, ApiUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.words import Words

#: Why somebody is asked to sign in, as the address says it, and the text for it.
REASONS: Final[Mapping[str, str]] = {
    "expired": "account.signed-out.expired",
    "signed-out": "account.signed-out.done",
    "elsewhere": "account.signed-out.elsewhere",
    "deleted": "account.signed-out.deleted",
}


def explain(error: HasuraError | ApiError, words: Words) -> str:
    match error:
        case Unavailable() | ApiUnavailable():
            return words("errors.unreachable")
        case NotFound() | ApiError(status=404):
            return words("errors.gone")
        case InvalidInput():
            return words("errors.refused-text")
        case Conflict():
            return words("errors.sent-otherwise")
        case Unauthorized():
            return words("errors.signed-out")
        case ApiError(kind="wrong-password"):
            return words("settings.password.wrong")
        case ApiError(kind="tokens-spent"):
            return words("errors.tokens-spent")
        case ApiError(status=429, retry_after=float(seconds) | int(seconds)):
            return words("errors.too-many", seconds=round(seconds) or 1)
        case ApiError() if error.status != 500:
            return error.detail  # the backend writes it for users
        case _:
            return f"{words('errors.unknown')} {report_id(words)}".strip()


def report_id(words: Words) -> str:
    """By which the operator finds it in the logs."""
    trace_id = current_trace_id()
    return words("errors.report", id=trace_id) if trace_id else ""
