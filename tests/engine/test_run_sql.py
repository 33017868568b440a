"""`run_sql`: an admin's SQL, and the metadata that follows it."""

from collections.abc import AsyncIterator

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hasura.engine.sql_api.split import split_statements
from tests.engine.bookstore import Shop, open_shop
from tests.engine.conftest import running_engine

DONE = {"result_type": "CommandOk", "result": None}


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    async with open_shop(database_url) as shop:
        await shop.track_all()
        yield shop


async def test_rows_are_text_and_the_last_statement_answers(shop: Shop) -> None:
    rows = await shop.sql("SELECT 1; SELECT id, name, NULL AS nothing, true AS yes FROM author ORDER BY id")
    assert rows == {
        "result_type": "TuplesOk",
        "result": [["id", "name", "nothing", "yes"], ["1", "Ada", "NULL", "t"], ["2", "Bo", "NULL", "t"]],
    }
    assert await shop.sql("SELECT 1; CREATE TABLE made (id int)") == DONE


async def test_a_refusal_has_postgresqls_words_and_undoes_all(shop: Shop) -> None:
    refused = await shop.sql("CREATE TABLE made (id int); SELECT * FROM nowhere", 400)
    assert (refused["code"], refused["path"]) == ("postgres-error", "$.args")
    assert refused["error"] == "query execution failed"
    assert refused["internal"]["statement"] == "CREATE TABLE made (id int); SELECT * FROM nowhere"
    assert refused["internal"]["error"] == {
        "exec_status": "FatalError",
        "hint": None,
        "message": 'relation "nowhere" does not exist',
        "status_code": "42P01",
        "description": None,
    }
    assert (await shop.sql("SELECT to_regclass('made')"))["result"] == [["to_regclass"], ["NULL"]]


async def test_read_only_means_it(shop: Shop) -> None:
    for sql in ("DROP TABLE author CASCADE", "COMMIT; DROP TABLE author CASCADE"):
        refused = await shop.sql(sql, 400, read_only=True)
        assert "read-only transaction" in refused["internal"]["error"]["message"]


async def test_what_a_command_sets_is_gone_with_it(shop: Shop) -> None:
    await shop.sql("SET TIME ZONE 'Asia/Tokyo'; SET search_path = archive")
    for _ in range(3):
        assert (await shop.sql("SHOW search_path"))["result"][1] == ['"$user", public']
    assert (await shop.running.graphql("{ author { id } }"))["data"]["author"]


async def test_without_a_transaction_each_statement_stands_alone(shop: Shop) -> None:
    sql = "CREATE TABLE made (id int); CREATE INDEX CONCURRENTLY made_id ON made (id);"
    refused = await shop.sql(sql, 400)
    assert refused["internal"]["error"]["status_code"] == "25001"
    assert await shop.sql(sql, no_transaction=True) == DONE


async def test_renamed_tables_and_columns_are_followed_everywhere(shop: Shop) -> None:
    sql = """
        ALTER TABLE author RENAME TO person;
        ALTER TABLE person RENAME COLUMN name TO full_name;
        ALTER TABLE article RENAME COLUMN author_id TO person_id;
        ALTER TABLE article RENAME COLUMN published TO public;
    """
    assert await shop.sql(sql) == DONE
    article, person = await shop.table("article"), await shop.table("person")
    assert article["object_relationships"][0]["using"] == {"foreign_key_constraint_on": "person_id"}
    assert person["array_relationships"][0]["using"]["foreign_key_constraint_on"]["column"] == "person_id"
    assert article["select_permissions"][0]["permission"]["filter"] == {
        "_or": [{"author": {"full_name": "X-Hasura-Name"}}, {"public": True}]
    }
    assert article["insert_permissions"][0]["permission"] == {
        "check": {"person_id": {"_eq": "X-Hasura-Id"}},
        "set": {"public": False},
        "columns": "*",
    }
    assert await shop.running.graphql("{ person(where: {id: {_eq: 2}}) { full_name articles { id } } }") == {
        "data": {"person": [{"full_name": "Bo", "articles": [{"id": 3}]}]}
    }


