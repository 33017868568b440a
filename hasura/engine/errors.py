"""The engine's one tree of errors, in Hasura's shape.

A GraphQL answer carries ``{"errors": [{"message", "extensions": {"path", "code"}}]}``; the other APIs answer
``{"path", "error", "code"}`` with an HTTP status. Codes and statuses are Hasura's own.
"""

from __future__ import annotations

from typing import Any, ClassVar


class EngineError(Exception):
    """Anything that a client is told. ``path`` is Hasura's JSON path into the request, ``$`` for the whole."""

    code: ClassVar[str] = "unexpected"
    status: ClassVar[int] = 500

    def __init__(self, message: str, path: str = "$", *, internal: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.internal = internal

    def graphql(self) -> dict[str, Any]:
        """One entry of a GraphQL answer's ``errors``."""
        return {"message": self.message, "extensions": {"path": self.path, "code": self.code}}

    def api(self) -> dict[str, Any]:
        """The body of an error of the APIs that are not GraphQL; ``internal`` is for admins, whose APIs they are."""
        body = {"path": self.path, "error": self.message, "code": self.code}
        return body if self.internal is None else {**body, "internal": self.internal}


class ValidationFailed(EngineError):
    """The request does not fit the role's schema."""

    code = "validation-failed"
    status = 400


class ParseFailed(EngineError):
    """A value is not of its type."""

    code = "parse-failed"
    status = 400


class BadRequest(EngineError):
    """The request is of no known form."""

    code = "bad-request"
    status = 400


class NotFound(EngineError):
    """A session variable, or something that the request names, is missing."""

    code = "not-found"
    status = 400


class NotExists(EngineError):
    """The metadata names something that the database lacks."""

    code = "not-exists"
    status = 400


class NotSupported(EngineError):
    """Hasura knows it, this engine or this configuration does not."""

    code = "not-supported"
    status = 400


class PermissionFailed(EngineError):
    """A row that the role may not write."""

    code = "permission-error"
    status = 400


class ConstraintViolation(EngineError):
    """A constraint of the database refused the change."""

    code = "constraint-violation"
    status = 400


class DataException(EngineError):
    """PostgreSQL could not read a value."""

    code = "data-exception"
    status = 400


class AccessDenied(EngineError):
    """The caller may not use this role, or this API."""

    code = "access-denied"
    status = 400


class InvalidHeaders(EngineError):
    """Headers that are missing or contradict each other."""

    code = "invalid-headers"
    status = 400


class InvalidJWT(EngineError):
    """A token that is malformed, forged or expired."""

    code = "invalid-jwt"
    status = 400


class JWTRoleMissing(EngineError):
    """A token whose claims lack a role."""

    code = "jwt-missing-role-claims"
    status = 400


class JWTInvalidClaims(EngineError):
    """A token whose claims are of another form than the configuration says."""

    code = "jwt-invalid-claims"
    status = 400


class Unauthorized(AccessDenied):
    """The admin secret is missing or wrong."""

    status = 401


class InvalidJSON(EngineError):
    """The body is no JSON."""

    code = "invalid-json"
    status = 400


class UnexpectedPayload(EngineError):
    """The request is well formed, but not for this transport."""

    code = "unexpected-payload"
    status = 400


class StartFailed(EngineError):
    """An operation that a WebSocket client may not start now."""

    code = "start-failed"
    status = 400


class RateLimitExceeded(EngineError):
    """Too many operations in one minute."""

    code = "rate-limit-exceeded"
    status = 429


class DepthLimitExceeded(EngineError):
    """Selections nest too deeply for the role."""

    code = "depth-limit-exceeded"
    status = 400


class NodeLimitExceeded(EngineError):
    """More selections than the role may make."""

    code = "node-limit-exceeded"
    status = 400


class BatchLimitExceeded(EngineError):
    """More operations in one request than the role may send."""

    code = "batch-limit-exceeded"
    status = 400


class TimeLimitExceeded(EngineError):
    """The operation took longer than the role's may take."""

    code = "time-limit-exceeded"
    status = 400


class ResourceNotFound(NotFound):
    """No such path."""

    status = 404


class Conflict(EngineError):
    """Somebody else changed the metadata in between."""

    code = "conflict"
    status = 409


class InconsistentMetadata(EngineError):
    """The metadata does not fit the database; ``internal`` lists the inconsistent objects."""

    code = "unexpected"
    status = 400


class InvalidConfiguration(EngineError):
    """The object that a command adds does not fit the database; ``internal`` says how."""

    code = "invalid-configuration"
    status = 400


class AlreadyExists(EngineError):
    """There is one of that name."""

    code = "already-exists"
    status = 400


class AlreadyTracked(EngineError):
    """The table or function is tracked."""

    code = "already-tracked"
    status = 400


class AlreadyUntracked(EngineError):
    """The table is not tracked."""

    code = "already-untracked"
    status = 400


class DependencyError(EngineError):
    """Other objects of the metadata need what is to go."""

    code = "dependency-error"
    status = 400


class PermissionDenied(EngineError):
    """There is no such permission."""

    code = "permission-denied"
    status = 400


class InvalidParams(EngineError):
    """The arguments contradict each other."""

    code = "invalid-params"
    status = 400


class CyclicDependency(EngineError):
    """Roles that inherit from each other."""

    code = "cyclic-dependency"
    status = 400


class NameConflict(EngineError):
    """A root field of that name is in the schema."""

    code = "remote-schema-conflicts"
    status = 400


class SqlFailed(EngineError):
    """PostgreSQL refused an admin's own SQL; ``internal`` has the statement and PostgreSQL's words."""

    code = "postgres-error"
    status = 400


class DatabaseUnavailable(EngineError):
    """PostgreSQL cannot be reached, or went away."""

    code = "postgres-error"
    status = 503
