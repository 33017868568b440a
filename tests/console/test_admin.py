"""Who gets in, what of the secret stays, and GraphQL as an admin or as a role."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Browser, expect

from tests.console.conftest import PHONE, Console, run
from tests.engine.conftest import ADMIN, ADMIN_SECRET, RunningEngine, running_engine, until

SECRETS_KEPT = "[...Object.values(localStorage), document.cookie].join('\\n')"


async def test_a_wrong_secret_opens_nothing(console: Console) -> None:
    page = await console.open()
    await console.sign_in(page, "not it")
    await expect(page.get_by_role("alert")).to_contain_text("not the admin secret")
    await expect(page.get_by_role("navigation")).to_have_count(0)
    assert await page.evaluate("sessionStorage.length") == 0


async def test_an_engine_without_a_secret_is_open_and_says_so(
    browser: Browser, database_url: str, built_console: None
) -> None:
    settings = {"enable_console": True, "HASURA_GRAPHQL_ADMIN_SECRET": None, "jwt_secret": None}
    async with running_engine(database_url, **settings) as engine:
        page = await browser.new_page()
        await page.goto(f"http://127.0.0.1:{engine.port}/console/metadata")
        await expect(page.get_by_text("whoever reaches it is an admin")).to_be_visible()
        await expect(page.get_by_text("All of the metadata fits the database")).to_be_visible()
        await page.close()


async def test_a_page_whose_files_are_gone_says_what_helps(console: Console) -> None:
    page = await console.signed_in("/metadata")
    await page.route("**/console/assets/chunk*", lambda route: route.fulfill(status=404))
    await page.get_by_role("link", name="API").click()
    await expect(page.get_by_role("button", name="Load again")).to_be_visible()
    await page.unroute_all()
    await page.get_by_role("button", name="Load again").click()
    await expect(page.locator(".graphiql-container")).to_be_visible()


@pytest.mark.parametrize(
    "attempt",
    [
        "fetch('https://example.com/').catch(() => 0)",
        "document.body.append(Object.assign(new Image(), {src: 'https://example.com/x.png'}))",
        "document.head.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))",
        "new Function('return 1')",
    ],
    ids=["request", "image", "inline script", "eval"],
)
async def test_the_policy_stops_what_no_page_may_do_and_these_tests_notice(
    console: Console, attempt: str
) -> None:
    page = await console.open()
    await expect(page.get_by_label("Admin secret", exact=True)).to_be_visible()
    # Not by `evaluate` itself, which the policy does not bind.
    await page.evaluate(f"setTimeout(() => {{ {attempt} }})")
    await until(lambda: any("Content Security Policy" in each for each in console.trouble))
    assert await page.evaluate("window.ran") is None
    console.trouble.clear()


async def test_the_secret_stays_in_the_tab_and_sign_out_forgets_it(console: Console) -> None:
    page = await console.signed_in("/metadata")
    await page.reload()
    await expect(page.get_by_text("All of the metadata fits the database")).to_be_visible()
    await page.get_by_role("link", name="API").click()
    await expect(page.locator(".graphiql-container")).to_be_visible()
    assert ADMIN_SECRET not in await page.evaluate(SECRETS_KEPT)

    other = await console.open()
    await expect(other.get_by_label("Admin secret", exact=True)).to_be_visible()

    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("Admin secret", exact=True)).to_be_visible()
    assert ADMIN_SECRET not in await page.evaluate("JSON.stringify({...sessionStorage})")


async def test_graphiql_runs_an_admins_query_and_keeps_no_header(
    console: Console, people: dict[str, UUID], shoot: Any
) -> None:
    page = await console.signed_in("/api")
    await expect(page.get_by_text("chat_sessions_aggregate")).to_be_visible()  # the explorer knows the schema
    await write(page, "query Names { users(order_by: {username: asc}) { username } }")
    assert json.loads(await run(page)) == {"data": {"users": [{"username": "ada"}, {"username": "bob"}]}}
    await expect(page.locator(".graphiql-response")).to_contain_text('"username": "bob"')
    await shoot(page, "api")
    await expect(page.get_by_role("button", name="Headers")).to_have_count(0)
    assert ADMIN_SECRET not in await page.evaluate(SECRETS_KEPT)


async def test_a_subscription_hears_of_changes(console: Console, people: dict[str, UUID]) -> None:
    page = await console.signed_in("/api")
    await expect(page.get_by_text("chat_sessions_aggregate")).to_be_visible()
    await write(page, "subscription Names { users(order_by: {username: asc}) { display_name } }")
    await page.get_by_role("button", name="Execute query").click()
    response = page.locator(".graphiql-response")
    await expect(response).to_contain_text('"display_name": "bob"')
    await console.engine.graphql(
        'mutation { update_users(where: {username: {_eq: "bob"}}, _set: {display_name: "Robert"}) { affected_rows } }'
    )
    await expect(response).to_contain_text('"display_name": "Robert"')


@pytest.mark.parametrize("console", [None, PHONE], indirect=True, ids=["desktop", "phone"])
async def test_as_a_role_one_sees_its_rows_and_its_schema(
    console: Console, people: dict[str, UUID], shoot: Any
) -> None:
    page = await console.signed_in("/permissions?role=user")
    await page.get_by_role("button", name="Try chat_sessions as user").click()
    await expect(page.get_by_label("Run as", exact=True)).to_have_value("user")
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("chat_sessions(limit: 10)")
    for name, other in (("ada", "bob"), ("bob", "ada")):
        said = await console.run_as(page, people[name])
        assert f"of {name}" in said
        assert f"of {other}" not in said
    await shoot(page, f"as-user-{(page.viewport_size or PHONE)['width']}")


async def test_the_explorer_shows_what_the_role_may(console: Console) -> None:
    page = await console.signed_in("/api")
    await expect(page.get_by_text("users_aggregate")).to_be_visible()
    await page.get_by_label("Run as", exact=True).select_option("user")
    await expect(page.get_by_text("users_aggregate")).to_have_count(0)
    await expect(page.get_by_text("chat_sessions_aggregate")).to_be_visible()


async def test_inconsistent_metadata_is_shown_until_a_reload_finds_it_mended(console: Console) -> None:
    page = await console.signed_in("/metadata")
    await expect(page.get_by_text("All of the metadata fits the database")).to_be_visible()
    engine = console.engine
    await sql(engine, "ALTER TABLE chat_sessions RENAME category TO kind")
    await page.get_by_role("button", name="Reload metadata").click()
    await expect(page.get_by_text("do not fit")).to_be_visible()
    await expect(page.locator(".inconsistencies")).to_contain_text("category")
    await sql(engine, "ALTER TABLE chat_sessions RENAME kind TO category")
    await page.get_by_role("button", name="Reload metadata").click()
    await expect(page.get_by_text("All of the metadata fits the database")).to_be_visible()


async def test_the_metadata_can_be_downloaded(console: Console) -> None:
    page = await console.signed_in("/metadata")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Export").click()
    exported = json.loads((await (await download.value).path()).read_text())
    answer = await console.engine.metadata(type="export_metadata", args={})
    assert exported == answer.json()


async def sql(engine: RunningEngine, text: str) -> None:
    """Behind the metadata's back."""
    args = {"source": "default", "sql": text, "check_metadata_consistency": False}
    answer = await engine.client.post("/v2/query", json={"type": "run_sql", "args": args}, headers=ADMIN)
    assert answer.status_code == 200, answer.text


async def write(page: Any, query: str) -> None:
    """An operation of the name Names into GraphiQL's editor, in place of what is there."""
    await page.locator(".graphiql-query-editor .view-lines").click()
    await page.keyboard.press("Control+A")
    await page.keyboard.insert_text(query)
    await page.keyboard.press("Control+Shift+End")  # what the editor closed by itself
    await page.keyboard.press("Delete")
    await expect(page.get_by_role("tab", name="Names")).to_be_visible()  # GraphiQL has read it
