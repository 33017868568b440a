"""psycopg's errors as Hasura's. The words are PostgreSQL's; its SQL, hints and details stay inside."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors as pg
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from hasura.engine.errors import (
    BadRequest,
    ConstraintViolation,
    DatabaseUnavailable,
    DataException,
    EngineError,
    NotSupported,
    PermissionFailed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_VIOLATIONS = {
    pg.UniqueViolation: "Uniqueness violation",
    pg.ForeignKeyViolation: "Foreign key violation",
    pg.NotNullViolation: "Not-NULL violation",
    pg.CheckViolation: "Check constraint violation",
    pg.ExclusionViolation: "Exclusion violation",
    pg.RestrictViolation: "Foreign key violation",
}
#: of SQLSTATE class 22, those that Hasura calls a bad request
_BAD_REQUESTS = (pg.InvalidRegularExpression, pg.InvalidEscapeSequence, pg.InvalidEscapeCharacter)
#: SQLSTATE class 54: a statement that is too long, too deep or too wide
_LIMIT_EXCEEDED = "54"
_GONE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    PoolTimeout,
    PoolClosed,
    TooManyRequests,
)


@contextmanager
def translated(path: str = "$") -> Iterator[None]:
    """What PostgreSQL refuses inside is raised as an ``EngineError`` about ``path``."""
    try:
        yield
    except (psycopg.Error, PoolTimeout) as problem:
        raise translate(problem, path) from problem
    except UnicodeEncodeError:
        raise DataException("a text is not valid Unicode", path) from None


def translate(problem: Exception, path: str = "$") -> EngineError:
    """The error that a client is told about ``problem``."""
    diagnosis = problem.diag.message_primary if isinstance(problem, psycopg.Error) else None
    message = diagnosis or "database query error"
    for kind, title in _VIOLATIONS.items():
        if isinstance(problem, kind):
            return ConstraintViolation(f"{title}. {message}", path)
    if isinstance(problem, pg.WithCheckOptionViolation | pg.InsufficientPrivilege):
        return PermissionFailed(message, path)
    if isinstance(problem, pg.QueryCanceled):
        return EngineError("database query error", path)
    if isinstance(problem, _BAD_REQUESTS):
        return BadRequest(message, path)
    if isinstance(problem, pg.FeatureNotSupported):
        return NotSupported(message, path)
    if isinstance(problem, psycopg.DataError) or _is_unreadable_value(problem):
        return DataException(message, path)
    if isinstance(problem, pg.RaiseException):  # a function's own refusal, written for its caller
        return BadRequest(message, path)
    if isinstance(problem, pg.SerializationFailure | pg.DeadlockDetected):
        return EngineError("the transaction conflicts with another one; try again", path)
    if isinstance(problem, psycopg.Error) and (problem.sqlstate or "").startswith(_LIMIT_EXCEEDED):
        return BadRequest("the request is too large for one statement", path)
    if isinstance(problem, _GONE):
        return DatabaseUnavailable("the database cannot be reached", path)
    return EngineError("database query error", path)


def _is_unreadable_value(problem: Exception) -> bool:
    """Some types, as tsvector, call that a syntax error: one that is nowhere in the statement."""
    return (
        isinstance(problem, pg.SyntaxError)
        and problem.diag.message_primary is not None  # PostgreSQL said it
        and problem.diag.statement_position is None
    )
