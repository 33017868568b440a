"""Several sources: two databases in one schema, each field answered by its own."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from backend.embedded_postgres import EmbeddedPostgres
from hasura.engine.catalog.read import read_catalog
from tests.conftest import new_database
from tests.engine.bookstore import SUCCESS
from tests.engine.conftest import ADMIN, Cable, RunningEngine, running_engine, until

USER = {**ADMIN, "x-hasura-role": "user", "x-hasura-user-id": "1"}
HERE = """
CREATE TABLE author (id int PRIMARY KEY, name text NOT NULL UNIQUE);
INSERT INTO author VALUES (1, 'Ada'), (2, 'Bo');
"""
THERE = """
CREATE TABLE sale (id bigint PRIMARY KEY, author_id int, amount numeric NOT NULL CHECK (amount > 0));
INSERT INTO sale VALUES (9007199254740993, 1, 1.50), (2, 1, 20), (3, 2, 300);
CREATE TABLE author (id int PRIMARY KEY, secret text);
INSERT INTO author VALUES (1, 'of the other database');
CREATE FUNCTION sales_of(author int) RETURNS SETOF sale LANGUAGE sql STABLE AS
  'SELECT * FROM sale WHERE author_id = author';
"""


class Sources:
    """An engine with the source `default`, and another database."""

    def __init__(self, running: RunningEngine, here: str, there: str) -> None:
        self.running = running
        self.here = here
        self.there = there

    async def command(self, type_: str, status: int = 200, /, **args: Any) -> Any:
        answer = await self.running.metadata(type=type_, args=args)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def add(self, name: str = "shop", url: str | None = None, **more: Any) -> None:
        configuration = {"connection_info": {"database_url": url or self.there}}
        await self.command("pg_add_source", name=name, configuration=configuration, **more)

    async def track(self, table: str, source: str = "shop", **more: Any) -> None:
        assert await self.command("pg_track_table", source=source, table=table, **more) == SUCCESS

    async def ask(self, query: str, headers: dict[str, str] = ADMIN) -> Any:
        answer = await self.running.graphql(query, headers=headers)
        assert "errors" not in answer, answer
        return answer["data"]

    async def refusal(self, query: str, headers: dict[str, str] = ADMIN) -> str:
        answer = await self.running.graphql(query, headers=headers)
        return str(answer["errors"][0]["message"])

    async def inconsistent(self) -> list[str]:
        found = await self.command("get_inconsistent_metadata")
        return [each["name"] for each in found["inconsistent_objects"]]


@pytest.fixture
async def sources(postgres18: EmbeddedPostgres) -> AsyncIterator[Sources]:
    with new_database(postgres18) as here, new_database(postgres18) as there:
        for url, statements in ((here, HERE), (there, THERE)):
            with psycopg.connect(url) as connection:
                connection.execute(statements.encode())
        quiet = {"live_queries_multiplexed_refetch_interval": 60_000}
        async with running_engine(here, metadata_dir=None, **quiet) as running:
            found = Sources(running, here, there)
            await found.track("author", "default")
            yield found


async def test_one_query_asks_each_source_for_its_fields_and_answers_in_order(sources: Sources) -> None:
    await sources.add()
    await sources.track("sale")
    query = "{ b: sale(order_by: {id: asc}) { id } author { name } t: __typename a: sale_by_pk(id: 3) { amount } }"
    data = await sources.ask(query)
    assert data == {
        "b": [{"id": 2}, {"id": 3}, {"id": 9007199254740993}],
        "author": [{"name": "Ada"}, {"name": "Bo"}],
        "t": "query_root",
        "a": {"amount": 300},
    }
    assert list(data) == ["b", "author", "t", "a"]


async def test_functions_and_permissions_of_the_other_source_count(sources: Sources) -> None:
    await sources.add()
    await sources.track("sale")
    await sources.command("pg_track_function", source="shop", function="sales_of")
    permission = {"columns": ["id"], "filter": {"author_id": {"_eq": "X-Hasura-User-Id"}}}
    await sources.command(
        "pg_create_select_permission", source="shop", table="sale", role="user", permission=permission
    )
    assert await sources.ask("{ sale { id } }", USER) == {"sale": [{"id": 9007199254740993}, {"id": 2}]}
    assert await sources.ask("{ sales_of(args: {author: 2}) { id } }", USER) == {"sales_of": []}
    # What a role may see of one source opens nothing of another.
    assert "author" in await sources.refusal("{ author { name } }", USER)
    assert "amount" in await sources.refusal("{ sale { amount } }", USER)


async def test_dropping_a_source_takes_its_fields(sources: Sources) -> None:
    await sources.add()
    await sources.track("sale")
    assert await sources.command("pg_drop_source", name="shop") == SUCCESS
    assert "sale" in await sources.refusal("{ sale { id } }")
    assert await sources.ask("{ author_by_pk(id: 1) { name } }") == {"author_by_pk": {"name": "Ada"}}


CUSTOM = {
    "root_fields": {"namespace": "shop", "prefix": "s_", "suffix": "_x"},
    "type_names": {"prefix": "T_", "suffix": "_X"},
}


async def test_a_source_has_names_of_its_own_so_that_equal_tables_do_not_meet(sources: Sources) -> None:
    await sources.add(customization=CUSTOM)
    await sources.track("author")
    data = await sources.ask(
        "{ mine: author_by_pk(id: 1) { __typename name }"
        " shop { __typename theirs: s_author_x { __typename secret } s_author_by_pk_x(id: 9) { id } } }"
    )
    assert data == {
        "mine": {"__typename": "author", "name": "Ada"},
        "shop": {
            "__typename": "T_shop_query_X",
            "theirs": [{"__typename": "T_author_X", "secret": "of the other database"}],
            "s_author_by_pk_x": None,
        },
    }
    changed = await sources.ask(
        'mutation { shop { s_insert_author_x(objects: {id: 2, secret: "s"}) { affected_rows __typename } } }'
    )
    assert changed == {
        "shop": {"s_insert_author_x": {"affected_rows": 1, "__typename": "T_author_mutation_response_X"}}
    }


async def test_equal_names_of_two_sources_are_refused_and_the_first_keeps_its_own(sources: Sources) -> None:
    await sources.add()
    refused = await sources.command("pg_track_table", 400, source="shop", table="author")
    assert refused["error"] == "node author already exists in current graphql schema"
    document = await sources.command("export_metadata")
    document["sources"][1]["tables"] = [{"table": "author"}, {"table": "sale"}]
    answer = await sources.command("replace_metadata", metadata=document, allow_inconsistent_metadata=True)
    assert answer == SUCCESS
    assert await sources.inconsistent() == ["table author in source shop"]
    data = await sources.ask("{ author_by_pk(id: 1) { name } sale_by_pk(id: 2) { amount } }")
    assert data == {"author_by_pk": {"name": "Ada"}, "sale_by_pk": {"amount": 20}}
    await sources.command("drop_inconsistent_metadata")
    left = await sources.command("export_metadata")
    assert [
        [t["table"]["name"] if isinstance(t["table"], dict) else t["table"] for t in s["tables"]]
        for s in left["sources"]
    ] == [["author"], ["sale"]]


@pytest.mark.parametrize(("both", "kept"), [(True, 2), (False, 1)])
async def test_a_mutation_of_several_sources_is_a_transaction_for_each_root_field(
    sources: Sources, both: bool, kept: int
) -> None:
    """As in Hasura: of one source all or nothing, of several what was done before the failure stays."""
    await sources.add()
    await sources.track("sale")
    first = 'a: insert_author(objects: {id: 3, name: "Cy"}) { affected_rows }'
    if not both:
        first = "a: insert_sale(objects: {id: 4, author_id: 3, amount: 1}) { affected_rows }"
    failing = "b: insert_sale(objects: {id: 5, author_id: 3, amount: 0}) { affected_rows }"
    assert "Check constraint violation" in await sources.refusal(f"mutation {{ {first} {failing} }}")
    data = await sources.ask(
        "{ author(where: {id: {_gt: 2}}) { id } sale(where: {author_id: {_eq: 3}}) { id } }"
    )
    assert data == {"author": [{"id": 3}] if kept == 2 else [], "sale": []}


async def test_live_queries_hear_of_changes_in_their_own_source(sources: Sources) -> None:
    await sources.add(customization=CUSTOM)
    await sources.track("sale")
    live = sources.running.engine.live("shop")
    await until(lambda: live._feed.announces(frozenset({("public", "sale")})))
    async with sources.running.socket() as socket:
        await socket.init()
        await socket.subscribe("subscription { a: shop { b: s_sale_x(where: {id: {_gt: 3}}) { amount } } }")
        assert await socket.news() == {"a": {"b": [{"amount": 1.5}]}}
        with psycopg.connect(sources.there) as connection:
            connection.execute("UPDATE sale SET amount = 2")
        assert await socket.news() == {"a": {"b": [{"amount": 2}]}}
        stream = "s_sale_stream_x(batch_size: 9, cursor: {initial_value: {id: 2}}) { id }"
        await socket.subscribe(f"subscription {{ shop {{ {stream} }} }}", operation="2")
        found = await socket.news()
        assert found == {"shop": {"s_sale_stream_x": [{"id": 3}, {"id": 9007199254740993}]}}


async def test_a_subscription_is_of_one_source(sources: Sources) -> None:
    await sources.add()
    await sources.track("sale")
    async with sources.running.socket() as socket:
        await socket.init()
        for number, (directive, refusal) in enumerate(
            [
                ("", "subscriptions must select one top level field"),
                ("@_multiple_top_level_fields", "all fields of a subscription must be from the same source"),
            ]
        ):
            query = f"subscription {directive} {{ author {{ name }} sale {{ id }} }}"
            await socket.subscribe(query, operation=str(number))
            message = await socket.receive()
            while message["id"] != str(number):  # the one before is completed
                message = await socket.receive()
            assert (message["type"], message["payload"][0]["message"]) == ("error", refusal)


JOIN = {"relationship_type": "array", "field_mapping": {"id": "author_id"}, "source": "shop", "table": "sale"}


async def test_a_relationship_leads_to_rows_of_another_source_and_back(sources: Sources) -> None:
    await sources.add()
    await sources.track("sale")
    back = {
        "relationship_type": "object",
        "field_mapping": {"author_id": "id"},
        "source": "default",
        "table": "author",
    }
    for source, table, name, to in (("default", "author", "sales", JOIN), ("shop", "sale", "author", back)):
        answer = await sources.command(
            "pg_create_remote_relationship",
            source=source,
            table=table,
            name=name,
            definition={"to_source": to},
        )
        assert answer == SUCCESS
    data = await sources.ask(
        "{ author(order_by: {id: asc}) { name s: sales(order_by: {id: desc}, limit: 1) { id amount author { name } }"
        " sales_aggregate { aggregate { count sum { amount } } } } }"
    )
    assert data == {
        "author": [
            {
                "name": "Ada",
                "s": [{"id": 9007199254740993, "amount": 1.5, "author": {"name": "Ada"}}],
                "sales_aggregate": {"aggregate": {"count": 2, "sum": {"amount": 21.5}}},
            },
            {
                "name": "Bo",
                "s": [{"id": 3, "amount": 300, "author": {"name": "Bo"}}],
                "sales_aggregate": {"aggregate": {"count": 1, "sum": {"amount": 300}}},
            },
        ]
    }
    written = await sources.ask(
        'mutation { insert_author_one(object: {id: 7, name: "Di"}) { name sales { id } }'
        " update_sale(where: {id: {_eq: 3}}, _set: {author_id: null}) { returning { amount author { name } } } }"
    )
    assert written == {
        "insert_author_one": {"name": "Di", "sales": []},
        "update_sale": {"returning": [{"amount": 300, "author": None}]},
    }


async def test_over_a_relationship_a_role_sees_what_it_may_see_there(sources: Sources) -> None:
    await sources.add()
    await sources.track("sale")
    await sources.command(
        "pg_create_remote_relationship", table="author", name="sales", definition={"to_source": JOIN}
    )
    for source, table, permission in (
        ("default", "author", {"columns": ["id", "name"], "filter": {}}),
        ("shop", "sale", {"columns": ["id"], "filter": {"amount": {"_gt": "X-Hasura-User-Id"}}, "limit": 1}),
    ):
        assert "author { sales" not in str(await sources.refusal("{ author { sales { id } } }", USER))
        await sources.command(
            "pg_create_select_permission", source=source, table=table, role="user", permission=permission
        )
    data = await sources.ask("{ author(order_by: {id: asc}) { sales(order_by: {id: asc}) { id } } }", USER)
    assert data == {"author": [{"sales": [{"id": 2}]}, {"sales": [{"id": 3}]}]}
    # A column that joins is a column that shows: a role that may not see it has no such relationship.
    await sources.command("pg_drop_select_permission", table="author", role="user")
    await sources.command(
        "pg_create_select_permission",
        table="author",
        role="user",
        permission={"columns": ["name"], "filter": {}},
    )
    assert "field 'sales' not found" in await sources.refusal("{ author { sales { id } } }", USER)


async def test_a_source_goes_only_when_nobody_leads_to_it(sources: Sources) -> None:
    await sources.add()
    await sources.track("sale")
    await sources.command(
        "pg_create_remote_relationship", table="author", name="sales", definition={"to_source": JOIN}
    )
    refused = await sources.command("pg_drop_source", 400, name="shop")
    assert refused["code"] == "dependency-error"
    assert 'remote_relationship author.sales in source "default"' in refused["error"]
    assert await sources.command("pg_drop_source", name="shop", cascade=True) == SUCCESS
    document = await sources.command("export_metadata")
    assert "remote_relationships" not in document["sources"][0]["tables"][0]


@pytest.mark.parametrize("more", [{"read_replicas": []}, {"connection_template": {"template": "x"}}])
async def test_what_is_not_supported_of_a_source_is_refused(sources: Sources, more: dict[str, Any]) -> None:
    configuration = {"connection_info": {"database_url": sources.there}, **more}
    refused = await sources.command("pg_add_source", 400, name="shop", configuration=configuration)
    assert "is not supported by this engine" in refused["error"]


@pytest.mark.parametrize(
    "database_url",
    [
        "postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=2",
        {"from_env": "NO_SUCH_VARIABLE"},
        "not a url",
        {},
    ],
)
async def test_a_source_that_cannot_be_reached_is_refused(sources: Sources, database_url: Any) -> None:
    refused = await sources.command(
        "pg_add_source", 400, name="shop", configuration={"connection_info": {"database_url": database_url}}
    )
    assert refused["code"] == "invalid-configuration"
    assert refused["internal"][0]["name"] == "source shop"
    assert [each["name"] for each in (await sources.command("export_metadata"))["sources"]] == ["default"]


async def test_a_source_that_went_away_is_inconsistent_and_comes_back_by_a_reload(
    sources: Sources, cable: tuple[Cable, str]
) -> None:
    line, _ = cable
    await line.plug_in()
    parts = urlsplit(sources.there)
    await sources.add(url=sources.there.replace(f":{parts.port}/", f":{line.port}/"))
    await sources.track("sale")
    await line.unplug()
    query = {"query": "{ author { id } sale { id } }"}
    away = await sources.running.client.post("/v1/graphql", json=query, headers=ADMIN)
    assert away.json()["errors"][0]["message"] == "the database cannot be reached"
    assert await sources.ask("{ author_by_pk(id: 1) { name } }") == {"author_by_pk": {"name": "Ada"}}
    reloaded = await sources.command("reload_metadata")
    assert [each["name"] for each in reloaded["inconsistent_objects"]] == ["source shop"]
    assert "sale" in await sources.refusal("{ sale { id } }")
    assert (await sources.running.client.get("/healthz")).text == "WARN: inconsistent objects in schema"
    await line.plug_in()
    assert (await sources.command("reload_metadata"))["is_consistent"] is True
    assert await sources.ask("{ sale_by_pk(id: 2) { amount } }") == {"sale_by_pk": {"amount": 20}}


async def test_a_source_is_told_of_by_parameters_renamed_and_customized_later(sources: Sources) -> None:
    parts = urlsplit(sources.there)
    parameters = {
        "host": parts.hostname,
        "port": parts.port,
        "username": parts.username,
        "password": parts.password,
        "database": parts.path.removeprefix("/"),
    }
    info = {
        "database_url": {"connection_parameters": parameters},
        "isolation_level": "repeatable-read",
        "use_prepared_statements": False,
        "pool_settings": {"max_connections": 3, "pool_timeout": 2, "idle_timeout": 60},
    }
    await sources.command("pg_add_source", name="shop", configuration={"connection_info": info})
    await sources.track("sale")
    assert await sources.command("rename_source", name="shop", new_name="store") == SUCCESS
    assert sources.running.engine.pools["store"].max_size == 3
    async with sources.running.engine.pools["store"].connection() as connection:
        shown = await (await connection.execute("SHOW transaction_isolation")).fetchone()
    assert shown == ("repeatable read",)
    custom = {"root_fields": {"prefix": "the_"}}
    assert await sources.command("pg_update_source", name="store", customization=custom) == SUCCESS
    assert await sources.ask("{ the_sale_by_pk(id: 2) { amount } }") == {"the_sale_by_pk": {"amount": 20}}
    refused = await sources.command(
        "pg_update_source", 400, name="store", customization={"naming_convention": "graphql-default"}
    )
    assert "graphql-default is not supported" in refused["error"]


async def test_a_bulk_reads_a_database_once(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    await sources.add()
    reads = []

    async def counted(connection: Any, enums: Any) -> Any:
        reads.append(connection.info.dbname)
        return await read_catalog(connection, enums)

    monkeypatch.setattr("hasura.engine.serve.catalogs.read_catalog", counted)
    commands = [
        {"type": f"pg_{verb}_table", "args": {"source": "shop", "table": "sale"}}
        for verb in ("track", "untrack") * 5
    ]
    answer = await sources.running.metadata(type="bulk", args=commands)
    assert answer.json() == [SUCCESS] * 10
    assert reads == [urlsplit(sources.there).path.removeprefix("/")]


async def test_sql_of_another_source_is_followed_in_its_metadata(sources: Sources) -> None:
    await sources.add()
    await sources.track("sale")
    await sources.command(
        "pg_create_select_permission",
        source="shop",
        table="sale",
        role="user",
        permission={"columns": ["amount"], "filter": {}},
    )
    renamed = {"type": "run_sql", "args": {"source": "shop", "sql": "ALTER TABLE sale RENAME amount TO paid"}}
    answer = await sources.running.client.post("/v2/query", json=renamed, headers=ADMIN)
    assert answer.status_code == 200, answer.text
    assert await sources.ask("{ sale(where: {paid: {_eq: 20}}) { paid } }", USER) == {"sale": [{"paid": 20}]}
    kept = {"type": "run_sql", "args": {"source": "shop", "sql": "ALTER TABLE sale DROP paid"}}
    refused = await sources.running.client.post("/v2/query", json=kept, headers=ADMIN)
    assert refused.json()["error"] == (
        'cannot drop due to the following dependent objects: permission sale.user.select in source "shop"'
    )
