"""What the offline assistant says, in Markdown."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backend.services.hasura_client import ChatMessage, ChatSession, SessionStatistics

_AS_MANY_HITS = 10
_QUOTED = 140
_AS_MANY_TOPICS = 6
_AS_MANY_QUESTIONS = 5
_AS_MANY_RELATED = 3

_COMMON = frozenset(
    word
    for line in (
        "about after all also and any are because been but can could did does for from get had has have",
        "her him his how into its just like more not now one our out please said say she some than that the",
        "their them then there these they this too use was were what when where which who why will with",
        "would you your",
    )
    for word in line.split()
)

_CONNECT = """\
To connect a model, set these in the environment of the backend and start it again:

```sh
CHAT_LLM_BASE_URL=http://127.0.0.1:11434/v1   # anything OpenAI-compatible: Ollama, vLLM, a hosted one
CHAT_LLM_MODEL=llama3.2                       # a model that it serves
CHAT_LLM_API_KEY=…                            # where the provider wants one
```
"""

_ABILITIES = """\
- **how many messages** – counts of this session
- **summarise** – what was said so far
- **search for** *word* – every message with it
- **connect a model** – how to get real answers
"""


def help_text() -> str:
    return (
        "Hello! I am the **built-in offline assistant**, not a language model: none is connected yet."
        " About this session I can tell you:\n\n" + _ABILITIES
    )


def no_answer(question: ChatMessage, history: list[ChatMessage]) -> str:
    """In full the first time; then short, with what was said before about the same."""
    if any(message.role == "assistant" for message in history):
        return (
            "Saved. No language model is connected, so I cannot answer this; I can **count**, **summarise** and"
            " **search** this session, or tell you how to **connect a model**." + _related(question, history)
        )
    return (
        "Your message is saved. I cannot answer it: I am the **built-in offline assistant**, and no language"
        " model is connected. What I can do is about this session:\n\n" + _ABILITIES + "\n" + _CONNECT
    )


def connect() -> str:
    return (
        "I am the **built-in offline assistant**. "
        + _CONNECT
        + "\nYour sessions stay as they are; a question that I could not answer can be asked again."
    )


def counts(session: ChatSession, statistics: SessionStatistics) -> str:
    lines = [
        f"**{plain(session.title)}** has **{_many(session.total_messages, 'message')}**, with this answer:",
        "",
        f"- {statistics.user} from you",
        f"- {_many(statistics.assistant, 'finished answer')} from the assistant",
    ]
    if statistics.first_at is not None:
        lines.append(f"- the first from {statistics.first_at:%d %B %Y}")
    return "\n".join(lines)


def summary(session: ChatSession, history: list[ChatMessage]) -> str:
    asked = [message for message in history if message.role == "user"]
    if not asked:
        return f"Nothing was said in **{plain(session.title)}** yet, apart from requests to me."
    lines = [f"**{plain(session.title)}** so far, in your own words:", ""]
    if topics := _topics(asked):
        lines += ["Most about: " + ", ".join(f"*{plain(topic)}*" for topic in topics) + ".", ""]
    shown = asked if len(asked) <= _AS_MANY_QUESTIONS + 1 else [asked[0], *asked[-_AS_MANY_QUESTIONS:]]
    for message in shown:
        lines.append(f"1. {_quote(message.content)}")
        if message is asked[0] and len(shown) < len(asked):
            lines.append(f"1. … {len(asked) - len(shown)} more …")
    answers = len(history) - len(asked)
    lines += ["", f"{_many(len(asked), 'message')} of yours and {_many(answers, 'answer')} were looked at."]
    return "\n".join(lines)


def found(wanted: str, hits: list[ChatMessage]) -> str:
    shown = hits[-_AS_MANY_HITS:]
    more = "more than " if len(hits) > len(shown) else ""
    lines = [f"“{plain(wanted)}” is in {more}**{_many(len(shown), 'message')}** before this one:", ""]
    for hit in shown:
        who = "you" if hit.role == "user" else hit.role
        lines.append(f"- {who}, {hit.timestamp:%d %b %Y}: {_around(hit.content, wanted)}")
    return "\n".join(lines)


def nothing_found(wanted: str) -> str:
    return f"“{plain(wanted)}” is nowhere in this session before your question."


def plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|~$])", r"\\\1", " ".join(text.split()))


def _quote(text: str) -> str:
    line = " ".join(text.split())
    return f"“{plain(line[:_QUOTED])}{'…' if len(line) > _QUOTED else ''}”"


def _around(text: str, wanted: str) -> str:
    line = " ".join(text.split())
    match = re.search(re.escape(wanted), line, re.IGNORECASE)
    if match is None:
        return _quote(text)
    start = max(0, match.start() - _QUOTED // 2)
    end = min(len(line), match.end() + _QUOTED // 2)
    before, after = plain(line[start : match.start()]), plain(line[match.end() : end])
    # plain() strips, so the space next to the match is put back.
    left = " " if line[start : match.start()].endswith(" ") else ""
    right = " " if line[match.end() : end].startswith(" ") else ""
    first, last = ("…" if start else ""), ("…" if end < len(line) else "")
    return f"{first}{before}{left}**{plain(match[0])}**{right}{after}{last}"


def _related(question: ChatMessage, history: list[ChatMessage]) -> str:
    words = _words(question)
    near = [message for message in history if message.role == "user" and words & _words(message)]
    if not near:
        return ""
    return "\n\nFrom earlier, on the same:\n\n" + "\n".join(
        f"- {_quote(m.content)}" for m in near[-_AS_MANY_RELATED:]
    )


def _topics(messages: list[ChatMessage]) -> list[str]:
    words: Counter[str] = Counter()
    for message in messages:
        words.update(_words(message))
    return [word for word, times in words.most_common(_AS_MANY_TOPICS) if times > 1]


def _words(message: ChatMessage) -> set[str]:
    return {word for word in re.findall(r"[^\W\d_]{3,}", message.content.lower()) if word not in _COMMON}


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
