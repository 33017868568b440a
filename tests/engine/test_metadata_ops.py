"""The commands of `/v1/metadata` that change one object, on a real database."""

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from tests.engine.bookstore import SUCCESS, Shop, open_shop
from tests.engine.conftest import ADMIN, bearer, running_engine, until, user_token

USER = {**ADMIN, "x-hasura-role": "user", "x-hasura-name": "Ada", "x-hasura-id": "1"}


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    async with open_shop(database_url) as shop:
        yield shop


async def test_what_is_tracked_is_served_at_once_and_stored(shop: Shop) -> None:
    await shop.track_all()
    assert await shop.running.graphql("{ author(order_by: {id: asc}) { name articles { title } } }") == {
        "data": {
            "author": [
                {"name": "Ada", "articles": [{"title": "One"}, {"title": "Two"}]},
                {"name": "Bo", "articles": [{"title": "Three"}]},
            ]
        }
    }
    mine = await shop.running.graphql("{ article(order_by: {id: asc}) { id } }", headers=USER)
    assert mine == {"data": {"article": [{"id": 1}, {"id": 2}, {"id": 3}]}}
    with psycopg.connect(shop.database_url) as connection:
        stored = connection.execute("SELECT metadata, resource_version FROM hdb_catalog.hdb_metadata")
        metadata, version = stored.fetchone() or ({}, 0)
    # Hasura's first metadata is version 1; each of the six commands made one more.
    assert version == 7
    assert metadata == await shop.command("export_metadata")


async def test_names_are_exported_in_their_long_form(shop: Shop) -> None:
    await shop.track_all()
    article = await shop.table("article")
    assert article["table"] == {"schema": "public", "name": "article"}
    assert article["insert_permissions"][0]["permission"]["columns"] == "*"
    author = await shop.table("author")
    assert author["array_relationships"][0]["using"] == {
        "foreign_key_constraint_on": {
            "column": "author_id",
            "table": {"schema": "public", "name": "article"},
        }
    }


async def test_what_one_command_makes_another_takes_back(shop: Shop) -> None:
    await shop.track_all()
    before = await shop.command("export_metadata")
    there_and_back: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
        ("pg_track_table", {"table": "author_view"}, "pg_untrack_table", {"table": "author_view"}),
        (
            "pg_track_table",
            {"table": {"schema": "archive", "name": "letter"}, "configuration": {"custom_name": "mail"}},
            "pg_untrack_table",
            {"table": {"schema": "archive", "name": "letter"}},
        ),
        (
            "pg_track_function",
            {"function": "search_articles", "comment": "finds"},
            "pg_untrack_function",
            {"function": "search_articles", "source": "default"},
        ),
        (
            "pg_add_computed_field",
            {"table": "author", "name": "hello", "definition": {"function": "greeting"}},
            "pg_drop_computed_field",
            {"table": "author", "name": "hello"},
        ),
        (
            "pg_create_delete_permission",
            {"table": "author", "role": "user", "permission": {"filter": {}}, "comment": "all"},
            "pg_drop_delete_permission",
            {"table": "author", "role": "user"},
        ),
        (
            "pg_create_update_permission",
            {"table": "author", "role": "user", "permission": {"columns": ["name"], "filter": {}}},
            "pg_drop_update_permission",
            {"table": "author", "role": "user"},
        ),
        (
            "pg_create_object_relationship",
            {
                "table": "article",
                "name": "writer",
                "using": {
                    "manual_configuration": {
                        "remote_table": "author",
                        "column_mapping": {"author_id": "id"},
                    }
                },
            },
            "pg_drop_relationship",
            {"table": "article", "relationship": "writer"},
        ),
        (
            "pg_rename_relationship",
            {"table": "article", "name": "author", "new_name": "writer"},
            "pg_rename_relationship",
            {"table": "article", "name": "writer", "new_name": "author"},
        ),
        (
            "add_inherited_role",
            {"role_name": "both", "role_set": ["user", "other"]},
            "drop_inherited_role",
            {"role_name": "both"},
        ),
        (
            "create_query_collection",
            {"name": "c", "definition": {"queries": [{"name": "q", "query": "{ author { id } }"}]}},
            "drop_query_collection",
            {"collection": "c"},
        ),
        ("set_api_limits", {"disabled": True}, "remove_api_limits", {}),
        (
            "rename_source",
            {"name": "default", "new_name": "main"},
            "rename_source",
            {"name": "main", "new_name": "default"},
        ),
    ]
    for there, args, back, back_args in there_and_back:
        assert await shop.command(there, **args) == SUCCESS
        changed = await shop.command("export_metadata")
        assert changed != before, there
        assert await shop.command(back, **back_args) == SUCCESS
        assert await shop.command("export_metadata") == before, back


