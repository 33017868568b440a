"""The engine's own numbers, and who may read them."""

import asyncio

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.routing import Route

from hasura.engine.metrics import Operations
from hasura.engine.serve import metrics_api
from tests.conftest import make_user
from tests.engine.conftest import ADMIN, RunningEngine, bearer, running_engine, until, user_token

SECRET = "a metrics secret of the tests"
OPERATION = "hasura_engine_operation_duration_seconds_count"


async def samples(engine: RunningEngine) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = await engine.client.get("/v1/metrics")
    assert answer.status_code == 200
    return {
        (found.name, frozenset(found.labels.items())): found.value
        for family in text_string_to_metric_families(answer.text)
        for found in family.samples
    }


async def sample(engine: RunningEngine, name: str, **labels: str) -> float:
    """The sum of the samples of this name that have these labels."""
    wanted = frozenset(labels.items())
    return sum(
        value for (found, of), value in (await samples(engine)).items() if found == name and wanted <= of
    )


OPERATIONS: list[tuple[str, dict[str, str]]] = [
    ("{ users { id } }", {"kind": "query", "root": "users", "outcome": "ok"}),
    ("query Any { a: users { id } b: users { id } }", {"kind": "query", "root": "several", "outcome": "ok"}),
    ("{ nothing_of_the_kind }", {"kind": "query", "root": "other", "outcome": "validation-failed"}),
    ("{ users", {"kind": "unread", "root": "other", "outcome": "validation-failed"}),
    (
        "mutation { delete_users(where: {id: {_is_null: true}}) { affected_rows } }",
        {"kind": "mutation", "root": "delete_users", "outcome": "ok"},
    ),
]


@pytest.mark.parametrize(("query", "labels"), OPERATIONS, ids=[query for query, _ in OPERATIONS])
async def test_an_operation_is_counted_by_its_root_field(
    engine: RunningEngine, query: str, labels: dict[str, str]
) -> None:
    await engine.graphql(query)
    assert await sample(engine, OPERATION, **labels) == 1


async def test_no_label_is_what_a_client_made_up(engine: RunningEngine) -> None:
    await engine.graphql("query Purple { pink_elephants { id } }")
    await engine.client.get("/pink/elephants", headers=ADMIN)
    for what in ("Purple", "pink", "elephants"):
        assert what not in (await engine.client.get("/v1/metrics")).text


def test_root_fields_that_a_schema_once_had_do_not_fill_the_memory() -> None:
    operations = Operations()
    for number in range(2000):
        operations.ended("query", f"table_{number}", "ok", 0.01)
    roots = {
        sample.labels["root"]
        for family in operations.collect()
        for sample in family.samples
        if sample.name == OPERATION
    }
    assert len(roots) == 501
    assert "other" in roots


async def test_subscriptions_and_their_refreshes_are_seen(engine: RunningEngine, database_url: str) -> None:
    ada, bob = make_user(database_url, "ada"), make_user(database_url, "bob")
    sessions = "subscription { chat_sessions(order_by: {id: asc}) { title } }"
    async with engine.socket() as hers, engine.socket() as his, engine.socket() as again:
        for socket, who in ((hers, ada), (his, bob), (again, bob)):
            await (await socket.init(bearer(user_token(who)))).subscribe(sessions)
            assert await socket.news() == {"chat_sessions": []}
        assert await sample(engine, "hasura_engine_websockets") == 3
        assert await sample(engine, "hasura_engine_subscriptions", kind="live") == 3
        assert await sample(engine, "hasura_engine_cohorts", kind="live") == 2
        assert await sample(engine, "hasura_engine_pollers", kind="live") == 1
        assert await sample(engine, "hasura_engine_change_feed_listening", source="default") == 1
        assert await sample(engine, OPERATION, kind="subscription", root="chat_sessions", outcome="ok") == 3
        refreshed = await sample(engine, "hasura_engine_refresh_duration_seconds_count", kind="live")
        told = await sample(engine, "hasura_engine_subscription_answers_total")
        with psycopg.connect(database_url) as connection:
            connection.execute("INSERT INTO chat_sessions (user_id, title) VALUES (%s, 'new')", [bob])
        for socket in (his, again):
            assert await socket.news() == {"chat_sessions": [{"title": "new"}]}
        assert await sample(engine, "hasura_engine_refresh_duration_seconds_count", kind="live") > refreshed
        assert await sample(engine, "hasura_engine_refresh_cohorts_count", kind="live") > refreshed
        assert await sample(engine, "hasura_engine_subscription_answers_total") == told + 2
    await until(lambda: not engine.engine.connections)
    assert await sample(engine, "hasura_engine_subscriptions") == 0


