"""Every GraphQL document of the project, in the names and shapes that Hasura derives from hasura/metadata."""

from __future__ import annotations

from gql import gql

_SESSION = """
fragment Session on chat_sessions {
  id session_id user_id title category total_messages is_active created_at updated_at last_message_at
}
"""

_MESSAGE = """
fragment Message on chat_messages {
  id message_id session_id user_id role content timestamp status reply_to metadata
}
"""

PING = gql("query Ping { __typename }")

CREATE_SESSION = gql(
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

LIST_SESSIONS = gql(
    """
    query ListSessions($where: chat_sessions_bool_exp!, $limit: Int!) {
      chat_sessions(where: $where, order_by: [{ updated_at: desc }, { id: desc }], limit: $limit) {
        ...Session
      }
    }
    """
    + _SESSION
)

UPDATE_SESSION = gql(
    """
    mutation UpdateSession($where: chat_sessions_bool_exp!, $set: chat_sessions_set_input!) {
      update_chat_sessions(where: $where, _set: $set) { returning { ...Session } }
    }
    """
    + _SESSION
)

RECOUNT_SESSION = gql(
    """
    mutation RecountSession($session_id: uuid!) {
      update_session_message_count(args: { target_session_id: $session_id }) { ...Session }
    }
    """
    + _SESSION
)

LIST_MESSAGES = gql(
    """
    query ListMessages($session_id: uuid!, $where: chat_messages_bool_exp!, $limit: Int!) {
      chat_sessions(where: { session_id: { _eq: $session_id }, is_active: { _eq: true } }) { session_id }
      chat_messages(where: $where, order_by: [{ id: desc }], limit: $limit) { ...Message }
    }
    """
    + _MESSAGE
)

FIND_MESSAGE = gql(
    """
    query FindMessage($message_id: uuid!) {
      chat_messages(where: { message_id: { _eq: $message_id } }) { ...Message session { is_active } }
    }
    """
    + _MESSAGE
)

SESSION_STATISTICS = gql(
    """
    query SessionStatistics($session_id: uuid!) {
      user: chat_messages_aggregate(where: { session_id: { _eq: $session_id }, role: { _eq: "user" } }) {
        aggregate { count min { timestamp } max { timestamp } }
      }
      assistant: chat_messages_aggregate(
        where: { session_id: { _eq: $session_id }, role: { _eq: "assistant" }, status: { _eq: "complete" } }
      ) { aggregate { count } }
    }
    """
)

ADD_MESSAGE = gql(
    """
    mutation AddMessage($object: chat_messages_insert_input!) {
      insert_chat_messages_one(
        object: $object
        on_conflict: { constraint: chat_messages_message_id_key, update_columns: [] }
      ) { ...Message }
    }
    """
    + _MESSAGE
)

UPDATE_MESSAGE = gql(
    """
    mutation UpdateMessage($where: chat_messages_bool_exp!, $set: chat_messages_set_input!) {
      update_chat_messages(where: $where, _set: $set) { returning { ...Message } }
    }
    """
    + _MESSAGE
)

CLEAR_MESSAGES = gql(
    """
    mutation ClearMessages($session_id: uuid!) {
      delete_chat_messages(
        where: { session_id: { _eq: $session_id }, session: { is_active: { _eq: true } } }
      ) { affected_rows }
    }
    """
)

WATCH_SESSIONS = gql(
    """
    subscription WatchSessions($limit: Int!) {
      chat_sessions(
        where: { is_active: { _eq: true } }
        order_by: [{ updated_at: desc }, { id: desc }]
        limit: $limit
      ) { ...Session }
    }
    """
    + _SESSION
)

WATCH_MESSAGES = gql(
    """
    subscription WatchMessages($session_id: uuid!, $limit: Int!) {
      chat_messages(where: { session_id: { _eq: $session_id } }, order_by: [{ id: desc }], limit: $limit) {
        ...Message
      }
    }
    """
    + _MESSAGE
)