async def test_permissions_follow_a_renamed_relationship(shop: Shop) -> None:
    await shop.track_all()
    await shop.command("pg_rename_relationship", table="article", name="author", new_name="writer")
    held = (await shop.table("article"))["select_permissions"][0]["permission"]
    assert held["filter"] == {"_or": [{"writer": {"name": "X-Hasura-Name"}}, {"published": True}]}
    assert (await shop.running.graphql("{ article { id } }", headers=USER))["data"]["article"]


async def test_nothing_goes_while_others_need_it(shop: Shop) -> None:
    await shop.track_all()
    before = await shop.command("export_metadata")
    told = "cannot drop due to the following dependent objects: "
    code, path, text = await shop.refusal("pg_untrack_table", table="author")
    assert (code, path) == ("dependency-error", "$.args")
    assert text == (
        f'{told}permission article.user.select in source "default", '
        'relationship article.author in source "default"'
    )
    _, _, text = await shop.refusal("pg_drop_relationship", table="article", relationship="author")
    assert text == f'{told}permission article.user.select in source "default"'
    assert await shop.command("export_metadata") == before
    await shop.command("pg_untrack_table", table="author", cascade=True)
    article = await shop.table("article")
    assert article.keys() == {"table", "insert_permissions"}
    assert "errors" in await shop.running.graphql("{ author { id } }")


@pytest.mark.parametrize(
    ("kind", "args", "code", "path", "text"),
    [
        (
            "pg_track_table",
            {"table": "author"},
            "already-tracked",
            "$.args",
            'view/table already tracked: "author"',
        ),
        ("pg_track_table", {}, "parse-failed", "$.args", 'key "table" not found'),
        (
            "pg_track_table",
            {"table": "nowhere"},
            "invalid-configuration",
            "$.args",
            'Inconsistent object: no such table/view exists in source: "nowhere"',
        ),
        (
            "pg_track_table",
            {"table": "author", "source": "other"},
            "not-exists",
            "$.args",
            'source with name "other" does not exist',
        ),
        (
            "pg_untrack_table",
            {"table": "nowhere"},
            "already-untracked",
            "$.args",
            'view/table already untracked: "nowhere"',
        ),
        (
            "pg_create_select_permission",
            {"table": "article", "role": "user", "permission": {"columns": "*", "filter": {}}},
            "already-exists",
            "$.args",
            'select permission already defined on table "article" with role "user"',
        ),
        (
            "pg_create_select_permission",
            {"table": "author", "role": "user", "permission": {"columns": ["nope"], "filter": {}}},
            "invalid-configuration",
            "$.args",
            'Inconsistent object: in table "author": in permission for role "user": '
            '"nope" does not exist in table "author"',
        ),
        (
            "pg_create_select_permission",
            {"table": "author", "role": "user", "permission": {"columns": "*"}},
            "parse-failed",
            "$.args.permission",
            'key "filter" not found',
        ),
        (
            "pg_drop_select_permission",
            {"table": "author", "role": "user"},
            "permission-denied",
            "$.args",
            'select permission on "author" for role "user" does not exist',
        ),
        (
            "pg_create_object_relationship",
            {"table": "article", "name": "title", "using": {"foreign_key_constraint_on": "author_id"}},
            "already-exists",
            "$.args",
            'field with name "title" already exists in table "article"',
        ),
        (
            "pg_create_object_relationship",
            {"table": "article", "name": "x", "using": {"foreign_key_constraint_on": "title"}},
            "invalid-configuration",
            "$.args",
            'Inconsistent object: in table "article": in relationship "x": '
            "no foreign constraint exists on the given column(s)",
        ),
        (
            "pg_drop_relationship",
            {"table": "article", "relationship": "x"},
            "not-exists",
            "$.args",
            'relationship "x" does not exist',
        ),
        (
            "pg_add_computed_field",
            {"table": "nowhere", "name": "x", "definition": {"function": "greeting"}},
            "not-exists",
            "$.args.table",
            'table "nowhere" does not exist in source: default',
        ),
        (
            "pg_create_function_permission",
            {"function": "search_articles", "role": "user"},
            "not-exists",
            "$.args",
            'function "search_articles" does not exist in source: default',
        ),
        (
            "add_inherited_role",
            {"role_name": "a", "role_set": ["a"]},
            "invalid-params",
            "$.args",
            "an inherited role name cannot be in the role combination",
        ),
        (
            "drop_query_collection",
            {"collection": "none"},
            "not-exists",
            "$.args.collection",
            'query collection with name "none" does not exist',
        ),
        (
            "pg_drop_source",
            {"name": "none"},
            "not-exists",
            "$.args",
            'source with name "none" does not exist',
        ),
        (
            "add_remote_schema",
            {},
            "not-supported",
            "$.args",
            "remote schemas are not supported by this engine: add_remote_schema",
        ),
        (
            "pg_create_event_trigger",
            {},
            "not-supported",
            "$.args",
            "event triggers are not supported by this engine: pg_create_event_trigger",
        ),
        (
            "mssql_track_table",
            {"table": "author"},
            "not-supported",
            "$.args",
            "sources of kind mssql are not supported by this engine",
        ),
        (
            "foo_track_table",
            {},
            "parse-failed",
            "$",
            'unknown metadata command "foo_track_table"; "foo" was not recognized as a valid backend name',
        ),
    ],
)
async def test_a_refused_command_says_why_and_changes_nothing(
    shop: Shop, kind: str, args: dict[str, Any], code: str, path: str, text: str
) -> None:
    await shop.track_all()
    version = await shop.version()
    assert await shop.refusal(kind, **args) == (code, path, text)
    assert await shop.version() == version


