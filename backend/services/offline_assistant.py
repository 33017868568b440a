"""The assistant without a model: it says what it is, and answers about the session it is asked in."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from backend.services.conversation import Usage, estimated_tokens
from backend.services.offline_texts import (
    connect,
    counts,
    found,
    help_text,
    no_answer,
    nothing_found,
    summary,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from backend.services.conversation import Conversation
    from backend.services.hasura_client import ChatMessage

#: Between two words, in seconds; a long answer is told faster.
PAUSE = 0.015
LONGEST_ANSWER = 2.5


class OfflineAssistant:
    """Streams word by word, as a model does, so that everything around it is the same with one."""

    name = "offline-assistant"

    async def answer(self, conversation: Conversation) -> AsyncGenerator[str | Usage, None]:
        text = await _reply(conversation)
        if begun := conversation.begun:
            text = text.removeprefix(begun) if text.startswith(begun) else f"\n\n{text}"
        asked = estimated_tokens(conversation.question.content)
        yield Usage(asked, estimated_tokens(text), estimated=True)
        words = re.findall(r"\s*\S+|\s+$", text)
        pause = min(PAUSE, LONGEST_ANSWER / max(1, len(words)))
        for word in words:
            yield word
            await asyncio.sleep(pause)

    async def title(self, question: str, answer: str) -> str:  # noqa: ARG002  (what it answers is no subject)
        return question

    async def aclose(self) -> None:
        """Nothing is held."""


async def _reply(conversation: Conversation) -> str:
    question = " ".join(conversation.question.content.split())
    for pattern, skill in _SKILLS:
        if match := pattern.search(question):
            return await skill(conversation, match)
    return no_answer(conversation.question, await conversation.history())


async def _counts(conversation: Conversation, _: re.Match[str]) -> str:
    session, statistics = await asyncio.gather(conversation.session(), conversation.statistics())
    return counts(session, statistics)


async def _summary(conversation: Conversation, _: re.Match[str]) -> str:
    session, history = await asyncio.gather(conversation.session(), conversation.history())
    return summary(session, [message for message in history if not _of_this_assistant(message)])


async def _search(conversation: Conversation, match: re.Match[str]) -> str:
    wanted = match["what"].strip().strip("\"'“”‘’«»?!.").strip()
    if not wanted:
        return "What shall I look for? For example: **search for lisbon**."
    hits = [hit for hit in await conversation.find(wanted, limit=50) if not _of_this_assistant(hit)]
    return found(wanted, hits) if hits else nothing_found(wanted)


async def _connect(_: Conversation, __: re.Match[str]) -> str:
    return connect()


async def _help(_: Conversation, __: re.Match[str]) -> str:
    return help_text()


def _of_this_assistant(message: ChatMessage) -> bool:
    """Its own answers, and the requests to it: noise for who wants to know what was said."""
    if message.role == "user":
        return any(pattern.search(" ".join(message.content.split())) for pattern, _ in _SKILLS)
    return message.metadata.get("model") == OfflineAssistant.name


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


#: The first that fits answers; a search comes first, because what is searched for may be any word.
_SKILLS: tuple[tuple[re.Pattern[str], Callable[[Conversation, re.Match[str]], Awaitable[str]]], ...] = (
    (
        _pattern(
            r"^(?:please |can you |could you )*(?:search|find|look|grep)\b"
            r"(?: (?:this session|this chat|here|up))?(?: for| about)?:? ?(?P<what>.*)$"
        ),
        _search,
    ),
    (
        _pattern(
            r"\b(?:where|when) did (?:i|we|you) (?:mention|say|write|ask|talk)(?: about)? (?P<what>.+)$"
        ),
        _search,
    ),
    (_pattern(r"\bhow many\b|\bcounts?\b|\bstat(?:s|istics)\b|\bhow long is this\b"), _counts),
    (
        _pattern(
            r"\bsummar|\brecap\b|\btl;?dr\b|\bwhat (?:did|have) we (?:talk|discuss|sa(?:y|id)|cover)"
            r"|\bwhat was said\b|\bwhat is this (?:chat|session|conversation) about\b"
        ),
        _summary,
    ),
    (
        _pattern(r"\b(?:connect|configure|set ?up|use|add)\b.*\b(?:model|llm|gpt|openai|ollama|ai)\b"),
        _connect,
    ),
    (
        _pattern(
            r"^(?:help|hi|hello|hey|hallo|good (?:morning|evening|day)|\?)\b"
            r"|\bwho are you\b|\bwhat are you\b|\bwhat can you do\b|^\?+$"
        ),
        _help,
    ),
)