async def test_what_others_need_cannot_be_dropped_unless_they_go_too(shop: Shop) -> None:
    needed = 'permission article.user.select in source "default"'
    for sql, told in (
        ("DROP TABLE author CASCADE", f'{needed}, relationship article.author in source "default"'),
        (
            "ALTER TABLE article DROP COLUMN published",
            f'permission article.user.insert in source "default", {needed}',
        ),
        (
            "ALTER TABLE article DROP CONSTRAINT article_author_id_fkey",
            'relationship article.author in source "default", relationship author.articles in source "default"',
        ),
    ):
        refused = await shop.sql(sql, 400)
        assert (refused["code"], refused["path"]) == ("dependency-error", "$.args")
        assert refused["error"] == f"cannot drop due to the following dependent objects: {told}"
    # All of it was undone.
    assert await shop.running.graphql("{ author_by_pk(id: 1) { articles { id } } }") == {
        "data": {"author_by_pk": {"articles": [{"id": 1}, {"id": 2}]}}
    }
    assert await shop.sql("DROP TABLE author CASCADE", cascade=True) == DONE
    assert [each["table"]["name"] for each in (await shop.exported())["tables"]] == ["article"]
    assert (await shop.table("article")).keys() == {"table", "insert_permissions"}


async def test_a_constraint_made_again_is_no_change(shop: Shop) -> None:
    sql = """
        ALTER TABLE article DROP CONSTRAINT article_author_id_fkey,
            ADD CONSTRAINT article_author_id_fkey FOREIGN KEY (author_id) REFERENCES author (id)
    """
    version = await shop.version()
    assert await shop.sql(sql) == DONE
    assert await shop.version() == version + 1


async def test_a_type_that_a_permission_relies_on_stays(shop: Shop) -> None:
    refused = await shop.sql("ALTER TABLE article ALTER COLUMN published TYPE text", 400)
    assert refused["error"] == (
        'cannot change type of column "published" in table "article" because of the following dependencies: '
        'permission article.user.insert in source "default", permission article.user.select in source "default"'
    )
    assert await shop.sql("ALTER TABLE article ALTER COLUMN title TYPE varchar(99)") == DONE


async def test_functions_in_use_keep_their_name_and_kind(shop: Shop) -> None:
    await shop.command("pg_track_function", function="search_articles")
    await shop.command(
        "pg_add_computed_field", table="author", name="hello", definition={"function": "greeting"}
    )
    for sql, text in (
        (
            "ALTER FUNCTION search_articles VOLATILE",
            'type of function "search_articles" is altered to "VOLATILE" which is not supported now',
        ),
        (
            "CREATE OR REPLACE FUNCTION search_articles(int) RETURNS SETOF article LANGUAGE sql STABLE "
            "AS 'SELECT * FROM article'",
            "the following tracked function(s) cannot be overloaded: search_articles",
        ),
        (
            "ALTER FUNCTION greeting RENAME TO salute",
            'cannot drop due to the following dependent objects: computed field author.hello in source "default"',
        ),
    ):
        assert (await shop.sql(sql, 400))["error"] == text
    assert await shop.sql("DROP FUNCTION search_articles") == DONE
    assert "functions" not in await shop.exported()


async def test_a_failure_behind_committed_sql_undoes_neither_it_nor_what_followed_it(shop: Shop) -> None:
    """SQL and the metadata that fits its outcome are committed as one; the rest of the bulk is undone."""
    rename = {"type": "run_sql", "args": {"sql": "ALTER TABLE article RENAME COLUMN title TO headline"}}
    track = {"type": "track_table", "args": "author_view"}
    bad = {"type": "track_table", "args": "nowhere"}
    await shop.post("/v1/query", {"type": "bulk", "args": [rename, track, bad]}, 400)
    permission = (await shop.table("article"))["select_permissions"][0]["permission"]
    assert permission["columns"] == ["id", "headline"]
    assert len((await shop.exported())["tables"]) == 2
    assert "data" in await shop.running.graphql("{ article { headline } }")


