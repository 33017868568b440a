"""Chat sessions and messages through GraphQL: the one client of the API, the chat backend and the web UI.

Reads as `operations` (every GraphQL document) → `client` (one method each) → `models` (what comes back) or
`errors` (what went wrong); `transport` carries requests, `live` carries subscriptions.
"""

from backend.services.hasura_client.client import HasuraClient
from backend.services.hasura_client.errors import (
    Conflict,
    HasuraError,
    InvalidInput,
    NotFound,
    PermissionDenied,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
)
from backend.services.hasura_client.models import (
    ChatMessage,
    ChatSession,
    MessagePage,
    SessionPage,
    SessionStatistics,
    Status,
)

__all__ = [
    "ChatMessage",
    "ChatSession",
    "Conflict",
    "HasuraClient",
    "HasuraError",
    "InvalidInput",
    "MessagePage",
    "NotFound",
    "PermissionDenied",
    "SessionPage",
    "SessionStatistics",
    "Status",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
]
