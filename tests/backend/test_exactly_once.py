"""The same id sent 50 times at once is one row, whichever way it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from backend.services.hasura_client import HasuraClient
from tests.backend.conftest import Person

AT_ONCE = 50

Send = Callable[[UUID, UUID], Awaitable[object]]


@pytest.mark.parametrize("way", ["rest", "client", "both", "chat"])
async def test_one_message_id_is_one_row_and_one_count(
    api: httpx.AsyncClient, hasura: HasuraClient, ada: Person, backend_database: str, way: str
) -> None:
    made = await api.post("/api/chat/sessions", json={}, headers=ada.headers)
    session, message = UUID(made.json()["session_id"]), uuid4()

    async def rest() -> int:
        body = {"content": "once", "message_id": str(message)}
        answer = await api.post(f"/api/chat/sessions/{session}/messages", json=body, headers=ada.headers)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    async def graphql() -> int:
        return (await hasura.add_chat_message(ada.access_token, session, "once", message_id=message)).id

    async def chat() -> int:
        body = {"session_id": str(session), "content": "once", "message_id": str(message)}
        answer = await api.post("/api/chat", json=body, headers=ada.headers | {"Accept": "application/json"})
        assert answer.status_code == 200, answer.text
        return int(answer.json()["reply"]["id"])

    ways = {"rest": [rest], "client": [graphql], "both": [rest, graphql], "chat": [chat]}[way]
    rows = await asyncio.gather(*(ways[i % len(ways)]() for i in range(AT_ONCE)))

    assert len(set(rows)) == 1
    expected = 2 if way == "chat" else 1  # a turn is a question and one answer
    async with await psycopg.AsyncConnection.connect(backend_database) as connection:
        found = await (
            await connection.execute("SELECT count(*) FROM chat_messages WHERE session_id = %s", [session])
        ).fetchone()
    assert found == (expected,)
    loaded = await api.get(f"/api/chat/sessions/{session}", headers=ada.headers)
    assert loaded.json()["total_messages"] == expected


async def test_one_session_id_is_one_session(api: httpx.AsyncClient, ada: Person) -> None:
    chosen = str(uuid4())
    answers = await asyncio.gather(
        *(
            api.post("/api/chat/sessions", json={"session_id": chosen}, headers=ada.headers)
            for _ in range(AT_ONCE)
        )
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
