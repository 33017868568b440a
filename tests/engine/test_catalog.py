"""What the engine reads of a database, on both versions of PostgreSQL that it meets."""

import psycopg
import pytest

from backend.embedded_postgres import EmbeddedPostgres
from hasura.engine.catalog.model import Argument, Catalog, ForeignKey, PgType, UniqueKey
from hasura.engine.catalog.read import read_catalog
from tests.conftest import new_database
from tests.engine import library


@pytest.fixture(scope="module", params=["postgres18", "postgres15"])
async def catalog(request: pytest.FixtureRequest) -> Catalog:
    cluster: EmbeddedPostgres = request.getfixturevalue(request.param)
    with new_database(cluster) as url:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute(library.SCHEMA.encode())
            return await read_catalog(connection)


def test_tables_of_every_schema_but_postgres_s_own_are_there(catalog: Catalog) -> None:
    assert {key for key in catalog.tables if key[0] != "public"} == {("side", "author")}
    assert {"author", "popular", 'Mixed "Case%'} <= {
        name for schema, name in catalog.tables if schema == "public"
    }


def test_columns_have_types_nullability_and_defaults(catalog: Catalog) -> None:
    columns = {column.name: column for column in catalog.tables["public", "author"].columns}
    assert columns["id"].type == PgType("int4", "integer")
    assert (columns["id"].nullable, columns["id"].has_default, columns["id"].generated) == (
        False,
        True,
        False,
    )
    assert columns["tags"].type == PgType("_text", "text[]", PgType("text", "text"))
    assert columns["bio"].nullable
    assert columns["bio"].comment == "what they say of themselves"
    assert catalog.tables["public", "author"].comment == "people who write"


def test_generated_columns_are_known(catalog: Catalog) -> None:
    generated = {
        (key[1], column.name)
        for key, table in catalog.tables.items()
        for column in table.columns
        if column.generated
    }
    assert generated == {("article", "words"), ("log", "id"), ("sealed", "id")}


def test_keys_are_primary_and_unique_constraints_and_no_others(catalog: Catalog) -> None:
    """PostgreSQL 18 keeps NOT NULL among the constraints."""
    author = catalog.tables["public", "author"]
    assert author.primary_key == UniqueKey("author_pkey", ("id",))
    assert set(author.unique_keys) == {
        UniqueKey("author_pkey", ("id",)),
        UniqueKey("author_name_key", ("name",)),
        UniqueKey("no graphql-name", ("account", "order")),
    }
    assert catalog.tables["public", "membership"].primary_key == UniqueKey(
        "membership_pkey", ("org", "person")
    )


def test_foreign_keys_name_both_sides(catalog: Catalog) -> None:
    assert catalog.tables["public", "node"].foreign_keys == (
        ForeignKey("node_parent_id_fkey", ("parent_id",), ("public", "node"), ("id",)),
    )


@pytest.mark.parametrize(
    ("name", "kind", "writable"), [("author", "r", True), ("popular", "v", True), ("totals", "v", False)]
)
def test_views_are_writable_where_postgres_says_so(
    catalog: Catalog, name: str, kind: str, writable: bool
) -> None:
    table = catalog.tables["public", name]
    assert table.kind == kind
    assert (table.insertable, table.updatable, table.deletable) == (writable, writable, writable)


def test_functions_have_arguments_results_and_volatility(catalog: Catalog) -> None:
    search = catalog.functions["public", "search_articles"]
    assert search.arguments == (
        Argument("search", PgType("text", "text"), has_default=False),
        Argument("least_views", PgType("int8", "bigint"), has_default=True),
        Argument("hasura_session", PgType("json", "json"), has_default=True),
    )
    assert (search.returns, search.returns_set, search.volatility) == (("public", "article"), True, "s")
    assert catalog.functions["public", "bump"].volatility == "v"
    assert not catalog.functions["public", "first_author"].returns_set
    assert catalog.functions["public", "twice"].overloaded
    assert catalog.functions["public", "number"].returns is None
