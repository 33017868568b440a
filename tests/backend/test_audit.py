"""What the API tells the audit log, and who may read it: admins only."""

from __future__ import annotations

import secrets

import httpx
import psycopg
import pytest

from tests.backend.conftest import PASSWORD, Person, register


@pytest.fixture
async def ada(accounts_api: httpx.AsyncClient) -> Person:
    return await register(accounts_api, "ada")


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
