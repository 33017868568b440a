"""The messages of GraphQL over WebSocket, typed with their direction; ``ws_dialects`` spells them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hasura.engine.pipeline import GraphQLRequest

# From a client


@dataclass(frozen=True, slots=True)
class ConnectionInit:
    """Opens the session; the headers say who asks, as those of an HTTP request do. Names are lower case."""

    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Starts a query, a mutation or a subscription under an id of the client's choice."""

    id: str
    request: GraphQLRequest


@dataclass(frozen=True, slots=True)
class Complete:
    """The client wants no more of an operation."""

    id: str


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a pong with the same payload."""

    payload: Any = None


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers our ping."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """Apollo's farewell."""


FromClient = ConnectionInit | Subscribe | Complete | Ping | Pong | Terminate

# From the server


@dataclass(frozen=True, slots=True)
class Close:
    """The last thing that a client hears."""

    code: int
    reason: str = ""

    @classmethod
    def because(cls, code: int, text: str) -> Close:
        """Hasura's form of a reason; a close frame holds 123 bytes of it."""
        spare = 123 - len(orjson.dumps({"server_error_msg": f"{code}: "}))
        text = text[:spare]
        while len(orjson.dumps(text)) - 2 > spare:
            text = text[:-1]
        return cls(code, orjson.dumps({"server_error_msg": f"{code}: {text}"}).decode())


ToClient = bytes | Close
