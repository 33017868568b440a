"""Several sources: each has its own tables, also where they bear the same names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from playwright.async_api import expect

from backend.embedded_postgres import EmbeddedPostgres
from tests.conftest import make_user, new_database
from tests.console.conftest import Console, rule, run, save


@pytest.fixture
def archive(postgres18: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    """Another database with the same tables."""
    with new_database(postgres18, migrated_template) as url:
        make_user(url, "old-ada")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "CREATE SCHEMA dusty; CREATE VIEW dusty.names AS SELECT id, username FROM users"
            )
        yield url


async def test_each_source_has_its_own_permissions(
    console: Console, people: dict[str, UUID], archive: str, shoot: Any
) -> None:
    tables = [{"schema": "public", "name": "users"}, {"schema": "dusty", "name": "names"}]
    answer = await console.engine.metadata(
        type="bulk",
        args=[
            {
                "type": "pg_add_source",
                "args": {
                    "name": "archive",
                    "configuration": {"connection_info": {"database_url": archive}},
                    "customization": {"root_fields": {"prefix": "old_"}, "type_names": {"prefix": "old_"}},
                },
            },
            *({"type": "pg_track_table", "args": {"source": "archive", "table": table}} for table in tables),
        ],
    )
    assert answer.status_code == 200, answer.text

    page = await console.signed_in()
    there = page.get_by_role("region", name="Source archive")
    await expect(there.get_by_role("rowheader")).to_have_text(["dusty.names", "users"])
    await expect(page.get_by_role("region", name="Source default").get_by_role("rowheader")).to_contain_text(
        ["users"]
    )
    await shoot(page, "sources")

    for table, column in (("users", "username"), ("dusty.names", "id")):
        await there.get_by_role("button", name=f"user select {table}:").click()
        await rule(page).fill('{"username": {"_like": "old%"}}')
        await page.get_by_role("checkbox", name=re.compile(f"^{column} ")).check()
        await save(page)
        await expect(page.get_by_text(f"Saved: user select {table}.")).to_be_visible()
    exported = (await console.engine.metadata(type="export_metadata", args={})).json()
    filters = {
        (source["name"], table["table"]["name"]): entry["permission"]["filter"]
        for source in exported["sources"]
        for table in source["tables"]
        for entry in table.get("select_permissions", [])
        if entry["role"] == "user" and table["table"]["name"] in {"users", "names"}
    }
    assert filters == {
        ("default", "users"): {"id": {"_eq": "X-Hasura-User-Id"}},
        ("archive", "users"): {"username": {"_like": "old%"}},
        ("archive", "names"): {"username": {"_like": "old%"}},
    }

    await there.get_by_role("button", name="Try users as user").click()
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("old_users(limit: 10)")
    assert json.loads(await run(page)) == {"data": {"old_users": [{"username": "old-ada"}]}}