async def test_of_a_bulk_all_is_stored_or_nothing(shop: Shop) -> None:
    track = {"type": "pg_track_table", "args": {"table": "author"}}
    bad = {"type": "pg_track_table", "args": {"table": "nowhere"}}
    refused = await shop.post("/v1/metadata", {"type": "bulk", "args": [track, bad]}, 400)
    assert (refused["code"], refused["path"]) == ("invalid-configuration", "$.args[1].args")
    assert (await shop.exported())["tables"] == []
    assert "errors" in await shop.running.graphql("{ author { id } }")
    going = await shop.post("/v1/metadata", {"type": "bulk_keep_going", "args": [bad, track]})
    assert (going[0]["code"], going[1]) == ("invalid-configuration", SUCCESS)
    assert await shop.version() == 2
    assert "data" in await shop.running.graphql("{ author { id } }")


async def test_bulk_atomic_judges_the_whole(shop: Shop) -> None:
    await shop.track_all()
    using = {"foreign_key_constraint_on": "author_id"}
    drop = {"type": "pg_drop_relationship", "args": {"table": "author", "relationship": "articles"}}
    create = {
        "type": "pg_create_object_relationship",
        "args": {"table": "article", "name": "writer", "using": using},
    }
    assert await shop.post("/v1/metadata", {"type": "bulk_atomic", "args": [drop, create]}) == SUCCESS
    create["args"] = {"table": "article", "name": "other", "using": {"foreign_key_constraint_on": "title"}}
    refused = await shop.post("/v1/metadata", {"type": "bulk_atomic", "args": [create]}, 400)
    assert refused["error"] == "Schema inconsistency"
    track = {"type": "pg_track_table", "args": {"table": "author_view"}}
    refused = await shop.post("/v1/metadata", {"type": "bulk_atomic", "args": [track]}, 500)
    assert refused["error"] == "Bulk atomic does not support this command"


async def test_many_tables_are_tracked_and_those_that_cannot_be_are_warned_of(shop: Shop) -> None:
    names = ["author", "article", "nowhere"]
    tables = [{"table": name} for name in names]
    found = await shop.command("pg_track_tables", tables=tables)
    assert [each["name"] for each in found["warnings"]] == ["table nowhere in source default"]
    assert len((await shop.exported())["tables"]) == 2
    code, _, _ = await shop.refusal("pg_track_tables", tables=tables)
    assert code == "invalid-configuration"
    assert await shop.command("pg_untrack_tables", tables=tables[:2]) == SUCCESS


