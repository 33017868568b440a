"""An account that is deleted leaves nothing: every table, every column and Redis are looked through."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from uuid import uuid4

import httpx
import psycopg
import pytest
import redis
from psycopg import sql

from backend.main import create_app
from tests.backend.conftest import PASSWORD, Person, register, running, settings_for
from tests.backend.test_transfer import a_chat, bring, our_file, take
from tests.conftest import RedisServer

#: The longest window of a limit, in seconds: a day's tokens.
LONGEST = 86_400


@pytest.fixture
def marker() -> str:
    """A word that is in all that this person writes, and nowhere else."""
    return f"marker{secrets.token_hex(6)}"


async def live(api: httpx.AsyncClient, marker: str, database_url: str) -> Person:
    """Leaves something in every place that the API has: a fault here is a place that is not looked at."""
    who = await register(api, marker)
    await api.patch("/auth/me", json={"display_name": marker}, headers=who.headers)
    credentials = {"username": who.username, "password": f"{marker} guessed"}
    assert (await api.post("/auth/login", json=credentials)).status_code == 401
    made = await api.post(
        "/api/chat/sessions/create", json={"title": marker, "category": marker}, headers=who.headers
    )
    session = made.json()["session_id"]
    question = {"session_id": session, "content": marker, "message_id": str(uuid4())}
    answer = await api.post("/api/chat", json=question, headers=who.headers | {"Accept": "application/json"})
    assert answer.status_code == 200, answer.text
    edit = {**question, "message_id": str(uuid4()), "edit_of": question["message_id"]}
    edited = await api.post("/api/chat", json=edit, headers=who.headers | {"Accept": "application/json"})
    assert edited.status_code == 200, edited.text
    await bring(api, who, our_file(a_chat(marker, "an answer", title=marker)))
    await take(api, who)
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute(
            "INSERT INTO chat_read_marks (session_id, device_id, user_id, last_read_id)"
            " SELECT session_id, gen_random_uuid(), user_id, max(id) FROM chat_messages"
            " WHERE user_id = %s GROUP BY session_id, user_id",
            [who.id],
        )
    return who


def traces(database_url: str, *words: str) -> Iterator[tuple[str, str]]:
    """(table, row) of every row in every schema that has one of the words in any column, however it is written."""
    with psycopg.connect(database_url) as database:
        tables = database.execute(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert len(tables) > 10
        for schema, table in tables:
            rows = sql.SQL("SELECT t::text FROM {} AS t WHERE t::text ILIKE ANY (%s)").format(
                sql.Identifier(schema, table)
            )
            for (row,) in database.execute(rows, [[f"%{word}%" for word in words]]):
                yield table, row


async def test_nothing_of_an_erased_account_is_left_anywhere_but_that_it_was_erased(
    backend_database: str, graphql_url: str, redis_server: RedisServer, marker: str
) -> None:
    settings = settings_for(backend_database, graphql_url, redis_url=redis_server.url)
    async with running(create_app(settings)) as api:
        who = await live(api, marker, backend_database)
        words = (marker, str(who.id))
        before = {table for table, _ in traces(backend_database, *words)}
        with psycopg.connect(backend_database) as database:
            named = database.execute(
                "SELECT DISTINCT table_name FROM information_schema.columns JOIN information_schema.tables"
                " USING (table_schema, table_name)"
                " WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND column_name = 'user_id'"
            ).fetchall()
        empty = {"chat_search_hits"}  # the shape of an answer: it never has a row
        assert before == {name for (name,) in named} - empty | {"users"}, "each was in use"
        answer = await api.request("DELETE", "/auth/me", json={"password": PASSWORD}, headers=who.headers)
        assert answer.status_code == 204

        left = list(traces(backend_database, *words))
        assert {table for table, _ in left} == {"audit_log"}
        assert not [row for _, row in left if marker in row], "no name, no text"
        with psycopg.connect(backend_database) as database:
            lines = database.execute(
                "SELECT event, address FROM audit_log WHERE user_id = %s ORDER BY id", [who.id]
            ).fetchall()
        assert {"account_created", "account_deleted", "account_erased"} <= {event for event, _ in lines}
        assert {address for _, address in lines} == {""}

        with redis.Redis.from_url(redis_server.url) as store:
            counted = [key for key in store.scan_iter() if any(word.encode() in key for word in words)]
            assert counted, "the limits count by name and id"
            assert all(0 < store.ttl(key) <= LONGEST for key in counted), "and forget"
