"""`/v1/metadata`, and the store behind it."""

import copy
from typing import Any

import psycopg
import pytest

from hasura.engine.metadata.directory import load_metadata_directory
from hasura.engine.metadata_store import INITIAL
from tests.conftest import make_user
from tests.engine.conftest import ADMIN, METADATA, RunningEngine, bearer, running_engine, until, user_token

PROJECT = load_metadata_directory(METADATA)
EMPTY = {**PROJECT, "sources": [{**PROJECT["sources"][0], "tables": [], "functions": []}]}
BROKEN = copy.deepcopy(PROJECT)
BROKEN["sources"][0]["tables"].append({"table": {"schema": "public", "name": "nowhere"}})


async def test_export_answers_what_the_directory_holds(engine: RunningEngine) -> None:
    assert (await engine.metadata(type="export_metadata", args={})).json() == PROJECT
    second = (await engine.metadata(type="export_metadata", version=2, args={})).json()
    # 1 is what Hasura stores at its first start.
    assert second == {"resource_version": 2, "metadata": PROJECT}


async def test_replace_serves_the_new_metadata_at_once(engine: RunningEngine) -> None:
    answer = await engine.metadata(type="replace_metadata", version=2, args={"metadata": EMPTY})
    assert answer.json() == {"is_consistent": True, "inconsistent_objects": []}
    assert "errors" in await engine.graphql("{ users { id } }")
    answer = await engine.metadata(type="replace_metadata", args=PROJECT)
    assert answer.json() == {"message": "success"}
    assert await engine.graphql("{ users { id } }") == {"data": {"users": []}}


async def test_inconsistent_metadata_is_refused_whole_unless_allowed(engine: RunningEngine) -> None:
    for command in (
        {"type": "replace_metadata", "args": BROKEN},
        {"type": "replace_metadata", "version": 2, "args": {"metadata": BROKEN}},
    ):
        refused = await engine.metadata(**command)
        body = refused.json()
        assert refused.status_code == 400
        assert (body["path"], body["code"]) == ("$.args", "unexpected")
        assert body["error"] == "cannot continue due to inconsistent metadata"
        assert "nowhere" in str(body["internal"])
    stored = (await engine.metadata(type="export_metadata", version=2, args={})).json()
    assert stored == {"resource_version": 2, "metadata": PROJECT}
    allowed = await engine.metadata(
        type="replace_metadata", version=2, args={"metadata": BROKEN, "allow_inconsistent_metadata": True}
    )
    assert allowed.json()["is_consistent"] is False
    assert await engine.graphql("{ users { id } }") == {"data": {"users": []}}
    found = (await engine.metadata(type="get_inconsistent_metadata", args={})).json()
    assert found == allowed.json()
    reloaded = (await engine.metadata(type="reload_metadata", args={})).json()
    assert (reloaded["message"], reloaded["is_consistent"]) == ("success", False)


async def test_reload_sees_a_table_that_came_later(engine: RunningEngine, database_url: str) -> None:
    await engine.metadata(
        type="replace_metadata", version=2, args={"metadata": BROKEN, "allow_inconsistent_metadata": True}
    )
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE nowhere (id int PRIMARY KEY)")
    answer = await engine.metadata(type="reload_metadata", args={})
    assert answer.json() == {"message": "success", "is_consistent": True}
    assert await engine.graphql("{ nowhere { id } }") == {"data": {"nowhere": []}}


async def test_two_who_change_it_at_once_do_not_overwrite_each_other(engine: RunningEngine) -> None:
    change = {"type": "replace_metadata", "version": 2, "resource_version": 2, "args": {"metadata": EMPTY}}
    assert (await engine.metadata(**change)).status_code == 200
    late = await engine.metadata(**change)
    assert late.status_code == 409
    assert late.json()["error"] == "metadata resource version referenced (2) did not match current version"


