"""Names a session after its first answer, unless somebody has: by the model, or offline from the question's text."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from typing import TYPE_CHECKING

import structlog

from backend.services.assistant_errors import AssistantError
from backend.services.hasura_client import HasuraError
from backend.services.tasks import end

if TYPE_CHECKING:
    from backend.services.conversation import Assistant, Conversation
    from backend.services.hasura_client import ChatMessage

#: Of a title, in characters.
LONGEST = 60
#: Of a line, what is looked at.
LONGEST_LINE = 1000
#: A model has so long to find one, in seconds.
WITHIN = 20.0
#: Titles that are asked for at the same time; answers come first.
AT_ONCE = 4
#: A session that holds more messages has had its first answer: no need to look.
FEW_MESSAGES = 12

# What Markdown puts before a line, and models and people around a name.
_BEFORE = re.compile(r"^\s*(?:(?:#{1,6}|[>*+-]|\d+[.)]|Title:)\s+)+")
_STRONG = re.compile(r"\*\*(.+?)\*\*|`(.+?)`")
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)
_AROUND = " \t\"'“”„‘’«»`*_"

log = structlog.get_logger(__name__)


class Titles:
    """Tasks of their own: no answer waits for its session's title, and `aclose` waits for none."""

    def __init__(self, assistant: Assistant, *, enabled: bool) -> None:
        self._assistant = assistant
        self._enabled = enabled
        self._free = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def look_at(self, conversation: Conversation, answer: ChatMessage) -> None:
        """To be called when an answer has ended; what it takes happens later."""
        if not self._enabled or answer.status not in ("complete", "stopped") or not answer.content.strip():
            return
        task = asyncio.create_task(self._name(conversation, answer), name=f"title-{answer.session_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """What is under way is given up."""
        await end(*self._tasks)

    async def _name(self, conversation: Conversation, answer: ChatMessage) -> None:
        try:
            session = await conversation.session()
            if not session.auto_title or session.total_messages > FEW_MESSAGES:
                return
            if any(message.role == "assistant" for message in await conversation.history()):
                return
            async with self._free, asyncio.timeout(WITHIN):
                said = await self._assistant.title(conversation.question.content, answer.content)
            title = title_of(said)
            if title and title != session.title:
                await conversation.client.name_chat_session(conversation.token, session.session_id, title)
        except (AssistantError, HasuraError, TimeoutError) as exc:
            log.warning("no_title", session_id=str(answer.session_id), cause=type(exc).__name__)
        except Exception as exc:
            # A defect of an assistant costs a title, nothing else.
            log.exception("title_defect", session_id=str(answer.session_id), exc_info=exc)


def title_of(text: str) -> str:
    """The first line that says something, as a name: plain, at most `LONGEST` characters, cut at a word; or empty."""
    for line in _THOUGHT.sub("", text).splitlines():
        visible = "".join(
            " " if character.isspace() else character
            for character in line[:LONGEST_LINE]
            # Controls, directions, halves of surrogate pairs; joiners hold emoji and scripts together.
            if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co")
            or character.isspace()
            or character in "\u200c\u200d"
        )
        name = " ".join(_STRONG.sub(r"\1\2", _BEFORE.sub("", visible)).strip(_AROUND).split())
        if any(character.isalnum() for character in name):
            return _cut(name)
    return ""


def _cut(name: str) -> str:
    if len(name) <= LONGEST:
        return name
    cut = name[: LONGEST - 1]
    # Scripts without spaces have no words to cut at.
    whole_words = cut[: cut.rfind(" ")] if " " in cut[LONGEST // 3 :] else cut
    return whole_words.rstrip(" ,.;:") + "…"
