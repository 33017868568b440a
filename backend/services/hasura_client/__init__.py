"""Chat sessions and messages through GraphQL: the one client of the API, the chat backend and the web UI.

Reads as `operations` and `session_operations` (every GraphQL document) → `client`, `sessions` and `answers` (one
method each) → `models` (what comes back) or `errors` (what went wrong); `transport` carries requests, `live`
carries subscriptions.
"""

from backend.services.breakers import STATES, Breaker
from backend.services.hasura_client.client import HasuraClient
from backend.services.hasura_client.errors import (
    Conflict,
    HasuraError,
    InvalidInput,
    NotFound,
    PermissionDenied,
    TooLate,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
)
from backend.services.hasura_client.models import (
    CategoryCount,
    ChatMessage,
    ChatSession,
    MessagePage,
    Rating,
    Role,
    SearchHit,
    SearchPage,
    SessionPage,
    SessionStatistics,
    Shelf,
    Status,
    WholeMessage,
)
from backend.services.hasura_client.observer import Observer
from backend.services.hasura_client.sessions import MOST_AT_ONCE, ChangesOfMany, SessionChanges

__all__ = [
    "MOST_AT_ONCE",
    "STATES",
    "Breaker",
    "CategoryCount",
    "ChangesOfMany",
    "ChatMessage",
    "ChatSession",
    "Conflict",
    "HasuraClient",
    "HasuraError",
    "InvalidInput",
    "MessagePage",
    "NotFound",
    "Observer",
    "PermissionDenied",
    "Rating",
    "Role",
    "SearchHit",
    "SearchPage",
    "SessionChanges",
    "SessionPage",
    "SessionStatistics",
    "Shelf",
    "Status",
    "TooLate",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
    "WholeMessage",
]
