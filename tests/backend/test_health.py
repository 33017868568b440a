"""Alive and ready, each part named."""

from __future__ import annotations

import httpx
import psycopg

from backend.main import create_app
from tests.backend.conftest import running, settings_for
from tests.conftest import free_port


async def test_alive_needs_nothing() -> None:
    async with running(
        create_app(settings_for("postgresql://chat@127.0.0.1:1/chat", "http://127.0.0.1:1/"))
    ) as api:
        answer = await api.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_ready_names_each_part(api: httpx.AsyncClient) -> None:
    answer = await api.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "checks": {"database": "ok", "graphql": "ok", "schema_version": "ok"},
        "breakers": {"graphql": "closed"},
    }


async def test_graphql_down_is_said(accounts_api: httpx.AsyncClient) -> None:
    answer = await accounts_api.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "ok", "graphql": "down", "schema_version": "ok"}
    assert int(answer.headers["retry-after"]) > 0


async def test_the_database_down_is_said(graphql_url: str) -> None:
    settings = settings_for(f"postgresql://chat@127.0.0.1:{free_port()}/chat", graphql_url)
    async with running(create_app(settings)) as api:
        answer = await api.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "down", "graphql": "ok", "schema_version": "down"}


async def test_graphql_with_another_key_is_down(backend_database: str, graphql_url: str) -> None:
    settings = settings_for(backend_database, graphql_url)
    other = settings.jwt_secret.model_copy(update={"key": type(settings.jwt_secret.key)("x" * 32)})
    async with running(create_app(settings.model_copy(update={"jwt_secret": other}))) as api:
        assert (await api.get("/readyz")).json()["checks"]["graphql"] == "down"


async def test_a_schema_that_is_older_than_the_code_is_said(database_url: str, graphql_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM _yoyo_migration WHERE migration_id > '0001_users'")
    async with running(create_app(settings_for(database_url, graphql_url))) as api:
        assert (await api.get("/readyz")).json()["checks"]["schema_version"] == "outdated"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP TABLE _yoyo_migration")
    async with running(create_app(settings_for(database_url, graphql_url))) as api:
        assert (await api.get("/readyz")).json()["checks"]["schema_version"] == "outdated"