async def test_sql_that_commits_by_itself_is_followed_too(shop: Shop) -> None:
    assert await shop.sql("ALTER TABLE article RENAME COLUMN title TO headline; COMMIT") == DONE
    assert "data" in await shop.running.graphql("{ article { headline } }")


async def test_a_constraint_that_refuses_at_the_end_undoes_all(shop: Shop) -> None:
    sql = """
        ALTER TABLE article ALTER CONSTRAINT article_author_id_fkey DEFERRABLE INITIALLY DEFERRED;
        UPDATE article SET author_id = 7 WHERE id = 1;
    """
    refused = await shop.sql(sql, 400)
    assert refused["internal"]["error"]["status_code"] == "23503"
    assert "data" in await shop.running.graphql("{ article { author { id } } }")


async def test_metadata_in_another_database_follows_once_the_sql_is_committed(
    shop: Shop, database_url: str
) -> None:
    metadata = await shop.command("export_metadata")
    elsewhere = f"{database_url}?application_name=elsewhere"  # another one as far as the engine can tell
    async with running_engine(database_url, metadata_dir=None, metadata_database_url=elsewhere) as running:
        other = Shop(running, database_url)
        assert await other.command("export_metadata") == metadata
        assert await other.sql("ALTER TABLE article RENAME COLUMN title TO headline") == DONE
        permission = (await other.table("article"))["select_permissions"][0]["permission"]
        assert permission["columns"] == ["id", "headline"]


async def test_sql_runs_in_the_database_of_the_source_that_it_names(
    shop: Shop, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANOTHER_URL", database_url.rsplit("/", 1)[0] + "/postgres")
    configuration = {"connection_info": {"database_url": {"from_env": "ANOTHER_URL"}}}
    await shop.command("pg_add_source", name="other", configuration=configuration)
    found = await shop.sql("SELECT current_database()", source="other")
    assert found["result"] == [["current_database"], ["postgres"]]
    monkeypatch.delenv("ANOTHER_URL")
    assert (await shop.sql("SELECT 1", 400, source="other"))["code"] == "invalid-configuration"
    assert (await shop.sql("SELECT 1", 400, source="nowhere"))["code"] == "not-exists"


async def test_a_database_that_is_away_is_said_so(shop: Shop) -> None:
    with psycopg.connect(shop.database_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    refused = await shop.sql("SELECT pg_terminate_backend(pg_backend_pid())", 400)
    assert refused["code"] == "postgres-error"
    assert (await shop.sql("SELECT 1 AS one"))["result"] == [["one"], ["1"]]


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';'; SELECT \";\"", ["SELECT ';'", 'SELECT ";"']),
        ("SELECT E'\\';'; SELECT 1", ["SELECT E'\\';'", "SELECT 1"]),
        ("DO $a$ BEGIN; $$;$$ END $a$; SELECT $$;$$", ["DO $a$ BEGIN; $$;$$ END $a$", "SELECT $$;$$"]),
        ("SELECT 1 -- one; two\n; SELECT 2", ["SELECT 1 -- one; two", "SELECT 2"]),
        ("/* a; /* b; */ c; */ SELECT 1;;", ["/* a; /* b; */ c; */ SELECT 1"]),
        ("SELECT a$b;c$d", ["SELECT a$b", "c$d"]),
        ("", []),
        ("-- nothing", []),
    ],
)
def test_statements_end_where_postgresql_says(text: str, statements: list[str]) -> None:
    assert split_statements(text) == statements


WORDS = st.sampled_from(
    [
        "SELECT",
        " ",
        "\n",
        "';'",
        '";"',
        "$$ ; $$",
        "$x$;$$;$x$",
        "/* ; */",
        "--;\n",
        "x",
        "1",
        "E'\\';'",
        "''",
    ]
)


@given(st.lists(st.lists(WORDS, min_size=1).map(lambda words: " ".join(["SELECT", *words])), min_size=1))
def test_statements_joined_are_split_again(statements: list[str]) -> None:
    assert split_statements(";".join(statements)) == [statement.strip() for statement in statements]
