"""Several sources: two databases in one schema, each field answered by its own."""

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from backend.embedded_postgres import EmbeddedPostgres
from tests.conftest import new_database
from tests.engine.bookstore import SUCCESS
from tests.engine.conftest import ADMIN, RunningEngine, running_engine

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
