"""The schema with the keys that Citus needs, on plain PostgreSQL: the same service, as far as anybody can see."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import psycopg
import pytest

from backend.main import create_app
from tests.backend.conftest import ROOT, engine_process, register, running, settings_for
from tests.conftest import free_port, new_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from backend.embedded_postgres import EmbeddedPostgres

DISTRIBUTED = ("chat_sessions", "chat_messages", "chat_branches", "chat_read_marks", "token_usage")
#: Of every user, on every node: a reference table in Citus.
REFERENCE = ("users",)


@pytest.fixture(scope="module")
def keyed_database(postgres18: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    with new_database(postgres18, migrated_template) as url:
        with psycopg.connect(url, autocommit=True) as db:
            db.execute((ROOT / "sql" / "citus" / "keys.sql").read_bytes())
        yield url


@pytest.fixture(scope="module")
async def api_of_it(keyed_database: str) -> AsyncIterator[httpx.AsyncClient]:
    port = free_port()
    with engine_process(keyed_database, port):
        settings = settings_for(keyed_database, f"http://127.0.0.1:{port}/v1/graphql")
        async with running(create_app(settings)) as api:
            yield api


def test_every_table_with_a_users_rows_is_distributed_or_said_not_to_be(keyed_database: str) -> None:
    with psycopg.connect(keyed_database) as db:
        rows = db.execute(
            "SELECT table_name FROM information_schema.columns JOIN information_schema.tables USING (table_name)"
            " WHERE tables.table_schema = 'public' AND table_type = 'BASE TABLE' AND column_name = 'user_id'"
        )
        found = {name for (name,) in rows}
    # Accounts' own tables stay on the coordinator; a table of search hits never has a row.
    assert found - set(DISTRIBUTED) == {"refresh_tokens", "sign_ins", "audit_log", "chat_search_hits"}


@pytest.mark.parametrize("table", DISTRIBUTED)
def test_unique_keys_begin_with_the_distribution_column(keyed_database: str, table: str) -> None:
    with psycopg.connect(keyed_database) as db:
        keys = db.execute(
            "SELECT i.indexrelid::regclass::text, a.attname FROM pg_index AS i"
            "  JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
            " WHERE i.indrelid = %s::regclass AND i.indisunique",
            [table],
        ).fetchall()
    assert keys
    assert {first for _, first in keys} == {"user_id"}, keys


@pytest.mark.parametrize("table", DISTRIBUTED)
def test_references_stay_with_the_user(keyed_database: str, table: str) -> None:
    """Citus takes a reference between distributed tables only where both sides name the distribution column."""
    with psycopg.connect(keyed_database) as db:
        references = db.execute(
            "SELECT c.conname, c.confrelid::regclass::text, a.attname, b.attname FROM pg_constraint AS c"
            "  JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
            "  JOIN pg_attribute AS b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[1]"
            " WHERE c.conrelid = %s::regclass AND c.contype = 'f'",
            [table],
        ).fetchall()
    assert references
    for name, target, own, other in references:
        assert (target in REFERENCE and other == "id") or (own == other == "user_id"), name


async def test_the_service_is_the_same(api_of_it: httpx.AsyncClient) -> None:
    """A story through the API: sent twice, edited, answered, searched, counted, cleared, deleted."""
    user = await register(api_of_it)
    ask = {"headers": user.headers}
    session = (await api_of_it.post("/api/chat/sessions", json={"title": "Keys"}, **ask)).json()["session_id"]
    path = f"/api/chat/sessions/{session}"
    message = {"message_id": str(uuid4()), "content": "an unusual xylophone"}
    answers = await asyncio.gather(
        *(api_of_it.post(f"{path}/messages", json=message, **ask) for _ in range(5))
    )
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    edit = {"content": "an unusual zither", "edit_of": message["message_id"]}
    assert (await api_of_it.post(f"{path}/messages", json=edit, **ask)).status_code == 201
    page = (await api_of_it.get(f"{path}/messages", **ask)).json()["items"]
    assert [item["content"] for item in page] == ["an unusual zither"]
    assert len(page[0]["versions"]) == 2
    found = (await api_of_it.get("/api/chat/search", params={"q": "xylophone"}, **ask)).json()
    assert [hit["message_id"] for hit in found["items"]] == [message["message_id"]]
    assert (await api_of_it.get(path, **ask)).json()["total_messages"] == 2

    # Somebody else's ids lead nowhere.
    stranger = await register(api_of_it)
    refused = await api_of_it.post(f"{path}/messages", json=message, headers=stranger.headers)
    assert refused.status_code == 404
    assert (await api_of_it.get(path, headers=stranger.headers)).status_code == 404

    assert (await api_of_it.delete(f"{path}/messages", **ask)).json() == {"deleted": 2}
    assert (await api_of_it.get(path, **ask)).json()["total_messages"] == 0
    assert (await api_of_it.delete(path, **ask)).status_code in {200, 204}
    assert (await api_of_it.get(path, **ask)).status_code == 404


async def test_an_answer_begins_grows_and_ends(api_of_it: httpx.AsyncClient) -> None:
    user = await register(api_of_it)
    created = await api_of_it.post("/api/chat/sessions", json={}, headers=user.headers)
    body = {"session_id": created.json()["session_id"], "content": "hello"}
    answer = await api_of_it.post("/api/chat", json=body, headers=user.headers)
    assert answer.status_code == 200
    assert "event: done" in answer.text
