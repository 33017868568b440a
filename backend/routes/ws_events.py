"""Every event of the WebSocket API, both ways; docs/websocket.md shows each."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter

from backend.routes.text import Content
from backend.services.hasura_client import ChatMessage, ChatSession

# From the client


class Auth(BaseModel):
    """The first frame, unless the handshake had an Authorization header; later: the token that goes on with."""

    type: Literal["auth"]
    token: Annotated[str, Field(max_length=8192)]


class Send(BaseModel):
    """A message. `id` is its `message_id`: sent again with the same one it is stored once."""

    type: Literal["send"]
    id: UUID
    content: Content
    ask: bool = True
    edit_of: UUID | None = Field(None, description="the question that yours becomes another version of")


class Stop(BaseModel):
    """Ends an answer that is being written; `message_id` is the answer's."""

    type: Literal["stop"]
    message_id: UUID


class Typing(BaseModel):
    """Repeat it every few seconds while it is true."""

    type: Literal["typing"]
    typing: bool


class Ping(BaseModel):
    type: Literal["ping"]
    id: Annotated[str, Field(max_length=100)] | int | None = None


ChatClientEvent = Auth | Send | Stop | Typing | Ping
StatusClientEvent = Auth | Ping
CHAT_CLIENT: TypeAdapter[ChatClientEvent] = TypeAdapter(
    Annotated[ChatClientEvent, Field(discriminator="type")]
)
STATUS_CLIENT: TypeAdapter[StatusClientEvent] = TypeAdapter(
    Annotated[StatusClientEvent, Field(discriminator="type")]
)
FIRST: TypeAdapter[Auth] = TypeAdapter(Auth)

# From the server


class Ready(BaseModel):
    """The first event, and the answer to a later `auth`."""

    type: Literal["ready"] = "ready"
    connection_id: str
    session: ChatSession
    expires_at: AwareDatetime = Field(description="of the token: send a new one before")
    cursor: str | None = Field(None, description="of the first `ready` of a chat: what happens next is heard")


class Message(BaseModel):
    """Is new, or has changed. While an answer is `streaming` its `content` is empty: the text comes in deltas."""

    type: Literal["message"] = "message"
    cursor: str
    message: ChatMessage


class Removed(BaseModel):
    type: Literal["removed"] = "removed"
    cursor: str
    message_ids: list[UUID]


class Reset(BaseModel):
    """The cursor did not lead here: forget the session's messages, the newest ones follow."""

    type: Literal["reset"] = "reset"
    cursor: str


class Turn(BaseModel):
    """The text of `run` follows from `offset` on; so many characters of what the reader has are right."""

    type: Literal["turn"] = "turn"
    user_message_id: UUID | None
    assistant_message_id: UUID
    run: str
    offset: int


class Delta(BaseModel):
    """More text of an answer; with it, it is `offset` characters long."""

    type: Literal["delta"] = "delta"
    message_id: UUID
    run: str
    offset: int
    text: str


class Ack(BaseModel):
    """Your message is stored."""

    type: Literal["ack"] = "ack"
    id: UUID
    assistant_message_id: UUID | None = None


class TypingSeen(BaseModel):
    """Somebody else, on another connection."""

    type: Literal["typing"] = "typing"
    connection_id: str
    user_id: UUID
    client: str | None
    typing: bool


class Connected(BaseModel):
    connection_id: str
    user_id: UUID
    client: str | None
    since: AwareDatetime
    typing: bool


class PresenceSeen(BaseModel):
    """Everybody who has the session open, now."""

    type: Literal["presence"] = "presence"
    present: list[Connected]


class Health(BaseModel):
    """What answers depend on, as this process sees it."""

    type: Literal["health"] = "health"
    graphql: Literal["ok", "down"]
    bus: Literal["ok", "down"]


class Pong(BaseModel):
    type: Literal["pong"] = "pong"
    id: str | int | None


class Failed(BaseModel):
    """Problem details; `id` is the client's, of the event that failed. Some are followed by the end."""

    type: Literal["error"] = "error"
    id: UUID | None = None
    problem: dict[str, Any]
