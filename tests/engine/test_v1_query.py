"""`/v1/query` in its oldest form, `/v1/graphql/explain` and `/v1alpha1/pg_dump`."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.engine.bookstore import SUCCESS, Shop, open_shop
from tests.engine.conftest import ADMIN

USER = {**ADMIN, "x-hasura-role": "user", "x-hasura-name": "Ada", "x-hasura-id": "1"}


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    async with open_shop(database_url) as shop:
        await shop.track_all()
        yield shop


async def v1(shop: Shop, kind: str, args: Any, status: int = 200, headers: dict[str, str] = ADMIN) -> Any:
    return await shop.post("/v1/query", {"type": kind, "args": args}, status, headers)


async def test_metadata_commands_have_no_prefix_here(shop: Shop) -> None:
    letter = {"schema": "archive", "name": "letter"}
    assert await v1(shop, "track_table", letter) == SUCCESS
    assert await v1(shop, "track_function", "search_articles") == SUCCESS
    assert await v1(shop, "untrack_function", "search_articles") == SUCCESS
    using = {"foreign_key_constraint_on": "author_id"}
    args = {"table": letter, "name": "author", "using": using}
    assert await v1(shop, "create_object_relationship", args) == SUCCESS
    assert await v1(shop, "export_metadata", {}) == await shop.command("export_metadata")
    body = {"type": "track_table", "version": 2, "args": {"table": "author_view"}}
    assert await shop.post("/v1/query", body) == SUCCESS
    assert (await v1(shop, "pg_track_table", {"table": "author"}, 400))["code"] == "parse-failed"


async def test_a_bulk_mixes_sql_metadata_and_rows(shop: Shop) -> None:
    commands: list[dict[str, Any]] = [
        {"type": "run_sql", "args": {"sql": "CREATE TABLE made (id int PRIMARY KEY, body jsonb)"}},
        {"type": "track_table", "args": "made"},
        {"type": "insert", "args": {"table": "made", "objects": [{"id": 1, "body": {"a": [1]}}, {"id": 2}]}},
        {"type": "select", "args": {"table": "made", "columns": ["*"], "order_by": "-id"}},
        {"type": "count", "args": {"table": "made", "where": {"id": {"$gt": 1}}}},
    ]
    assert await shop.post("/v1/query", {"type": "bulk", "args": commands}) == [
        {"result_type": "CommandOk", "result": None},
        SUCCESS,
        {"affected_rows": 2},
        [{"id": 2, "body": None}, {"id": 1, "body": {"a": [1]}}],
        {"count": 1},
    ]


async def test_rows_are_read_in_the_older_syntax(shop: Shop) -> None:
    args = {
        "table": "author",
        "columns": [
            "name",
            {"name": "articles", "columns": ["id"], "where": {"published": True}, "limit": 1},
        ],
        "where": {"$or": [{"name": "Ada"}, {"articles": {"title": {"$like": "Th%"}}}], "id": {"$ne": 7}},
        "order_by": ["-name"],
        "limit": 5,
    }
    assert await v1(shop, "select", args) == [
        {"name": "Bo", "articles": [{"id": 3}]},
        {"name": "Ada", "articles": [{"id": 1}]},
    ]


async def test_rows_are_written_under_the_roles_permissions(shop: Shop) -> None:
    row = {"id": 9, "title": "Nine", "author_id": 1}
    found = await v1(
        shop, "insert", {"table": "article", "objects": [row], "returning": ["id"]}, headers=USER
    )
    assert found == {"affected_rows": 1, "returning": [{"id": 9}]}
    refused = await v1(
        shop, "insert", {"table": "article", "objects": [{**row, "id": 10, "author_id": 2}]}, 400, USER
    )
    assert (refused["code"], refused["path"]) == ("permission-error", "$.args")
    refused = await v1(shop, "delete", {"table": "article", "where": {}}, 400, USER)
    assert (refused["code"], refused["error"]) == (
        "permission-denied",
        'delete on "article" for role "user" is not allowed. ',
    )
    conflict = {"constraint_on": ["id"], "action": "update"}
    args = {"table": "article", "objects": [{"id": 9, "title": "New"}], "on_conflict": conflict}
    assert await v1(shop, "insert", args) == {"affected_rows": 1}
    change = {"table": "article", "where": {"id": 9}, "$set": {"title": "Newer"}, "returning": ["title"]}
    assert await v1(shop, "update", change) == {"affected_rows": 1, "returning": [{"title": "Newer"}]}
    assert await v1(shop, "delete", {"table": "article", "where": {"id": 9}}) == {"affected_rows": 1}


async def test_a_table_that_is_not_tracked_is_not_there(shop: Shop) -> None:
    letter = {"schema": "archive", "name": "letter"}
    refused = await v1(shop, "select", {"table": letter, "columns": ["id"]}, 400)
    assert refused == {
        "path": "$.args.table",
        "error": 'table "archive.letter" does not exist',
        "code": "not-exists",
    }


async def test_the_newer_api_takes_rows_and_sql_only(shop: Shop) -> None:
    reads = [{"type": "run_sql", "args": {"sql": "SELECT 1 AS one", "read_only": True}}] * 2
    found = await shop.post("/v2/query", {"type": "concurrent_bulk", "args": reads})
    assert found == [{"result_type": "TuplesOk", "result": [["one"], ["1"]]}] * 2
    refused = await shop.post("/v2/query", {"type": "track_table", "args": "author"}, 400)
    assert refused["error"] == "Unrecognised RQLQuery type: track_table"


async def test_explain_shows_sql_and_plan_for_a_user(shop: Shop) -> None:
    body = {
        "query": {"query": "query($t: String!) { a: article(where: {title: {_eq: $t}}) { id } __typename }"},
        "user": {"X-Hasura-Role": "user", "x-hasura-name": "Ada"},
    }
    body["query"]["variables"] = {"t": "One"}  # type: ignore[assignment]
    rows, typename = await shop.post("/v1/graphql/explain", body)
    assert rows["field"] == "a"
    assert "article" in rows["sql"]
    assert "X-Hasura" not in rows["sql"]
    assert any("Scan" in line for line in rows["plan"])
    assert typename == {"field": "__typename", "sql": None, "plan": None}
    live = await shop.post(
        "/v1/graphql/explain",
        {"query": {"query": "subscription { article { id } }"}, "user": {**body["user"], "x-hasura-id": "1"}},
    )
    assert live["variables"]["session"] == {"x-hasura-name": "Ada"}
    refused = await shop.post("/v1/graphql/explain", {"query": {"query": "{ article { id } }"}}, 400, USER)
    assert refused["code"] == "access-denied"
    mutation = {"query": {"query": "mutation { delete_article(where: {}) { affected_rows } }"}}
    refused = await shop.post("/v1/graphql/explain", mutation, 400)
    assert refused["error"] == "only queries can be explained"


async def test_pg_dump_gives_a_migration(shop: Shop) -> None:
    async def dump(body: dict[str, Any]) -> tuple[int, str]:
        answer = await shop.running.client.post("/v1alpha1/pg_dump", json=body, headers=ADMIN)
        return answer.status_code, answer.text

    options = ["-O", "-x", "--schema-only", "--schema", "archive", "--schema", "public"]
    status, text = await dump({"opts": options, "clean_output": True})
    assert status == 200, text
    assert text.startswith("SET check_function_bodies = false;\nCREATE SCHEMA archive;\nCREATE FUNCTION")
    assert "hdb_live_queries" not in text
    assert "CREATE TABLE public.author" in text
    assert "\n--" not in text
    status, whole = await dump({"opts": options})
    assert "hdb_live_queries" in whole
    for option in ("--file=/tmp/x", "-f", "--host=elsewhere", "--dbname=other"):
        status, text = await dump({"opts": [option, "x"]})
        assert status == 500
        assert "cannot be given" in text
    status, text = await dump({"opts": ["--schema", "nowhere"]})
    assert (status, "no matching schemas" in text) == (500, True)


@pytest.mark.parametrize(
    ("kind", "more", "refusal"),
    [
        (
            "insert",
            {"on_conflict": {"constraint_on": ["id"]}},
            "$.on_conflict: the key 'action' was not present",
        ),
        (
            "insert",
            {"on_conflict": {"constraint_on": ["nope"], "action": "update"}},
            '$.args.on_conflict.constraint_on[0]: column "nope" does not exist',
        ),
        (
            "insert",
            {"returning": ["nope"], "on_conflict": {"action": "update"}},
            '$.args.returning: no such column exists: "nope"',
        ),
        ("select", {"limit": "3"}, "$.limit: parsing Int failed, expected Number, but encountered String"),
        (
            "select",
            {"where": {"$exists": {"_table": "author", "$where": {}}}},
            "$.args.where.$exists: conditions on tables that are not related are for permissions only",
        ),
        (
            "select",
            {"columns": [{"name": "author", "alias": "a { id } secret: author", "columns": ["id"]}]},
            "$.args.columns[0].alias: not a valid GraphQL name: a { id } secret: author",
        ),
    ],
)
async def test_mistakes_in_the_older_syntax_are_told_where_they_are(
    shop: Shop, kind: str, more: dict[str, Any], refusal: str
) -> None:
    args = {"table": "article", "columns": ["id"], "objects": [{"id": 9, "title": "New"}], **more}
    found = await v1(shop, kind, args, 400)
    assert f"{found['path']}: {found['error']}" == refusal