async def test_what_waits_is_seen(engine: RunningEngine, database_url: str) -> None:
    users = "{ users { id } }"
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        asking = [asyncio.create_task(engine.graphql(users)) for _ in range(40)]
        while not await sample(  # noqa: ASYNC110
            engine, "hasura_engine_pool_connections", source="default", state="used"
        ):
            await asyncio.sleep(0.01)
    answers = await asyncio.gather(*asking)
    assert all("data" in answer for answer in answers)
    reads = await sample(engine, "hasura_engine_shared_reads_total", source="default")
    statements = await sample(engine, "hasura_engine_shared_read_statements_total", source="default")
    assert reads >= 40
    assert 0 < statements <= reads
    assert await sample(engine, "hasura_engine_shared_reads_waiting") == 0
    assert await sample(engine, "hasura_engine_offload_requests") == 0
    assert await sample(engine, "hasura_engine_pool_max", source="default") == 50
    assert await sample(engine, "hasura_engine_pool_requests_total", source="metadata") > 0


async def test_other_apis_are_counted_by_their_paths(engine: RunningEngine) -> None:
    name, labels = (
        "hasura_engine_api_duration_seconds_count",
        {"route": "/v1/metadata", "status": "200"},
    )
    before = await sample(engine, name, **labels)
    assert (await engine.metadata(type="export_metadata", args={})).status_code == 200
    assert await sample(engine, name, **labels) == before + 1
    assert await sample(engine, "hasura_engine_serving") == 1
    assert await sample(engine, "hasura_engine_metadata_version") > 0


@pytest.mark.parametrize("path", ["/v1/metrics", "/metrics"])
async def test_who_came_through_a_proxy_finds_nothing(engine: RunningEngine, path: str) -> None:
    assert (await engine.client.get(path)).headers["content-type"].startswith("text/plain; version=")
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via", "X-Forwarded-Proto"):
        refused = await engine.client.get(path, headers={name: "127.0.0.1", **ADMIN})
        nowhere = await engine.client.get("/v1/nowhere")
        assert (refused.status_code, refused.json()) == (404, nowhere.json())


async def test_somebody_elsewhere_finds_nothing(engine: RunningEngine) -> None:
    for peer in ("192.168.1.7", "172.18.0.1", "203.0.113.9"):
        transport = httpx.ASGITransport(_app(engine), client=(peer, 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://engine") as client:
            assert (await client.get("/v1/metrics")).status_code == 404


async def test_where_there_is_a_secret_it_is_needed(database_url: str) -> None:
    async with running_engine(database_url, metrics_secret=SECRET) as engine:
        for given, status in (
            ({"Authorization": f"Bearer {SECRET}"}, 200),
            ({"Authorization": f"Bearer {SECRET}", "X-Forwarded-For": "203.0.113.9"}, 200),
            ({}, 404),
            (ADMIN, 404),
            ({"Authorization": "Bearer another secret"}, 404),
        ):
            assert (await engine.client.get("/v1/metrics", headers=given)).status_code == status


def _app(engine: RunningEngine) -> Starlette:
    app = Starlette(routes=[Route("/v1/metrics", metrics_api.metrics)])
    app.state.engine = engine.engine
    return app
