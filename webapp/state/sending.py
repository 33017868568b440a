"""A message on its way: into the page at once, to the server exactly once, back to its author if it cannot go."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import reflex as rx

from backend.services.hasura_client import HasuraError, NotFound
from webapp.services import services
from webapp.services.api import ApiError
from webapp.services.logins import SignedOut
from webapp.state.asking import Lost, ask
from webapp.state.auth import login_id_of
from webapp.state.calls import with_token
from webapp.state.rows import (
    DEFAULT_TITLE,
    LONGEST_MESSAGE,
    MessageRow,
    SessionRow,
    put,
    title_from,
    uuid_or_none,
    without,
)
from webapp.state.wording import explain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from backend.services.hasura_client import ChatMessage
    from webapp.state.chat_history import ChatHistory

#: Makes the session of a first message from that message's id: sending it again finds the same session.
_FIRST_MESSAGE = UUID("9c0c1d2e-6f0a-4c39-8f3c-5e0b8f5f7a11")


async def send(
    history: ChatHistory, session_id: str, message_id: str, content: str
) -> AsyncIterator[rx.event.EventSpec]:
    """Runs the whole turn in a background handler of `history`, and yields where the page must go."""
    key = uuid_or_none(message_id)
    wanted = uuid_or_none(session_id) if session_id else key and uuid5(_FIRST_MESSAGE, str(key))
    if key is None or wanted is None or not content:
        return
    if len(content) > LONGEST_MESSAGE:
        await _give_back(
            history, message_id, f"A message may have {LONGEST_MESSAGE:,} characters, not {len(content):,}."
        )
        return
    row = MessageRow(message_id, "user", content, datetime.now(UTC).isoformat(), "sending")
    async with history:
        history.error = history.returned_id = ""
        if session_id == history.current_session.session_id:
            history.messages = put(history.messages, row)
    login_id = login_id_of(history)
    try:
        if session_id:
            await _name(history, login_id, wanted, title_from(content))
        else:
            yield await _begin_session(history, login_id, wanted, row)
        await ask(history, login_id, session_id=str(wanted), message_id=message_id, content=content)
    except Lost as lost:
        await _give_back(history, message_id, lost.advice)
    except (HasuraError, ApiError) as exc:
        await _give_back(history, message_id, explain(exc))
    except SignedOut:
        await _give_back(history, message_id, "")
        yield await history._leave("expired")  # noqa: SLF001  (its own code, in a file of its own)


async def ask_again(history: ChatHistory, answer_id: str) -> None:
    """Raises SignedOut, HasuraError, ApiError; a question that does not arrive becomes the page's error."""
    login_id, client = login_id_of(history), services().graphql

    async def find(message_id: UUID | None) -> ChatMessage:
        if message_id is None:
            raise NotFound("no such message")
        found = await with_token(login_id, lambda token: client.get_chat_message(token, message_id))
        if found is None:
            raise NotFound("no such message")
        return found

    question = await find((await find(uuid_or_none(answer_id))).reply_to)
    try:
        await ask(
            history,
            login_id,
            session_id=str(question.session_id),
            message_id=str(question.message_id),
            content=question.content,
        )
    except Lost as lost:
        async with history:
            history.error = lost.advice


async def _begin_session(history: ChatHistory, login_id: str, session_id: UUID, row: MessageRow) -> Any:
    title, client = title_from(row.content), services().graphql
    await with_token(
        login_id, lambda token: client.create_chat_session(token, title=title, session_id=session_id)
    )
    async with history:
        history._show(str(session_id))  # noqa: SLF001
        history.current_session = SessionRow(session_id=str(session_id), title=title)
        history.messages, history.loading = [row], False
    return rx.redirect(f"/chat/{session_id}")


async def _name(history: ChatHistory, login_id: str, session_id: UUID, title: str) -> None:
    """A session that nobody named is named by its first message."""
    current, client = history.current_session, services().graphql
    unnamed = (current.title, current.total_messages) == (DEFAULT_TITLE, 0)
    if not unnamed or current.session_id != str(session_id):
        return
    changed = await with_token(
        login_id, lambda token: client.update_chat_session(token, session_id, title=title)
    )
    async with history:
        history._take_session(SessionRow.of(changed))  # noqa: SLF001


async def _give_back(history: ChatHistory, message_id: str, advice: str) -> None:
    """The composer takes the text back; `advice` says why."""
    async with history:
        history.messages = without(history.messages, message_id)
        history.returned_id, history.error = message_id, advice
