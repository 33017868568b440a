"""Every GraphQL document of the project, in the names and shapes that Hasura derives from hasura/metadata."""

from __future__ import annotations

from typing import Any

from gql import GraphQLRequest
from graphql import OperationDefinitionNode


class Operation(GraphQLRequest):
    """A document, parsed once; with variables, a request. Sent as it is written here: gql would print it anew
    each time, which takes longer than everything else that the client does."""

    def __init__(self, source: str | Operation, variable_values: dict[str, Any] | None = None) -> None:
        super().__init__(source, variable_values=variable_values)
        self.text: str = source if isinstance(source, str) else source.text
        self.name: str = _name(self) if isinstance(source, str) else source.name

    @property
    def payload(self) -> dict[str, Any]:
        return {"query": self.text, "variables": self.variable_values or {}}


def _name(operation: Operation) -> str:
    (name,) = (
        definition.name.value
        for definition in operation.document.definitions
        if isinstance(definition, OperationDefinitionNode) and definition.name is not None
    )
    return name


_MESSAGE = """
fragment Message on chat_messages {
  id message_id session_id user_id role content timestamp status reply_to metadata chosen_at
  edit_of place off_path versions rating
}
"""

PING = Operation("query Ping { __typename }")

ROWS_OF_OTHERS = Operation(
    """
    query RowsOfOthers($me: uuid!) {
      chat_sessions(where: { user_id: { _neq: $me } }, limit: 1) { session_id }
      chat_messages(where: { user_id: { _neq: $me } }, limit: 1) { message_id }
      chat_read_marks(where: { user_id: { _neq: $me } }, limit: 1) { session_id }
      chat_session_categories(where: { user_id: { _neq: $me } }, limit: 1) { category }
      sign_ins(where: { user_id: { _neq: $me } }, limit: 1) { sign_in_id }
      users(where: { id: { _neq: $me } }, limit: 1) { id }
    }
    """
)

MESSAGES_OF_OTHERS = Operation(
    """
    query MessagesOfOthers($me: uuid!) {
      chat_messages(where: { user_id: { _neq: $me } }, limit: 1) { message_id }
    }
    """
)

LIST_MESSAGES = Operation(
    """
    query ListMessages(
      $session_id: uuid!, $where: chat_messages_bool_exp!, $order_by: [chat_messages_order_by!], $limit: Int!,
      $read_state: Boolean!
    ) {
      chat_sessions(where: { session_id: { _eq: $session_id }, is_active: { _eq: true } }) {
        revision
        last_read_id @include(if: $read_state)
        unread_messages @include(if: $read_state)
      }
      chat_messages(where: $where, order_by: $order_by, limit: $limit) { ...Message }
    }
    """
    + _MESSAGE
)

LIST_MESSAGES_AROUND = Operation(
    """
    query ListMessagesAround($session_id: uuid!, $older: chat_messages_bool_exp!, $newer: chat_messages_bool_exp!,
                             $older_limit: Int!, $newer_limit: Int!) {
      chat_sessions(where: { session_id: { _eq: $session_id }, is_active: { _eq: true } }) { revision }
      older: chat_messages(where: $older, order_by: [{ place: desc }], limit: $older_limit) { ...Message }
      newer: chat_messages(where: $newer, order_by: [{ place: asc }], limit: $newer_limit) { ...Message }
    }
    """
    + _MESSAGE
)

# The assistant reads answers, and no session.
FIND_MESSAGE = Operation(
    """
    query FindMessage($message_id: uuid!) {
      chat_messages(where: { message_id: { _eq: $message_id } }) { ...Message }
    }
    """
    + _MESSAGE
)

FIND_MESSAGE_IN_SESSION = Operation(
    """
    query FindMessageInSession($message_id: uuid!) {
      chat_messages(where: { message_id: { _eq: $message_id } }) { ...Message session { is_active } }
    }
    """
    + _MESSAGE
)