async def test_clear_keeps_the_source_and_drop_inconsistent_what_fits(shop: Shop) -> None:
    await shop.track_all()
    with psycopg.connect(shop.database_url) as connection:
        connection.execute("DROP TABLE article CASCADE")
    await shop.command("reload_metadata")
    found = await shop.command("get_inconsistent_metadata")
    assert [each["name"] for each in found["inconsistent_objects"]] == [
        "array_relation articles in table author in source default",
        "table article in source default",
    ]
    assert await shop.command("drop_inconsistent_metadata") == SUCCESS
    assert [each["table"]["name"] for each in (await shop.exported())["tables"]] == ["author"]
    assert (await shop.command("get_inconsistent_metadata"))["is_consistent"]
    configuration = (await shop.exported())["configuration"]
    assert await shop.command("clear_metadata") == SUCCESS
    cleared = {"name": "default", "kind": "postgres", "tables": [], "configuration": configuration}
    assert await shop.exported() == cleared


async def test_what_this_engine_does_not_act_on_is_kept(shop: Shop) -> None:
    document = await shop.command("export_metadata")
    document["remote_schemas"] = [{"name": "other", "definition": {"url": "http://127.0.0.1:1"}}]
    document["cron_triggers"] = [{"name": "tick", "webhook": "http://127.0.0.1:1", "schedule": "* * * * *"}]
    await shop.command("replace_metadata", **document)
    await shop.command("pg_track_table", table="author")
    exported = await shop.command("export_metadata")
    assert (exported["remote_schemas"], exported["cron_triggers"]) == (
        document["remote_schemas"],
        document["cron_triggers"],
    )


async def test_relationships_are_suggested_from_foreign_keys(shop: Shop) -> None:
    await shop.track_all()
    await shop.command("pg_track_table", table={"schema": "archive", "name": "letter"})
    found = await shop.command("pg_suggest_relationships", omit_tracked=True)
    letter = {"schema": "archive", "name": "letter"}
    author = {"schema": "public", "name": "author"}
    assert [
        (each["type"], each["from"]["table"], each["to"]["table"]) for each in found["relationships"]
    ] == [
        ("object", letter, author),
        ("array", author, letter),
    ]
    assert len((await shop.command("pg_suggest_relationships"))["relationships"]) == 4
    tables = await shop.command("pg_get_source_tables", source="default")
    assert {"schema": "public", "name": "odd name"} in tables


async def test_the_clis_state_is_kept_in_the_database(shop: Shop) -> None:
    state = {"migrations": {"default": {"1": False}}}
    assert await shop.command("set_catalog_state", type="cli", state=state) == SUCCESS
    found = await shop.command("get_catalog_state")
    assert (found["cli_state"], found["console_state"]) == (state, {})
    with psycopg.connect(shop.database_url) as connection:
        row = connection.execute(
            "SELECT hasura_uuid::text, cli_state FROM hdb_catalog.hdb_version"
        ).fetchone()
    assert row == (found["id"], state)


async def test_commands_are_for_admins(shop: Shop) -> None:
    for headers in (bearer(user_token("1")), USER):
        for path in ("/v1/metadata", "/v1/query", "/v2/query"):
            for kind in ("track_table", "pg_track_table", "run_sql", "export_metadata"):
                refused = await shop.post(path, {"type": kind, "args": {"sql": "SELECT 1"}}, 400, headers)
                assert refused["error"] == "restricted access : admin only"


async def test_another_engine_on_the_database_follows(shop: Shop, database_url: str) -> None:
    quick = {"metadata_dir": None, "schema_sync_poll_interval": 50}
    async with running_engine(database_url, **quick) as other:
        await shop.command("pg_track_table", table="author")
        await until(lambda: bool(other.engine.snapshot.source("default").tables))
        assert "data" in await other.graphql("{ author { id } }")
        # It builds on what the other one stored.
        answer = await other.metadata(type="pg_track_table", args={"table": "article"})
        assert answer.json() == SUCCESS
    assert len((await shop.exported())["tables"]) == 2
