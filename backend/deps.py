"""What a route may ask for: the services of this app, and who the request is from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from psycopg_pool import AsyncConnectionPool
from starlette.requests import HTTPConnection

from backend.errors import Forbidden, Unauthenticated
from backend.metrics import Metrics
from backend.route_limits import USER
from backend.services.accounts import Accounts
from backend.services.audit import AuditLog
from backend.services.breakers import Breaker
from backend.services.bus import Bus
from backend.services.deletion import Deletion
from backend.services.devices import Devices
from backend.services.draining import Draining
from backend.services.hasura_client import HasuraClient
from backend.services.open_sockets import OpenSockets
from backend.services.presence import Presence
from backend.services.rate_limits import RateLimits
from backend.services.refresh_tokens import RefreshTokens
from backend.services.replies import Replies
from backend.services.sweeper import Sweeper
from backend.services.tokens import InvalidToken, Tokens, User
from backend.services.transfer.arriving import Imports


@dataclass(frozen=True, slots=True)
class Services:
    """Built by the app's lifespan; everything that outlives a request."""

    metrics: Metrics
    pool: AsyncConnectionPool
    bus: Bus
    accounts: Accounts
    audit: AuditLog
    refresh_tokens: RefreshTokens
    devices: Devices
    deletion: Deletion
    tokens: Tokens
    limits: RateLimits
    hasura: HasuraClient
    replies: Replies
    presence: Presence
    open_sockets: OpenSockets
    draining: Draining
    #: Whose pages may connect.
    origins: list[str]
    sweeper: Sweeper
    imports: Imports
    #: Of GraphQL, and of the model where there is one.
    breakers: tuple[Breaker, ...]
    #: Seconds that an event of a WebSocket may take.
    request_timeout: float


# Each a coroutine, though none waits: FastAPI calls plain functions in a thread, twice through the interpreter's lock
# for every request.


async def _services(connection: HTTPConnection) -> Services:
    return cast("Services", connection.app.state.services)


_bearer = HTTPBearer(auto_error=False, description="The access token of /auth/login.")


async def _user(
    connection: HTTPConnection,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    services: Annotated[Services, Depends(_services)],
) -> User:
    if credentials is None:
        raise Unauthenticated
    try:
        user = connection.scope.get(USER) or services.tokens.read(credentials.credentials)
    except InvalidToken:
        raise Unauthenticated from None
    if "user" not in user.roles:
        raise Forbidden
    return user


async def _signed_in_user(
    user: Annotated[User, Depends(_user)], services: Annotated[Services, Depends(_services)]
) -> User:
    if user.sign_in_id is not None and not await services.devices.is_signed_in(user.id, user.sign_in_id):
        raise Unauthenticated("This device was signed out.")
    return user


CurrentServices = Annotated[Services, Depends(_services)]
CurrentUser = Annotated[User, Depends(_user)]
#: Of a route that changes the account: the device is signed in at this moment, not only when its token was made.
SignedInUser = Annotated[User, Depends(_signed_in_user)]
Limit = Annotated[int, Query(ge=1, le=200, description="rows a page")]
Cursor = Annotated[
    str | None,
    Query(max_length=200, description="`next_cursor` of the page before; opaque", examples=["MTA0Mg"]),
]