SESSION_STATISTICS = Operation(
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

ADD_MESSAGE = Operation(
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

UPDATE_MESSAGE = Operation(
    """
    mutation UpdateMessage(
      $where: chat_messages_bool_exp!, $set: chat_messages_set_input!, $append: chat_messages_append_input
    ) {
      update_chat_messages(where: $where, _set: $set, _append: $append) { returning { ...Message } }
    }
    """
    + _MESSAGE
)

LIST_CURRENT_ANSWERS = Operation(
    """
    query ListCurrentAnswers($questions: [uuid!]!) {
      chat_messages(
        where: { reply_to: { _in: $questions }, role: { _eq: "assistant" } }
        distinct_on: [reply_to]
        order_by: [{ reply_to: asc }, { off_path: asc }, { chosen_at: desc }, { id: desc }]
      ) { ...Message }
    }
    """
    + _MESSAGE
)

CHOOSE_VERSION = Operation(
    """
    mutation ChooseVersion($message_id: uuid!) {
      choose_chat_message_version(args: { target_message_id: $message_id }) { ...Message }
    }
    """
    + _MESSAGE
)

RATE_MESSAGE = Operation(
    """
    mutation RateMessage($message_id: uuid!, $rating: String) {
      rate_chat_message(args: { target_message_id: $message_id, rating: $rating }) { ...Message }
    }
    """
    + _MESSAGE
)

DELETE_MESSAGE = Operation(
    """
    mutation DeleteMessage($message_id: uuid!) {
      delete_chat_messages(
        where: { message_id: { _eq: $message_id }, session: { is_active: { _eq: true } } }
      ) { affected_rows }
    }
    """
)

RENEW_ANSWER = Operation(
    """
    mutation RenewAnswer($where: chat_messages_bool_exp!, $set: chat_messages_set_input!) {
      update_chat_messages(where: $where, _set: $set) { affected_rows }
    }
    """
)

MARK_READ = Operation(
    """
    mutation MarkRead($object: chat_read_marks_insert_input!, $last_read_id: bigint!) {
      insert_chat_read_marks_one(
        object: $object
        on_conflict: {
          constraint: chat_read_marks_pkey
          update_columns: [last_read_id]
          where: { last_read_id: { _lt: $last_read_id } }
        }
      ) { last_read_id }
    }
    """
)

SEARCH = Operation(
    """
    query Search($args: search_chat_args!) {
      search_chat(args: $args, order_by: [{ place: asc }]) {
        session_id message_id role title category is_archived off_path snippet rank timestamp
      }
    }
    """
)

CLEAR_MESSAGES = Operation(
    """
    mutation ClearMessages($session_id: uuid!) {
      delete_chat_messages(
        where: { session_id: { _eq: $session_id }, session: { is_active: { _eq: true } } }
      ) { affected_rows }
    }
    """
)

WATCH_MESSAGES = Operation(
    """
    subscription WatchMessages($session_id: uuid!, $limit: Int!) {
      chat_messages(
        where: { session_id: { _eq: $session_id }, off_path: { _eq: false } }
        order_by: [{ place: desc }]
        limit: $limit
      ) { ...Message }
    }
    """
    + _MESSAGE
)

WATCH_PAGE = Operation(
    """
    subscription WatchPage($session_id: uuid!, $limit: Int!) {
      chat_sessions(where: { session_id: { _eq: $session_id }, is_active: { _eq: true } }) {
        revision
        messages(where: { off_path: { _eq: false } }, order_by: [{ place: desc }], limit: $limit) { ...Message }
      }
    }
    """
    + _MESSAGE
)

WATCH_SESSION = Operation(
    """
    subscription WatchSession($session_id: uuid!, $limit: Int!) {
      chat_sessions(where: { session_id: { _eq: $session_id }, is_active: { _eq: true } }) {
        messages(where: { off_path: { _eq: false } }, order_by: [{ id: desc }], limit: $limit) { ...Message }
        # An answer may end when many messages have come after it: that is a change, too.
        under_way: messages(where: { status: { _eq: "streaming" }, off_path: { _eq: false } }) { message_id }
      }
    }
    """
    + _MESSAGE
)

WATCH_SIGN_IN = Operation(
    """
    subscription WatchSignIn($sign_in_id: uuid!) {
      sign_ins(where: { sign_in_id: { _eq: $sign_in_id } }) { sign_in_id }
    }
    """
)
