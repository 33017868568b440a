"""Problem details (RFC 9457): the one shape of every error of the API, and where foreign errors become it.

https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg
import psycopg_pool
import structlog
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from backend.allowed_methods import methods_of
from backend.services import hasura_client as hasura
from backend.services import places
from backend.services.deadlines import DeadlineExceeded
from backend.services.places import TooManyReplies
from backend.services.rate_limits import LimitReached
from backend.services.replies import ShuttingDown
from telemetry.safe import told
from telemetry.traces import current_trace_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request, WebSocket
    from starlette.types import Receive, Scope, Send

    from backend.services.assistant_errors import AssistantError

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:chat-sessions:problem:"

log = structlog.get_logger(__name__)


class Problem(HTTPException):
    """What a caller is told; `detail` is for people: no secret, no SQL, nothing of other users."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"
    default: ClassVar[str] = (
        "Something went wrong on our side. Try again; if it stays, tell the operator the trace id."
    )

    def __init__(
        self, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(self.status, detail or self.default, headers)
        self.members = members

    def body(self) -> dict[str, Any]:
        return {
            "type": _TYPE_PREFIX + self.slug,
            "title": self.title,
            "status": self.status_code,
            "detail": self.detail,
            "trace_id": current_trace_id(),
            **self.members,
        }

    def response(self) -> JSONResponse:
        return _Answer(self)


class _Answer(JSONResponse):
    """Leaves word of its kind in the scope, where the middleware that measures finds it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.body(), problem.status_code, problem.headers, MEDIA_TYPE)
        self._slug = problem.slug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["problem"] = self._slug
        await super().__call__(scope, receive, send)


class Invalid(Problem):
    status, slug, title = 422, "invalid", "Invalid request"
    default = "The request does not fit: see errors."


class Unauthenticated(Problem):
    status, slug, title = 401, "unauthenticated", "Not signed in"
    default = "The access token is missing, malformed or has expired. Sign in, or refresh it."

    def __init__(self, detail: str | None = None) -> None:
        # RFC 6750, 3: the scheme, and what was wrong with the token.
        super().__init__(
            detail, headers={"WWW-Authenticate": 'Bearer realm="chat-sessions", error="invalid_token"'}
        )


class WrongCredentials(Unauthenticated):
    slug, title = "wrong-credentials", "Wrong credentials"
    default = "The user name or the password is wrong."


class Forbidden(Problem):
    status, slug, title = 403, "forbidden", "Not allowed"
    default = "The token's role does not allow this."


class WrongPassword(Forbidden):
    """Not 401: the token is good, and another one would not help."""

    slug, title = "wrong-password", "Wrong password"
    default = "The password is wrong."


class NotFound(Problem):
    status, slug, title = 404, "not-found", "Not found"
    default = "There is nothing here, or it is not yours."


class MethodNotAllowed(Problem):
    status, slug, title = 405, "method-not-allowed", "Method not allowed"
    default = "This path does not take this method: see Allow."


class Conflict(Problem):
    status, slug, title = 409, "conflict", "Conflict"
    default = "The id or the name is taken."


class TooLarge(Problem):
    status, slug, title = 413, "too-large", "Too large"
    default = "The request body is larger than this API takes."


class SlowReader(Problem):
    status, slug, title = 408, "slow-reader", "Too slow"
    default = "You took no event for too long. Connect again with your last cursor."


class TooManyRequests(Problem):
    status, slug, title = 429, "too-many-requests", "Too many requests"
    default = "That was too often in a short time. Wait as long as Retry-After says."

    def __init__(
        self, detail: str | None = None, *, retry_after: int, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail, headers={"Retry-After": str(max(1, retry_after)), **(headers or {})})


class TokensSpent(TooManyRequests):
    slug, title = "tokens-spent", "Today's tokens are used up"
    default = "Your answers have taken as many tokens as they may in a day. You can ask again tomorrow (UTC)."


class AssistantFailed(Problem):
    status, slug, title = 502, "assistant-failed", "The assistant could not answer"
    default = "The model's answer failed. Your question is saved and can be asked again."

    @classmethod
    def of(cls, error: AssistantError, **members: Any) -> AssistantFailed:
        """With the status that fits its kind, and how to try again."""
        wait = {} if error.retry_after is None else {"retry_after": error.retry_after}
        problem = cls(
            f"{error} Your question is saved and can be asked again.",
            headers={"Retry-After": str(error.retry_after or 5)} if error.status == 503 else None,
            kind=error.kind,
            **wait,
            **members,
        )
        problem.status_code = error.status
        return problem


class Unavailable(Problem):
    status, slug, title = 503, "unavailable", "Not available right now"
    default = "A part of the service cannot be reached. Nothing was lost: try again shortly."

    def __init__(self, detail: str | None = None, *, retry_after: int = 2) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class TooSlow(Problem):
    status, slug, title = 504, "too-slow", "Not in time"
    default = (
        "This took longer than a request may. It was given up; what was to be written may have been: look,"
        " or send it again with the same id."
    )


class ProblemDetails(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "type": "urn:chat-sessions:problem:not-found",
                "title": "Not found",
                "status": 404,
                "detail": "There is nothing here, or it is not yours.",
                "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            }
        },
    )

    type: str = Field(description="what kind of problem: a URN, listed in docs/api.md")
    title: str
    status: int
    detail: str = Field(description="what happened and what to do, for people")
    trace_id: str | None = Field(description="finds this request in the logs")


def documented(*problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """``responses`` of a route, for OpenAPI: what it may answer besides success, always including 503 and 504."""
    every: tuple[type[Problem], ...] = (*problems, Unavailable, TooSlow)
    return {
        problem.status: {
            "description": problem.title,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
        }
        for problem in every
    }


def from_hasura(exc: hasura.HasuraError) -> Problem:
    match exc:
        case hasura.NotFound():
            return NotFound()
        case hasura.Unauthorized():
            return Unauthenticated()
        case hasura.PermissionDenied():
            return Forbidden()
        case hasura.Conflict(stored=stored):
            held = {} if stored is None else {"stored": stored.model_dump(mode="json")}
            return Conflict(_sentence(exc), **held)
        case hasura.InvalidInput():
            return Invalid(_sentence(exc))
        case hasura.TooLate():
            return TooSlow()
        case hasura.Unavailable(retry_after=retry_after):
            return Unavailable(retry_after=retry_after)
        case _:
            return Problem()


def problem_of(exc: Exception) -> Problem:
    """What a caller is told of it; of what is not `EXPECTED`, nothing but that."""
    match exc:
        case Problem():
            return exc
        case hasura.HasuraError():
            return from_hasura(exc)
        case LimitReached(retry_after=retry_after, standing=standing):
            return TooManyRequests(retry_after=retry_after, headers=standing.headers)
        case TooManyReplies():
            return TooManyRequests("You have several answers under way. Wait for one of them.", retry_after=5)
        case places.TokensSpent(retry_after=retry_after):
            return TokensSpent(retry_after=retry_after)
        case ShuttingDown():
            return Unavailable("The server is restarting. Nothing was saved: send it again.")
        case DeadlineExceeded():
            return TooSlow()
        case psycopg.OperationalError() | psycopg_pool.PoolTimeout():
            return Unavailable(retry_after=5)
        case _:
            return Problem()


#: What a request may end with without a defect of ours.
EXPECTED = (
    Problem,
    hasura.HasuraError,
    LimitReached,
    TooManyReplies,
    places.TokensSpent,
    ShuttingDown,
    DeadlineExceeded,
    psycopg.OperationalError,
    psycopg_pool.PoolTimeout,
)


def install(app: FastAPI) -> None:
    """Every exception that a route lets out becomes a problem; a defect's is made by `backend.middleware`."""
    _document(app)

    @app.exception_handler(Problem)
    async def problem(_: Request, exc: Problem) -> JSONResponse:
        return exc.response()

    @app.exception_handler(hasura.HasuraError)
    async def graphql(_: Request, exc: hasura.HasuraError) -> JSONResponse:
        found = from_hasura(exc)
        if found.status >= 500:
            log.warning("graphql_failed", error=type(exc).__name__, cause=told(exc), status=found.status)
        return found.response()

    @app.exception_handler(LimitReached)
    @app.exception_handler(TooManyReplies)
    @app.exception_handler(places.TokensSpent)
    @app.exception_handler(ShuttingDown)
    async def refused(_: Request, exc: Exception) -> JSONResponse:
        return problem_of(exc).response()

    @app.exception_handler(psycopg.OperationalError)
    @app.exception_handler(psycopg_pool.PoolTimeout)
    async def database(_: Request, exc: Exception) -> JSONResponse:
        log.warning("database_unavailable", cause=type(exc).__name__)
        return problem_of(exc).response()

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, exc: RequestValidationError) -> JSONResponse:
        path = request.url.path
        if any(e["loc"][0] == "path" for e in exc.errors()) and path in app.openapi()["paths"]:
            # Not an id that does not fit, but another route's own name.
            return _method_not_allowed(path).response()
        # Where and why, never what: the value may be a password.
        errors = [{"loc": list(e["loc"]), "message": e["msg"]} for e in exc.errors()]
        return Invalid(errors=errors).response()

    @app.exception_handler(WebSocketRequestValidationError)
    async def invalid_socket(socket: WebSocket, exc: WebSocketRequestValidationError) -> None:
        errors = [{"loc": list(e["loc"]), "message": e["msg"]} for e in exc.errors()]
        await socket.send_denial_response(Invalid(errors=errors).response())

    @app.exception_handler(HTTPException)
    async def http(request: Request, exc: HTTPException) -> JSONResponse:
        problem = _from_http(exc)
        if isinstance(problem, MethodNotAllowed):
            problem = _method_not_allowed(request.url.path, exc.headers)
        return problem.response()

    def _method_not_allowed(path: str, otherwise: Mapping[str, str] | None = None) -> Problem:
        methods = methods_of(path, app.openapi()["paths"])
        return MethodNotAllowed(headers={"Allow": ", ".join(methods)} if methods else otherwise)


def _document(app: FastAPI) -> None:
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        # Given as a route's `model`, FastAPI would document the errors as application/json too.
        schema = generate()
        schema["components"]["schemas"]["ProblemDetails"] = ProblemDetails.model_json_schema()
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _from_http(exc: HTTPException) -> Problem:
    if exc.status_code == 404:
        return NotFound()
    if exc.status_code == 405:
        return MethodNotAllowed(headers=exc.headers)
    if exc.status_code == 400 and isinstance(
        exc.__cause__, UnicodeDecodeError | json.JSONDecodeError | RecursionError
    ):
        return Invalid("The body is not JSON in UTF-8.")
    if exc.status_code < 500:
        return Invalid("The request cannot be read.")
    return Problem()


def _sentence(exc: Exception) -> str:
    text = str(exc)
    return f"{text[:1].upper()}{text[1:]}."
