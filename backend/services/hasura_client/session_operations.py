"""The GraphQL documents about sessions; those about messages are in `operations`."""

from __future__ import annotations

from backend.services.hasura_client.operations import Operation

_SESSION = """
fragment Session on chat_sessions {
  id session_id user_id title category total_messages is_active created_at updated_at last_message_at
  last_read_id unread_messages revision is_pinned is_archived shelf deleted_at changed_at
  auto_title system_prompt temperature
}
"""

CREATE_SESSION = Operation(
    """
    mutation CreateSession($object: chat_sessions_insert_input!) {
      insert_chat_sessions_one(
        object: $object
        on_conflict: { constraint: chat_sessions_session_id_key, update_columns: [] }
      ) { ...Session }
    }
    """
    + _SESSION
)

LIST_SESSIONS = Operation(
    """
    query ListSessions($where: chat_sessions_bool_exp!, $limit: Int!) {
      chat_sessions(where: $where, order_by: [{ updated_at: desc }, { id: desc }], limit: $limit) {
        ...Session
      }
    }
    """
    + _SESSION
)

UPDATE_SESSIONS = Operation(
    """
    mutation UpdateSessions($where: chat_sessions_bool_exp!, $set: chat_sessions_set_input!) {
      update_chat_sessions(where: $where, _set: $set) { returning { ...Session } }
    }
    """
    + _SESSION
)

DELETE_SESSIONS = Operation(
    """
    mutation DeleteSessions($session_ids: [uuid!]!) {
      delete_chat_sessions(where: { session_id: { _in: $session_ids }, shelf: { _eq: "trash" } }) { affected_rows }
    }
    """
)

RECOUNT_SESSION = Operation(
    """
    mutation RecountSession($session_id: uuid!) {
      update_session_message_count(args: { target_session_id: $session_id }) { ...Session }
    }
    """
    + _SESSION
)

WATCH_SESSIONS = Operation(
    """
    subscription WatchSessions($limit: Int!) {
      chat_sessions(
        where: { shelf: { _eq: "active" } }
        order_by: [{ updated_at: desc }, { id: desc }]
        limit: $limit
      ) { ...Session }
    }
    """
    + _SESSION
)

WATCH_CHANGED_SESSIONS = Operation(
    """
    subscription WatchChangedSessions($limit: Int!) {
      chat_sessions(order_by: [{ changed_at: desc }, { id: desc }], limit: $limit) { ...Session }
    }
    """
    + _SESSION
)

WATCH_ANY_SESSION = Operation(
    """
    subscription WatchAnySession { chat_sessions_aggregate { aggregate { count max { changed_at } } } }
    """
)

LIST_CATEGORIES = Operation(
    """
    query ListCategories {
      chat_session_categories(order_by: [{ shelf: asc }, { category: asc }]) { shelf category sessions }
    }
    """
)
