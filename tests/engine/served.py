"""The engine's core as the tests call it: a snapshot over a real PostgreSQL, without HTTP around it."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest

from backend.embedded_postgres import EmbeddedPostgres
from hasura.engine.catalog.read import read_catalog
from hasura.engine.errors import EngineError
from hasura.engine.execute.pool import Pool
from hasura.engine.metadata.directory import load_metadata_directory
from hasura.engine.pipeline import GraphQLRequest, LivePlan, answer, plan_live
from hasura.engine.session import Session
from hasura.engine.snapshot import Snapshot, build_snapshot, read_metadata
from tests.conftest import new_database
from tests.engine import library

METADATA = Path(__file__).parents[2] / "hasura" / "metadata"

ADMIN = Session("admin", trusted_backend=True)


def user(user_id: object) -> Session:
    return Session("user", {"x-hasura-user-id": str(user_id)})


def assistant(user_id: object) -> Session:
    return Session("assistant", {"x-hasura-user-id": str(user_id)})


class Served:
    """One snapshot and its database."""

    def __init__(self, snapshot: Snapshot, pool: Pool) -> None:
        self.snapshot = snapshot
        self.pool = pool

    async def ask(self, session: Session, query: str, /, **variables: Any) -> Any:
        """The ``data`` of the answer."""
        body = await answer(
            self.snapshot, {"default": self.pool}, session, GraphQLRequest(query, None, variables)
        )
        return json.loads(body)["data"]

    async def refusal(self, session: Session, query: str, /, **variables: Any) -> tuple[str, str, str]:
        """The code, path and message of a request that must be refused."""
        with pytest.raises(EngineError) as caught:
            await self.ask(session, query, **variables)
        error = caught.value.graphql()
        return error["extensions"]["code"], error["extensions"]["path"], error["message"]

    async def fetch(self, sql: str, /, *parameters: Any) -> list[Any]:
        """Rows straight from the database, past every permission."""
        async with self.pool.connection() as connection:
            return await (await connection.execute(sql.encode(), parameters or None)).fetchall()

    async def run(self, sql: str, /, *parameters: Any) -> None:
        """A statement straight to the database."""
        async with self.pool.connection() as connection:
            await connection.execute(sql.encode(), parameters or None)

    def live(self, session: Session, query: str, /, **variables: Any) -> LivePlan:
        return plan_live(self.snapshot, session, GraphQLRequest(query, None, variables))

    async def refresh(self, *plans: LivePlan) -> list[Any]:
        """What one shared refresh answers to each subscriber, in order; a stream's batch with its new cursor."""
        (sql,) = {plan.sql for plan in plans}
        ids = [uuid4() for _ in plans]
        variables = [json.dumps({"values": plan.values, "cursor": plan.initial_cursor}) for plan in plans]
        async with self.pool.connection() as connection:
            cursor = await connection.execute(sql.encode(), {"result_ids": ids, "result_vars": variables})
            rows = {row[0]: row[1:] for row in await cursor.fetchall()}
        answers = [[part and json.loads(part) for part in rows[result_id]] for result_id in ids]
        return [found[0] if len(found) == 1 else tuple(found) for found in answers]


async def snapshot_of(
    metadata: Mapping[str, Any], connection: psycopg.AsyncConnection[Any], **settings: Any
) -> Snapshot:
    """Of metadata with one source, over its database."""
    document = read_metadata(dict(metadata))
    enums = [(t.table.schema_, t.table.name) for s in document.sources for t in s.tables if t.is_enum]
    catalog = await read_catalog(connection, enums)
    catalogs = {source.name: catalog for source in document.sources}
    return build_snapshot(dict(metadata), document, catalogs, **settings)


@asynccontextmanager
async def serving(database_url: str, metadata: Mapping[str, Any]) -> AsyncIterator[Served]:
    pool = Pool(database_url, kwargs={"autocommit": True}, min_size=1, max_size=8, open=False, timeout=30)
    async with pool:
        async with pool.connection() as connection:
            snapshot = await snapshot_of(metadata, connection)
        yield Served(snapshot, pool)


class Chat(Served):
    """The project's own schema with two people in it, who have a session and two messages each."""

    ada: UUID
    bob: UUID
    sessions: dict[UUID, UUID]

    async def settle(self) -> None:
        self.ada, self.bob = [
            (
                await self.fetch(
                    "INSERT INTO users (username, password_hash, display_name) VALUES (%s, '!', %s) RETURNING id",
                    name,
                    name,
                )
            )[0][0]
            for name in ("ada", "bob")
        ]
        self.sessions = {}
        for person in (self.ada, self.bob):
            self.sessions[person] = session_id = uuid4()
            await self.run(
                "INSERT INTO chat_sessions (session_id, user_id, title) VALUES (%s, %s, %s)",
                session_id,
                person,
                f"secret of {person}",
            )
            await self.run(
                "INSERT INTO chat_messages (session_id, user_id, role, content, metadata) VALUES"
                " (%s, %s, 'user', 'a question', '{\"n\": 1}'), (%s, %s, 'assistant', 'an answer', '{\"n\": 2}')",
                session_id,
                person,
                session_id,
                person,
            )
            await self.run(
                "INSERT INTO chat_read_marks (session_id, device_id, user_id, last_read_id)"
                " SELECT session_id, gen_random_uuid(), user_id, min(id) FROM chat_messages"
                " WHERE session_id = %s GROUP BY session_id, user_id",
                session_id,
            )
            await self.run(
                "INSERT INTO sign_ins (sign_in_id, user_id, browser) SELECT device_id, user_id, 'Firefox'"
                " FROM chat_read_marks WHERE user_id = %s",
                person,
            )
            await self.run("INSERT INTO token_usage VALUES (%s, '2026-01-02', 1, 20, 30)", person)


@asynccontextmanager
async def serving_chat(database_url: str) -> AsyncIterator[Chat]:
    async with serving(database_url, load_metadata_directory(METADATA)) as served:
        chat = Chat(served.snapshot, served.pool)
        await chat.settle()
        yield chat


@pytest.fixture
async def chat(database_url: str) -> AsyncIterator[Chat]:
    """The project's own schema and permissions, with ada and bob in a database of this test's own."""
    async with serving_chat(database_url) as chat:
        yield chat


@pytest.fixture(scope="session")
def library_template(postgres18: EmbeddedPostgres) -> Iterator[str]:
    """The name of a database with the second schema and its rows."""
    with new_database(postgres18) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute((library.SCHEMA + library.ROWS).encode())
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture(scope="session")
async def shelf(postgres18: EmbeddedPostgres, library_template: str) -> AsyncIterator[Served]:
    """The second schema, for tests that only read."""
    with new_database(postgres18, library_template) as url:
        async with serving(url, library.METADATA) as served:
            yield served


@pytest.fixture
async def desk(postgres18: EmbeddedPostgres, library_template: str) -> AsyncIterator[Served]:
    """The second schema in a database of this test's own, for tests that write."""
    with new_database(postgres18, library_template) as url:
        async with serving(url, library.METADATA) as served:
            yield served
