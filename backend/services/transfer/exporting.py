"""The file that an export is: its name, its kind, and its content in pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from backend.services.transfer import markdown, own_json, pdf
from backend.services.transfer.zip_stream import Entry, base_name, file_name, zipped

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable
    from datetime import datetime

    from backend.services.hasura_client import ChatSession
    from backend.services.transfer.leaving import Leaving

Format = Literal["markdown", "json", "pdf"]


@dataclass(frozen=True, slots=True)
class File:
    name: str
    media_type: str
    content: AsyncGenerator[bytes, None]


async def of_session(leaving: Leaving, session: ChatSession, wanted: Format, now: datetime) -> File:
    """Raises HasuraError, where nothing of it can be read."""
    name = base_name(session)
    match wanted:
        case "markdown":
            content = markdown.written(session, leaving.open_path(session.session_id))
            return File(f"{name}.md", "text/markdown; charset=utf-8", content)
        case "json":
            return File(f"{name}.json", "application/json", _json(leaving, _each(session), now))
        case "pdf":
            documents = _documents(leaving, session)
            first = await anext(documents)
            second = await anext(documents, None)
            if second is None:
                return File(f"{name}.pdf", "application/pdf", _whole(first))
            several = _chained([first, second], documents)
            return File(f"{name}.zip", "application/zip", zipped(_numbered(session, several)))


def of_all(leaving: Leaving, wanted: Format, now: datetime) -> File:
    name = f"chat-sessions-{now:%Y-%m-%d}"
    match wanted:
        case "markdown":
            return File(f"{name}.zip", "application/zip", zipped(_all_markdown(leaving)))
        case "json":
            sessions = leaving.sessions(deleted=True)
            return File(f"{name}.json", "application/json", _json(leaving, sessions, now))
        case "pdf":
            return File(f"{name}.zip", "application/zip", zipped(_all_documents(leaving)))


async def _json(
    leaving: Leaving, sessions: AsyncIterable[ChatSession], now: datetime
) -> AsyncGenerator[bytes, None]:
    yield own_json.beginning(now)
    comma = b""
    async for session in sessions:
        yield comma
        async for piece in own_json.written(session, leaving.whole(session.session_id)):
            yield piece
        comma = b","
    yield own_json.ENDING


async def _all_markdown(leaving: Leaving) -> AsyncGenerator[Entry, None]:
    async for session in leaving.sessions(deleted=False):
        content = markdown.written(session, leaving.open_path(session.session_id))
        yield file_name(session, ".md"), session.updated_at, content


async def _all_documents(leaving: Leaving) -> AsyncGenerator[Entry, None]:
    async for session in leaving.sessions(deleted=False):
        documents = _documents(leaving, session)
        first = await anext(documents)
        second = await anext(documents, None)
        if second is None:
            yield file_name(session, ".pdf"), session.updated_at, _whole(first)
            continue
        async for entry in _numbered(session, _chained([first, second], documents)):
            yield entry


async def _numbered(session: ChatSession, documents: AsyncIterable[bytes]) -> AsyncGenerator[Entry, None]:
    part = 0
    async for document in documents:
        part += 1
        yield file_name(session, f" part {part}.pdf"), session.updated_at, _whole(document)


async def _documents(leaving: Leaving, session: ChatSession) -> AsyncGenerator[bytes, None]:
    part = 0
    async for messages in pdf.parts(leaving.open_path(session.session_id)):
        part += 1
        yield await pdf.document(session, messages, part)


async def _each(session: ChatSession) -> AsyncGenerator[ChatSession, None]:
    yield session


async def _whole(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content


async def _chained(first: list[bytes], others: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    for document in first:
        yield document
    async for document in others:
        yield document
