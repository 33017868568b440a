"""The GraphQL documents of whoever takes chats away, or brings them along."""

from __future__ import annotations

from backend.services.hasura_client.operations import _MESSAGE, Operation
from backend.services.hasura_client.session_operations import _SESSION

# By id, not by activity: what changes meanwhile neither comes twice nor is missed.
LIST_OWN_SESSIONS = Operation(
    """
    query ListOwnSessions($where: chat_sessions_bool_exp!, $limit: Int!) {
      chat_sessions(where: $where, order_by: [{ id: asc }], limit: $limit) { ...Session }
    }
    """
    + _SESSION
)

COUNT_OWN_SESSIONS = Operation(
    """
    query CountOwnSessions($where: chat_sessions_bool_exp!) {
      chat_sessions_aggregate(where: $where) { aggregate { count } }
    }
    """
)

LIST_WHOLE_HISTORY = Operation(
    """
    query ListWholeHistory($session_id: uuid!, $after: bigint!, $limit: Int!) {
      chat_messages(
        where: { session_id: { _eq: $session_id }, id: { _gt: $after } }, order_by: [{ id: asc }], limit: $limit
      ) { ...Message follows }
    }
    """
    + _MESSAGE
)

LIST_OPEN_PATH = Operation(
    """
    query ListOpenPath($session_id: uuid!, $after: bigint!, $limit: Int!) {
      chat_messages(
        where: { session_id: { _eq: $session_id }, off_path: { _eq: false }, place: { _gt: $after } }
        order_by: [{ place: asc }]
        limit: $limit
      ) { ...Message }
    }
    """
    + _MESSAGE
)

IMPORT_SESSION = Operation(
    """
    mutation ImportSession($payload: jsonb!) {
      import_chat_session(args: { payload: $payload }) { session_id }
    }
    """
)
