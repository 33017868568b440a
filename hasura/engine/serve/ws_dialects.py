"""The two protocols of GraphQL over WebSocket: how each spells a message, and what it does about an offence.

* ``graphql-transport-ws``: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
* ``graphql-ws``, Apollo's older one:
  https://github.com/apollographql/subscriptions-transport-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from hasura.engine.errors import (
    ConstraintViolation,
    DatabaseUnavailable,
    DataException,
    ParseFailed,
    PermissionFailed,
    StartFailed,
)
from hasura.engine.metadata_ops.arguments import expect, field

from . import bodies
from .ws_messages import Close, Complete, ConnectionInit, Ping, Pong, Subscribe, Terminate

if TYPE_CHECKING:
    from hasura.engine.errors import EngineError

    from .ws_messages import FromClient, ToClient

#: The operation was sound, PostgreSQL refused to carry it out: Apollo's dialect sends that as data.
_EXECUTION_ERRORS = (ConstraintViolation, DataException, PermissionFailed, DatabaseUnavailable)


class Dialect(ABC):
    """What the two protocols share. Most methods answer the messages to send, in order."""

    subprotocol: ClassVar[str]
    #: Their name of a message by ours.
    words: ClassVar[dict[str, str]]

    def read(self, text: str | bytes) -> FromClient:
        """:raises InvalidJSON, ParseFailed: not a message of this protocol."""
        message = expect(dict, bodies.parse_json(text), "$", "ClientMessage")
        kind = self.words.get(expect(str, field(message, "type", "$"), "$.type", "Text"))
        match kind:
            case "init":
                return ConnectionInit(_headers(message.get("payload")))
            case "subscribe":
                payload = field(message, "payload", "$")
                return Subscribe(_id(message), bodies.graphql_request(payload, "$.payload"))
            case "complete":
                return Complete(_id(message))
            case "ping":
                return Ping(message.get("payload"))
            case "pong":
                return Pong()
            case "terminate":
                return Terminate()
            case _:
                raise ParseFailed(f"unexpected type for ClientMessage: {message['type'][:100]}")

    def acknowledged(self) -> list[ToClient]:
        """The session is open."""
        return [_message("connection_ack"), *self.keep_alive()]

    @abstractmethod
    def keep_alive(self) -> list[ToClient]:
        """Sent every few seconds."""

    def pong(self, payload: Any) -> list[ToClient]:
        """Answers a ping."""
        return [_message("pong") if payload is None else _message("pong", payload=payload)]

    def result(self, operation: str, answer: bytes) -> bytes:
        """``answer`` is the JSON text of ``{"data": …}``; more may follow."""
        head = orjson.dumps({"type": self.words["result"], "id": operation})
        return bytes(head[:-1] + b',"payload":' + answer + b"}")

    def failed_refresh(self, operation: str, error: EngineError) -> list[ToClient]:
        """A live query that works no longer, for now."""
        return [self.result(operation, orjson.dumps({"data": None, "errors": [error.graphql()]}))]

    def completed(self, operation: str) -> list[ToClient]:
        """Nothing more will come."""
        return [_message("complete", id=operation)]

    @abstractmethod
    def failed(self, operation: str, error: EngineError) -> list[ToClient]:
        """The operation ends with an error."""

    @abstractmethod
    def unreadable(self, error: EngineError) -> list[ToClient]:
        """The client's message is not of this protocol."""

    @abstractmethod
    def refused(self, error: EngineError) -> list[ToClient]:
        """Nobody whom we know asks."""

    @abstractmethod
    def silent(self) -> list[ToClient]:
        """No connection_init came in time."""

    @abstractmethod
    def too_early(self, operation: str) -> list[ToClient]:
        """An operation before the session is open."""

    @abstractmethod
    def taken(self, operation: str) -> list[ToClient]:
        """The id is in use."""


class TransportWs(Dialect):
    """``graphql-transport-ws``: whoever breaks the protocol is disconnected with its code."""

    subprotocol = "graphql-transport-ws"
    words: ClassVar = {
        "connection_init": "init",
        "subscribe": "subscribe",
        "complete": "complete",
        "ping": "ping",
        "pong": "pong",
        "result": "next",
    }

    def keep_alive(self) -> list[ToClient]:
        return [_message("ping", payload={"message": "keepalive"})]

    def failed(self, operation: str, error: EngineError) -> list[ToClient]:
        # The specification sends no "complete" after an error; Hasura does, and clients ignore it.
        return [_message("error", id=operation, payload=[error.graphql()]), *self.completed(operation)]

    def unreadable(self, error: EngineError) -> list[ToClient]:
        return [Close.because(4400, f"Parsing client message failed: {error.message}")]

    def refused(self, error: EngineError) -> list[ToClient]:  # noqa: ARG002 - Hasura does not say why
        return [Close.because(4403, "Forbidden")]

    def silent(self) -> list[ToClient]:
        return [Close(4408, "Connection initialisation timed out")]

    def too_early(self, operation: str) -> list[ToClient]:  # noqa: ARG002 - it closes the connection
        return [Close.because(4401, "Unauthorized")]

    def taken(self, operation: str) -> list[ToClient]:
        return [Close.because(4409, f"Subscriber for {operation} already exists")]


class Apollo(Dialect):
    """``graphql-ws``: errors are messages, and most of them leave the connection open."""

    subprotocol = "graphql-ws"
    words: ClassVar = {
        "connection_init": "init",
        "start": "subscribe",
        "stop": "complete",
        "connection_terminate": "terminate",
        "result": "data",
    }

    def keep_alive(self) -> list[ToClient]:
        return [_message("ka")]

    def failed(self, operation: str, error: EngineError) -> list[ToClient]:
        if isinstance(error, _EXECUTION_ERRORS):
            return [*self.failed_refresh(operation, error), *self.completed(operation)]
        refusal = _message("error", id=operation, payload={"errors": [error.graphql()]})
        return [refusal, *self.completed(operation)]

    def unreadable(self, error: EngineError) -> list[ToClient]:
        return [_message("connection_error", payload=f"parsing ClientMessage failed: {error.message}")]

    def refused(self, error: EngineError) -> list[ToClient]:
        return [
            _message("connection_error", payload=error.message),
            Close.because(4400, f"Connection initialization failed: {error.message}"),
        ]

    def silent(self) -> list[ToClient]:
        return [Close(1011, "Connection initialisation timed out")]

    def too_early(self, operation: str) -> list[ToClient]:
        return self._not_started(operation, "start received before the connection is initialised")

    def taken(self, operation: str) -> list[ToClient]:
        return self._not_started(operation, f"an operation already exists with this id: {operation}")

    def _not_started(self, operation: str, reason: str) -> list[ToClient]:
        refusal = _message("error", id=operation, payload=StartFailed(reason).graphql())
        return [refusal, *self.completed(operation)]


TRANSPORT_WS, APOLLO = TransportWs(), Apollo()


def _message(kind: str, **fields: Any) -> bytes:
    return orjson.dumps({"type": kind, **fields})


def _id(message: dict[str, Any]) -> str:
    return str(expect(str, field(message, "id", "$"), "$.id", "Text"))


def _headers(payload: Any) -> dict[str, str]:
    if payload is None:
        return {}
    headers = expect(dict, payload, "$.payload", "ConnParams").get("headers")
    if headers is None:
        return {}
    expect(dict, headers, "$.payload.headers", "HashMap ~Text")
    return {
        name.lower(): str(expect(str, value, f"$.payload.headers['{name}']", "Text"))
        for name, value in headers.items()
    }
