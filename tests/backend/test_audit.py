"""What the API tells the audit log, and who may read it: admins only."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.backend.conftest import PASSWORD, Person
from tests.backend.test_transfer import a_chat, bring, our_file, take


async def test_sign_ins_that_fail_are_told_with_their_address_and_without_what_was_typed(
    accounts_api: httpx.AsyncClient, backend_database: str
) -> None:
    name, typed = f"ada-{secrets.token_hex(4)}", f"my-password-{secrets.token_hex(4)}"
    made = await accounts_api.post("/auth/register", json={"username": name, "password": PASSWORD})
    user_id = made.json()["user"]["id"]
    for username in (name.upper(), typed):
        answer = await accounts_api.post("/auth/login", json={"username": username, "password": typed})
        assert answer.status_code == 401
    with psycopg.connect(backend_database) as database:
        rows = database.execute(
            "SELECT event, address <> '' FROM audit_log WHERE user_id = %s ORDER BY id", [user_id]
        ).fetchall()
        assert rows == [("account_created", False), ("signed_in", True), ("sign_in_failed", True)]
        texts = str(database.execute("SELECT audit_log::text FROM audit_log").fetchall())
    assert typed not in texts
    assert PASSWORD not in texts


def told(database_url: str, who: Person) -> list[tuple[Any, ...]]:
    """(event, subject, whether there is an address, details), after the account's beginning and sign-in."""
    with psycopg.connect(database_url) as database:
        rows = database.execute(
            "SELECT event, subject, address <> '', details FROM audit_log WHERE user_id = %s ORDER BY id",
            [who.id],
        ).fetchall()
    return [row for row in rows if row[0] not in {"account_created", "signed_in"}]


async def test_what_comes_and_what_leaves_is_told_before_it_has_left(
    api: httpx.AsyncClient, backend_database: str, ada: Person
) -> None:
    chat = a_chat("a question", "an answer", title="SECRET TITLE")
    summary = await bring(api, ada, our_file(chat))
    assert summary["new"] == 1
    (line,) = told(backend_database, ada)
    event, session_id, _, details = line
    assert (event, details) == ("chat_imported", {"messages": 2})
    await take(api, ada, f"/api/chat/sessions/{session_id}/export?format=markdown")
    await take(api, ada)
    assert told(backend_database, ada)[1:] == [
        ("exported", session_id, True, {"format": "markdown"}),
        ("exported", None, True, {"format": "json"}),
    ]
    foreign = await api.get(f"/api/chat/sessions/{uuid4()}/export?format=json", headers=ada.headers)
    assert foreign.status_code == 404
    assert len(told(backend_database, ada)) == 3, "nothing has left"
    with psycopg.connect(backend_database) as database:
        assert "SECRET" not in str(database.execute("SELECT audit_log::text FROM audit_log").fetchall())


@pytest.mark.usefixtures("accounts_api")
async def test_the_api_sees_to_it_that_changes_of_permissions_are_told(
    backend_database: str, graphql_url: str
) -> None:
    assert graphql_url, "the engine has made its table"
    watched = "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'hdb_catalog.hdb_metadata'::regclass)"
    async with asyncio.timeout(20):
        with psycopg.connect(backend_database, autocommit=True) as database:
            while database.execute(watched).fetchone() != (True,):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
