"""The client's one tree of errors, and the only place where GraphQL's and the network's become these.

Codes: https://hasura.io/docs/2.0/api-reference/graphql-api/error-codes/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
from gql.transport.exceptions import TransportConnectionFailed, TransportServerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backend.services.hasura_client.models import ChatMessage


class HasuraError(Exception):
    """Base of all. The text may be shown to the user: it names what happened, never SQL, tokens or rows."""

    #: Whether GraphQL fails, whoever asks for whatever; None where this says nothing about that.
    outage: bool | None = False


class NotFound(HasuraError):
    """No such row, or not yours: the two are never told apart."""


class PermissionDenied(HasuraError):
    """The token's role may not do this."""


class InvalidInput(HasuraError):
    """The database or the schema refused a value."""


class Conflict(HasuraError):
    """The id is taken by something else; `stored` is that, where the caller may see it."""

    def __init__(self, message: str, *, stored: ChatMessage | None = None) -> None:
        super().__init__(message)
        self.stored = stored


class Unauthorized(HasuraError):
    """The token is expired, forged or revoked: sign in again."""


class Unavailable(HasuraError):
    """GraphQL or its database cannot be reached; ``retry_after`` in seconds."""

    def __init__(self, message: str, *, retry_after: int = 2, sent: bool = True) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        #: False when the request provably never left, so that even an unsafe one may be repeated.
        self.sent = sent
        #: False after a timeout: whoever waited that long does not want to wait again.
        self.retryable = True


class TimedOut(Unavailable):
    """GraphQL has given up what took longer than it was waited for."""

    outage = True

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after=5)
        self.retryable = False


class TooLate(Unavailable):
    """The caller's own time was over (`backend.services.deadlines`): it was given up, or not even begun."""

    outage = None

    def __init__(self) -> None:
        super().__init__("the time that this request had is over")
        self.retryable = False


class UnexpectedAnswer(HasuraError):
    """An answer that does not fit the contract: a defect here or there, not the user's."""


_UNAVAILABLE_STATUS = frozenset({502, 503, 504})
#: By code and start of the message: Hasura has one code for a row permission and for a CHECK of the table.
_MEANING: tuple[tuple[str, str, type[HasuraError], str], ...] = (
    ("invalid-jwt", "", Unauthorized, "the token is not valid or has expired"),
    ("jwt-missing-role-claims", "", Unauthorized, "the token names no role"),
    ("jwt-invalid-claims", "", Unauthorized, "the token's claims are malformed"),
    ("invalid-headers", "", Unauthorized, "the token is missing"),
    ("access-denied", "", PermissionDenied, "the token does not allow this"),
    ("permission-error", "Check constraint violation", InvalidInput, "a value is out of its bounds"),
    ("permission-error", "", PermissionDenied, "the token does not allow this"),
    ("constraint-violation", "Foreign key violation", NotFound, "what it belongs to does not exist"),
    ("constraint-violation", "Uniqueness violation", Conflict, "the id is taken"),
    ("constraint-violation", "", InvalidInput, "a value is out of its bounds"),
    ("validation-failed", "", InvalidInput, "a value was refused"),
    ("parse-failed", "", InvalidInput, "a value was refused"),
    ("bad-request", "", InvalidInput, "a value was refused"),
    ("data-exception", "", InvalidInput, "a value was refused"),
    # The metadata sets no limit: it is the one of our own header.
    ("time-limit-exceeded", "", TimedOut, "GraphQL did not answer in time"),
    ("postgres-error", "", Unavailable, "the database is not available right now"),
    ("unexpected", "connection error", Unavailable, "the database is not available right now"),
)


def from_transport(exc: Exception) -> HasuraError:
    """The error that a failed HTTP exchange or a broken connection means."""
    match exc:
        case TransportServerError(code=429):
            return Unavailable("GraphQL is busy")
        case TransportServerError(code=code) if code in _UNAVAILABLE_STATUS:
            return _outage(Unavailable("GraphQL is not available right now"))
        case TransportServerError(code=401):
            return Unauthorized("the token is not valid")
        case TimeoutError():
            late = _outage(Unavailable("GraphQL did not answer in time", retry_after=5))
            late.retryable = False
            return late
        case TransportConnectionFailed(__cause__=cause):
            if isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
                return _outage(Unavailable("GraphQL cannot be reached", sent=False))
            gone = _outage(Unavailable("the connection to GraphQL broke"))
            gone.retryable = not isinstance(cause, TimeoutError)
            return gone
        case _:
            unexpected = UnexpectedAnswer(f"GraphQL answered with something else ({type(exc).__name__})")
            if isinstance(exc, TransportServerError) and (exc.code or 0) >= 500:
                unexpected.outage = True
            return unexpected


def from_graphql(errors: Sequence[Any]) -> HasuraError:
    """The error that the ``errors`` of a GraphQL answer mean; the first decides."""
    first = errors[0] if errors and isinstance(errors[0], dict) else {}
    message = str(first.get("message", ""))
    code = str((first.get("extensions") or {}).get("code", ""))
    for known, start, error, text in _MEANING:
        if code == known and message.startswith(start):
            found = error(text)
            if code == "unexpected":
                found.outage = True
            return found
    return UnexpectedAnswer(f"GraphQL answered with an error ({code or 'no code'})")


def _outage(error: Unavailable) -> Unavailable:
    error.outage = True
    return error
