"""A session as Markdown: for people, and for every program that shows notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable
    from datetime import datetime

    from backend.services.hasura_client import ChatMessage, ChatSession

WHO = {"user": "You", "assistant": "Assistant"}
#: How an answer ended that is not whole.
ENDINGS = {"streaming": "still being written", "stopped": "stopped", "failed": "broke off"}


async def written(
    session: ChatSession, messages: AsyncIterable[list[ChatMessage]]
) -> AsyncGenerator[bytes, None]:
    title = " ".join(session.title.split())
    yield f"# {title}\n\n{about(session)}\n".encode()
    async for page in messages:
        yield "".join(f"\n---\n\n## {heading(m)}\n\n{m.content.rstrip()}\n" for m in page).encode()


def about(session: ChatSession) -> str:
    return f"{session.category} · {time(session.created_at)}"


def heading(message: ChatMessage) -> str:
    ending = f" ({ENDINGS[message.status]})" if message.status in ENDINGS else ""
    return f"{WHO.get(message.role, message.role)} · {time(message.timestamp)}{ending}"


def time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
