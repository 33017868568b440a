"""What a user reads when something went wrong: what happened, and what to do."""

from __future__ import annotations

from backend.services.hasura_client import (
    Conflict,
    HasuraError,
    InvalidInput,
    NotFound,
    Unauthorized,
    Unavailable,
)
from webapp.services.api import ApiError, ApiUnavailable

UNREACHABLE = "The chat server cannot be reached right now. Nothing is lost: try again in a moment."

#: Why somebody is asked to sign in; the key travels in the address.
REASONS = {
    "expired": "You were signed out, because your sign-in has ended. Sign in to go on where you were.",
    "signed-out": "You have signed out.",
    "elsewhere": "You were signed out in another tab. Sign in to go on where you were.",
}


def explain(error: HasuraError | ApiError) -> str:
    match error:
        case Unavailable() | ApiUnavailable():
            return UNREACHABLE
        case NotFound():
            return "This chat is gone. It may have been deleted in another tab."
        case InvalidInput():
            return "The server did not accept this text. Please shorten it and try again."
        case Conflict():
            return "This was already sent with another text. Send it again as a new message."
        case Unauthorized():
            return "Your sign-in has ended. Please sign in again."
        case ApiError(status=404):
            return "This chat is gone. It may have been deleted in another tab."
        case ApiError(status=429):
            return f"Too many tries in a short time. {error.detail}"
        case ApiError():
            return error.detail
        case _:
            return "Something went wrong on the server. Please try again."
