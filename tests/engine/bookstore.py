"""A small database with nothing tracked, and an engine on it, for the tests of the commands on metadata."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import psycopg

from tests.engine.conftest import ADMIN, RunningEngine, running_engine

SCHEMA = """
CREATE TABLE author (id int PRIMARY KEY, name text UNIQUE, country text);
CREATE TABLE article (
    id int PRIMARY KEY, title text NOT NULL, author_id int REFERENCES author (id), published bool
);
CREATE SCHEMA archive;
CREATE TABLE archive.letter (id int PRIMARY KEY, author_id int REFERENCES author (id));
CREATE VIEW author_view AS SELECT id, name FROM author;
CREATE TABLE "odd name" (id int);
INSERT INTO author VALUES (1, 'Ada', 'UK'), (2, 'Bo', 'SE');
INSERT INTO article VALUES (1, 'One', 1, true), (2, 'Two', 1, false), (3, 'Three', 2, true);
CREATE FUNCTION search_articles(search text) RETURNS SETOF article LANGUAGE sql STABLE AS
    $$ SELECT * FROM article WHERE title ILIKE '%' || search || '%' $$;
CREATE FUNCTION greeting(author) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'Hello ' || $1.name $$;
"""
SUCCESS = {"message": "success"}


class Shop:
    """The engine, and the three APIs with their answers as JSON."""

    def __init__(self, running: RunningEngine, database_url: str) -> None:
        self.running = running
        self.database_url = database_url

    async def post(self, path: str, body: Any, status: int = 200, headers: dict[str, str] = ADMIN) -> Any:
        answer = await self.running.client.post(path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def command(self, kind: str, status: int = 200, /, **args: Any) -> Any:
        """A command of `/v1/metadata`."""
        return await self.post("/v1/metadata", {"type": kind, "args": args}, status)

    async def refusal(self, kind: str, /, **args: Any) -> tuple[str, str, str]:
        """Code, path and text of the refusal of a command of `/v1/metadata`."""
        found = await self.command(kind, 400, **args)
        return found["code"], found["path"], found["error"]

    async def sql(self, sql: str, status: int = 200, /, **args: Any) -> Any:
        """`run_sql` of `/v2/query`."""
        return await self.post("/v2/query", {"type": "run_sql", "args": {"sql": sql, **args}}, status)

    async def exported(self) -> dict[str, Any]:
        """The default source's metadata."""
        document = await self.command("export_metadata")
        source: dict[str, Any] = document["sources"][0]
        return source

    async def table(self, name: str) -> dict[str, Any]:
        """The metadata of a table."""
        tables = (await self.exported())["tables"]
        found: dict[str, Any] = next(each for each in tables if each["table"]["name"] == name)
        return found

    async def version(self) -> int:
        found = await self.post("/v1/metadata", {"type": "export_metadata", "version": 2, "args": {}})
        version: int = found["resource_version"]
        return version

    async def track_all(self) -> None:
        """Both tables with their relationships, and what the role `user` may do."""
        for table in ("author", "article"):
            await self.command("pg_track_table", table=table)
        await self.command(
            "pg_create_object_relationship",
            table="article",
            name="author",
            using={"foreign_key_constraint_on": "author_id"},
        )
        await self.command(
            "pg_create_array_relationship",
            table="author",
            name="articles",
            using={"foreign_key_constraint_on": {"table": "article", "column": "author_id"}},
        )
        await self.command(
            "pg_create_select_permission",
            table="article",
            role="user",
            permission={
                "columns": ["id", "title"],
                "filter": {"_or": [{"author": {"name": "X-Hasura-Name"}}, {"published": True}]},
            },
        )
        await self.command(
            "pg_create_insert_permission",
            table="article",
            role="user",
            permission={"check": {"author_id": {"_eq": "X-Hasura-Id"}}, "set": {"published": False}},
        )


@contextlib.asynccontextmanager
async def open_shop(database_url: str, **settings: Any) -> AsyncIterator[Shop]:
    with psycopg.connect(database_url) as connection:
        connection.execute(SCHEMA)
    async with running_engine(database_url, metadata_dir=None, **settings) as running:
        yield Shop(running, database_url)