@pytest.mark.parametrize(
    ("command", "code", "path"),
    [
        ({"args": {}}, "parse-failed", "$"),
        ({"type": 1}, "parse-failed", "$.type"),
        ({"type": "no_such_thing", "args": {}}, "parse-failed", "$"),
        ({"type": "replace_metadata", "version": 2, "args": {}}, "parse-failed", "$.args"),
        (
            {"type": "replace_metadata", "version": 2, "args": {"metadata": 1}},
            "parse-failed",
            "$.args.metadata",
        ),
        ({"type": "bulk", "args": {}}, "parse-failed", "$.args"),
        ({"type": "export_metadata", "version": []}, "parse-failed", "$.version"),
        ({"type": "export_metadata", "version": 3}, "parse-failed", "$"),
        ({"type": "replace_metadata", "args": {"version": 4}}, "parse-failed", "$.args.version"),
        ({"type": "replace_metadata", "args": {"version": []}}, "parse-failed", "$.args.version"),
        (
            {"type": "replace_metadata", "args": {"version": 3, "sources": 5}},
            "parse-failed",
            "$.args.metadata.sources",
        ),
        ({"type": "export_metadata", "resource_version": "1"}, "parse-failed", "$.resource_version"),
    ],
)
async def test_commands_that_are_none_are_refused(
    engine: RunningEngine, command: dict[str, Any], code: str, path: str
) -> None:
    answer = await engine.metadata(**command)
    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["path"]) == (code, path)


async def test_a_bulk_answers_each_command(engine: RunningEngine) -> None:
    exported = {"type": "export_metadata", "args": {}}
    answer = await engine.metadata(type="bulk", args=[exported, {"type": "reload_metadata"}])
    assert answer.json() == [PROJECT, {"message": "success", "is_consistent": True}]


async def test_metadata_is_the_admins_alone(engine: RunningEngine, database_url: str) -> None:
    ada = make_user(database_url, "ada")
    for headers in (bearer(user_token(ada)), {**ADMIN, "x-hasura-role": "user"}):
        answer = await engine.metadata(headers, type="export_metadata", args={})
        assert answer.status_code == 400
        refusal = {"path": "$.args", "error": "restricted access : admin only", "code": "access-denied"}
        assert answer.json() == refusal


async def test_the_stored_metadata_is_served_unless_a_directory_is_given(database_url: str) -> None:
    async with running_engine(database_url) as first:
        await first.metadata(type="replace_metadata", version=2, args={"metadata": EMPTY})
    async with running_engine(database_url, metadata_dir=None) as second:
        assert (await second.metadata(type="export_metadata", args={})).json() == EMPTY
    async with running_engine(database_url) as third:
        assert (await third.metadata(type="export_metadata", args={})).json() == PROJECT
        version = (await third.metadata(type="export_metadata", version=2, args={})).json()[
            "resource_version"
        ]
    async with running_engine(database_url) as fourth:
        again = (await fourth.metadata(type="export_metadata", version=2, args={})).json()
        assert again["resource_version"] == version


async def test_every_engine_on_the_database_follows_a_change(database_url: str) -> None:
    quick = {"schema_sync_poll_interval": 50}
    async with running_engine(database_url, **quick) as one, running_engine(database_url, **quick) as other:
        await one.metadata(type="replace_metadata", version=2, args={"metadata": EMPTY})
        await until(lambda: not other.engine.snapshot.source("default").tables)
        assert "errors" in await other.graphql("{ users { id } }")
        with psycopg.connect(database_url) as connection:
            triggers = connection.execute(
                "SELECT count(*) FROM pg_trigger WHERE tgname = 'hdb_live_queries'"
            ).fetchone()
        assert triggers == (0,)


async def test_a_database_without_metadata_gets_hasuras_first_one(database_url: str) -> None:
    async with running_engine(database_url, metadata_dir=None) as engine:
        assert (await engine.client.get("/healthz")).text == "OK"
        exported = await engine.metadata(type="export_metadata", version=2, args={})
        assert exported.json() == {"resource_version": 1, "metadata": INITIAL}


async def test_a_catalog_of_another_version_is_left_alone(database_url: str) -> None:
    async with running_engine(database_url):
        pass
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE hdb_catalog.hdb_version SET version = '47'")
    async with running_engine(database_url, wait=False) as engine:
        assert (await engine.client.get("/healthz")).status_code == 500
