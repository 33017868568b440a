"""What an assistant is given to answer from: one question and the session before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from backend.services.hasura_client import ChatMessage, ChatSession, HasuraClient, SessionStatistics

#: Messages that are read for a history; the budget in tokens may keep fewer.
HISTORY_MESSAGES = 60
#: A usual estimate for Latin text. An exact count needs the model's own tokenizer, which only the model has.
CHARS_PER_TOKEN = 4
#: What a message costs besides its text: role and separators.
TOKENS_PER_MESSAGE = 4


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer takes, as far as is known; `cut` when the model itself stopped at a limit of length."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    estimated: bool = False
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """Read with the asker's own token: an assistant sees what its user may see.

    `begun` is the text of an answer that broke off and is to go on; usually empty.
    """

    client: HasuraClient
    token: str
    question: ChatMessage
    begun: str = ""

    async def session(self) -> ChatSession:
        return await self.client.get_chat_session(self.token, self.question.session_id)

    async def statistics(self) -> SessionStatistics:
        return await self.client.get_session_statistics(self.token, self.question.session_id)

    async def history(self, limit: int = HISTORY_MESSAGES) -> list[ChatMessage]:
        """What was said before the question, oldest first: the conversation that is open, without answers that
        failed or never began."""
        said = await self.client.get_messages_before(
            self.token, self.question.session_id, self.question.place, limit=limit
        )
        return [m for m in said if m.content.strip() and m.status in ("complete", "stopped")]

    async def find(self, text: str, *, limit: int = 20) -> list[ChatMessage]:
        return await self.client.find_in_session(
            self.token, self.question.session_id, text, before=self.question.place, limit=limit
        )


class Assistant(Protocol):
    """Answers a question piece by piece, and says what it takes when it knows.

    Raises an AssistantError or a HasuraError.
    """

    @property
    def name(self) -> str:
        """Kept in the metadata of each answer as ``model``."""

    def answer(self, conversation: Conversation) -> AsyncGenerator[str | Usage, None]: ...

    async def title(self, question: str, answer: str) -> str:
        """Words from which a session's title can be made; perhaps more than that, perhaps none."""

    async def aclose(self) -> None: ...


def within_budget(messages: list[ChatMessage], tokens: int) -> list[ChatMessage]:
    """The newest messages that fit into `tokens`, in their order; never a part of one."""
    kept: list[ChatMessage] = []
    for message in reversed(messages):
        tokens -= estimated_tokens(message.content)
        if tokens < 0:
            break
        kept.append(message)
    return kept[::-1]


def estimated_tokens(text: str) -> int:
    return -(-len(text) // CHARS_PER_TOKEN) + TOKENS_PER_MESSAGE
