"""Permissions that are seen, edited, tried and refused."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import expect

from tests.console.conftest import PHONE, Console, cell, rule, save
from tests.engine.conftest import RunningEngine

MESSAGES = "/permissions?source=default&table=chat_messages&role=user&operation="
SESSIONS = "/permissions?source=default&table=chat_sessions&role=user&operation="


async def permission(engine: RunningEngine, table: str, operation: str, role: str) -> Any:
    """The stored entry, or None."""
    answer = await engine.metadata(type="export_metadata", args={})
    (found,) = (each for each in answer.json()["sources"][0]["tables"] if each["table"]["name"] == table)
    entries = [each for each in found.get(f"{operation}_permissions", []) if each["role"] == role]
    return entries[0] if entries else None


async def test_the_table_says_who_may_what(console: Console, shoot: Any) -> None:
    answer = await console.engine.metadata(
        type="bulk",
        args=[
            {"type": "add_inherited_role", "args": {"role_name": "both", "role_set": ["user", "assistant"]}},
            {
                "type": "pg_create_select_permission",
                "args": {"table": "users", "role": "auditor", "permission": {"columns": "*", "filter": {}}},
            },
        ],
    )
    assert answer.status_code == 200, answer.text
    page = await console.signed_in()
    for role, operation, table, said in [
        ("user", "select", "chat_sessions", r"a row filter, \d+ of \d+ columns"),
        ("user", "insert", "chat_sessions", r"a check, 8 of \d+ columns"),
        ("user", "delete", "chat_sessions", "a row filter"),
        ("user", "delete", "chat_read_marks", "not allowed"),
        ("assistant", "select", "users", "not allowed"),
        ("auditor", "select", "users", "every row and column"),
        ("both", "select", "chat_messages", "inherited from user, assistant"),
        ("both", "delete", "users", "not allowed"),
    ]:
        await expect(cell(page, role, operation, table)).to_have_attribute(
            "aria-label", re.compile(f"^{role} {operation} {table}: {said}$")
        )
    await shoot(page, "permissions")
    await cell(page, "both", "insert", "chat_messages").click()
    await expect(page.get_by_role("dialog")).to_contain_text("comes from user and assistant")


async def test_an_edited_row_filter_holds_at_once(
    console: Console, people: dict[str, UUID], shoot: Any
) -> None:
    page = await console.signed_in(SESSIONS + "select")
    await rule(page).fill('{"title": {"_eq": "of bob"}}')
    await save(page)
    await expect(page.get_by_text("Saved: user select chat_sessions.")).to_be_visible()
    stored = await permission(console.engine, "chat_sessions", "select", "user")
    assert stored["permission"]["filter"] == {"title": {"_eq": "of bob"}}
    assert stored["permission"]["allow_aggregations"] is True  # what was not touched

    await page.get_by_role("button", name="Try chat_sessions as user").click()
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("chat_sessions(limit: 10)")
    said = await console.run_as(page, people["ada"])
    assert "of bob" in said
    assert "of ada" not in said


async def test_what_a_permission_has_is_kept_when_something_else_is_edited(console: Console) -> None:
    before = await permission(console.engine, "chat_messages", "insert", "user")
    page = await console.signed_in(MESSAGES + "insert")
    await page.get_by_role("checkbox", name="metadata").uncheck()
    await save(page)
    await expect(page.get_by_text("Saved: user insert chat_messages.")).to_be_visible()
    after = await permission(console.engine, "chat_messages", "insert", "user")
    columns = [each for each in before["permission"]["columns"] if each != "metadata"]
    assert after == {**before, "permission": {**before["permission"], "columns": columns}}


async def test_a_new_role_gets_its_first_permission(console: Console) -> None:
    page = await console.signed_in()
    await page.get_by_label("Name of a new role").fill("auditor")
    await page.get_by_role("button", name="Add the role").click()
    await cell(page, "auditor", "select", "users").click()
    await page.get_by_role("button", name=re.compile(r"^All \d+$")).click()
    await page.get_by_role("checkbox", name="password_hash").uncheck()
    await page.get_by_label("Row limit").fill("5")
    await page.get_by_role("checkbox", name="Aggregates").check()
    group = page.get_by_role("group", name="Root fields in query")
    await group.get_by_role("checkbox", name="select_by_pk").uncheck()
    await page.get_by_label("Comment").fill("for audits")
    await save(page)
    await expect(page.get_by_text("Saved: auditor select users.")).to_be_visible()
    stored = await permission(console.engine, "users", "select", "auditor")
    columns = stored["permission"].pop("columns")
    assert "password_hash" not in columns
    assert {"id", "username", "created_at"} <= set(columns)
    assert stored == {
        "role": "auditor",
        "permission": {
            "filter": {},
            "limit": 5,
            "allow_aggregations": True,
            "query_root_fields": ["select", "select_aggregate"],
        },
        "comment": "for audits",
    }


async def test_presets_and_backend_only_are_saved(console: Console) -> None:
    page = await console.signed_in(SESSIONS + "insert")
    await page.get_by_role("button", name="Add a preset").click()
    await page.get_by_label("Column of preset 2").select_option("category")
    await page.get_by_label("Value of preset 2").fill("work")
    await page.get_by_role("checkbox", name="category").uncheck()
    await page.get_by_role("checkbox", name="From a backend only").check()
    await save(page)
    await expect(page.get_by_text("Saved: user insert chat_sessions.")).to_be_visible()
    stored = (await permission(console.engine, "chat_sessions", "insert", "user"))["permission"]
    assert stored["set"] == {"user_id": "x-hasura-user-id", "category": "work"}
    assert stored["backend_only"] is True


async def test_a_permission_is_deleted_when_asked_twice(console: Console) -> None:
    page = await console.signed_in(MESSAGES + "delete")
    await page.get_by_role("button", name="Delete", exact=True).click()
    await page.get_by_role("button", name="Really delete?").click()
    await expect(page.get_by_text("Deleted: user delete chat_messages.")).to_be_visible()
    assert await permission(console.engine, "chat_messages", "delete", "user") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"user_id": {"_eq": }}', "Not JSON"),
        ('["user_id"]', "A rule is a JSON object"),
    ],
)
async def test_a_rule_that_is_no_json_object_is_said_and_not_sent(
    console: Console, text: str, said: str
) -> None:
    before = await permission(console.engine, "chat_sessions", "select", "user")
    page = await console.signed_in(SESSIONS + "select")
    await rule(page).fill(text)
    await expect(page.get_by_role("dialog")).to_contain_text(said)
    await save(page)
    await expect(page.get_by_role("alert")).to_contain_text(said)
    assert await permission(console.engine, "chat_sessions", "select", "user") == before


async def test_a_rule_that_the_engine_refuses_is_said_in_its_words(console: Console, shoot: Any) -> None:
    before = await permission(console.engine, "chat_sessions", "select", "user")
    page = await console.signed_in(SESSIONS + "select")
    await rule(page).fill('{"owner": {"_eq": "X-Hasura-User-Id"}}')
    await expect(page.get_by_text("neither a column, a relationship nor a computed field")).to_be_visible()
    await save(page)
    await expect(page.get_by_role("alert")).to_contain_text("owner")
    await shoot(page, "refused")
    assert await permission(console.engine, "chat_sessions", "select", "user") == before


async def test_an_edit_that_somebody_else_overtook_is_refused_and_shown(console: Console, shoot: Any) -> None:
    page = await console.signed_in(SESSIONS + "select")
    await rule(page).fill('{"is_active": {"_eq": true}}')

    address = {"source": "default", "table": "chat_sessions", "role": "user"}
    theirs = {"columns": ["id"], "filter": {}}
    answer = await console.engine.metadata(
        type="bulk",
        args=[
            {"type": "pg_drop_select_permission", "args": address},
            {"type": "pg_create_select_permission", "args": {**address, "permission": theirs}},
        ],
    )
    assert answer.status_code == 200, answer.text

    await save(page)
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text("Not saved: the metadata was changed by somebody else")
    await expect(alert.locator("pre")).to_contain_text('"id"')
    await shoot(page, "conflict")
    assert (await permission(console.engine, "chat_sessions", "select", "user"))["permission"] == theirs
    await expect(page.get_by_role("button", name="Save permission")).to_be_disabled()

    await page.get_by_role("button", name="Keep mine, then save again").click()
    await save(page)
    await expect(page.get_by_text("Saved: user select chat_sessions.")).to_be_visible()
    stored = await permission(console.engine, "chat_sessions", "select", "user")
    assert stored["permission"]["filter"] == {"is_active": {"_eq": True}}


async def test_what_is_not_saved_is_not_lost_by_a_slip(console: Console) -> None:
    page = await console.signed_in(SESSIONS + "select")
    await rule(page).fill("{}")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("alert")).to_contain_text("not saved")
    await page.get_by_role("button", name="Keep editing").click()
    await expect(rule(page)).to_have_value("{}")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Discard").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_permission_is_edited_with_the_keyboard_alone(console: Console) -> None:
    page = await console.signed_in()
    await cell(page, "user", "delete", "chat_sessions").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    for _ in range(20):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent") == "Own rows":
            break
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    assert json.loads(await rule(page).input_value()) == {"user_id": {"_eq": "X-Hasura-User-Id"}}
    for _ in range(20):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent") == "Save permission":
            break
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Saved: user delete chat_sessions.")).to_be_visible()


@pytest.mark.parametrize("console", [PHONE], indirect=True)
async def test_on_a_phone_nothing_is_wider_than_the_screen(console: Console, shoot: Any) -> None:
    page = await console.signed_in()
    for path in ("/permissions", SESSIONS + "insert", MESSAGES + "select", "/metadata", "/cli", "/api"):
        await page.goto(console.home + path)
        await expect(page.locator(".page, .drawer, .graphiql-container").last).to_be_visible()
        wide = await page.evaluate(
            "[...document.querySelectorAll('.page, .drawer, .shell > main')]"
            ".filter((each) => each.scrollWidth > innerWidth).length"
        )
        assert wide == 0, path
        await shoot(page, f"phone{path.split('?')[0].replace('/', '-')}-{path[-6:].strip('/')}")
