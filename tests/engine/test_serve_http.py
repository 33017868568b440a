"""GraphQL over HTTP, and what surrounds it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from typing import Any

import httpx
import psycopg
import pytest
import websockets

from hasura.engine.serve.bodies import LARGEST_BODY
from hasura.engine.serve.cors import origin_pattern
from tests.conftest import free_port, make_user
from tests.engine.conftest import (
    ADMIN,
    ADMIN_SECRET,
    METADATA,
    Cable,
    RunningEngine,
    Socket,
    bearer,
    running_engine,
    user_token,
)

USERS = "{ users { username } }"


async def post(
    engine: RunningEngine, content: Any, path: str = "/v1/graphql", **headers: str
) -> httpx.Response:
    body = {"content": content} if isinstance(content, bytes) else {"json": content}
    return await engine.client.post(path, headers={**ADMIN, **headers}, **body)


async def test_a_query_with_a_token_answers_the_bearers_rows(
    engine: RunningEngine, database_url: str
) -> None:
    ada = make_user(database_url, "ada")
    make_user(database_url, "bob")
    assert await engine.graphql(USERS, headers=bearer(user_token(ada))) == {
        "data": {"users": [{"username": "ada"}]}
    }


async def test_a_batch_answers_each_request_on_its_own(engine: RunningEngine) -> None:
    answer = await post(engine, [{"query": USERS}, {"query": "{ nothing }"}, {"query": USERS}])
    first, second, third = answer.json()
    assert first == third == {"data": {"users": []}}
    assert second["errors"][0]["extensions"]["code"] == "validation-failed"
    assert (await post(engine, [])).json() == []


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        (b"", "invalid-json", "$"),
        (b"{", "invalid-json", "$"),
        (b'{"query": "\xff"}', "invalid-json", "$"),
        (b"null", "parse-failed", "$"),
        (b'"text"', "parse-failed", "$"),
        (b"{}", "parse-failed", "$"),
        (b'{"query": 1}', "parse-failed", "$.query"),
        (b'{"query": "{a}", "variables": []}', "parse-failed", "$.variables"),
        (b'{"query": "{a}", "operationName": {}}', "parse-failed", "$.operationName"),
        (b"[1]", "parse-failed", "$[0]"),
        (b'{"query": "{ users"}', "validation-failed", "$.query"),
        (b'{"query": "subscription { users { id } }"}', "unexpected-payload", "$"),
    ],
)
async def test_a_bad_body_is_refused_in_hasuras_shape(
    engine: RunningEngine, body: bytes, code: str, path: str
) -> None:
    answer = await post(engine, body)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    (error,) = answer.json()["errors"]
    assert error["extensions"] == {"path": path, "code": code}
    assert (await post(engine, body, "/v1alpha1/graphql")).status_code == 400


async def test_a_bad_body_of_a_stranger_is_a_strangers(engine: RunningEngine) -> None:
    answer = await engine.client.post("/v1/graphql", content=b"{")
    assert answer.json()["errors"][0]["extensions"]["code"] == "invalid-headers"


async def test_bodies_have_a_largest_size(engine: RunningEngine) -> None:
    answer = await post(engine, b" " * (LARGEST_BODY + 1))
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["extensions"]["code"] == "bad-request"


async def test_a_wrong_secret_is_a_200_on_graphql_and_a_401_elsewhere(engine: RunningEngine) -> None:
    wrong = {"x-hasura-admin-secret": "wrong"}
    reason = 'invalid "x-hasura-admin-secret"/"x-hasura-access-key"'
    graphql = await post(engine, {"query": USERS}, **wrong)
    assert graphql.status_code == 200
    assert graphql.json() == {
        "errors": [{"message": reason, "extensions": {"path": "$", "code": "access-denied"}}]
    }
    metadata = await engine.metadata(wrong, type="export_metadata", args={})
    assert metadata.status_code == 401
    assert metadata.json() == {"path": "$", "error": reason, "code": "access-denied"}


async def test_a_request_id_is_echoed_or_made(engine: RunningEngine) -> None:
    assert (await post(engine, {"query": USERS}, **{"x-request-id": "mine"})).headers[
        "x-request-id"
    ] == "mine"
    assert len((await engine.client.get("/healthz")).headers["x-request-id"]) == 36
    assert len((await post(engine, {}, **{"x-request-id": "i" * 5000})).headers["x-request-id"]) == 128


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nothing"), ("POST", "/"), ("GET", "/v1/graphql"), ("POST", "/v1/graphql/")]
)
async def test_other_paths_do_not_exist(engine: RunningEngine, method: str, path: str) -> None:
    answer = await engine.client.request(method, path)
    assert answer.status_code == 404
    assert answer.json() == {"path": "$", "error": "resource does not exist", "code": "not-found"}


async def test_version_and_configuration(engine: RunningEngine, database_url: str) -> None:
    assert (await engine.client.get("/v1/version")).json()["version"].startswith("v2.")
    config = (await engine.client.get("/v1alpha1/config", headers=ADMIN)).json()
    assert (config["is_admin_secret_set"], config["is_jwt_set"]) == (True, True)
    assert "key" not in config["jwt"][0]
    ada = make_user(database_url, "ada")
    refused = await engine.client.get("/v1alpha1/config", headers=bearer(user_token(ada)))
    assert (refused.status_code, refused.json()["code"]) == (400, "access-denied")


async def test_health_tells_of_inconsistent_metadata(engine: RunningEngine, database_url: str) -> None:
    assert (await engine.client.get("/healthz")).text == "OK"
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE chat_messages RENAME TO moved")
    await engine.metadata(type="reload_metadata", args={})
    lenient, strict = [await engine.client.get(f"/healthz{query}") for query in ("", "?strict=true")]
    assert (lenient.status_code, lenient.text) == (200, "WARN: inconsistent objects in schema")
    assert (strict.status_code, strict.text) == (500, "ERROR: inconsistent objects in schema")


async def test_an_engine_waits_for_its_database(database_url: str, cable: tuple[Cable, str]) -> None:
    wire, url = cable
    async with running_engine(url, wait=False) as engine:
        health = await engine.client.get("/healthz")
        assert (health.status_code, health.text) == (500, "ERROR")
        answer = await post(engine, {"query": USERS})
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        assert "errors" in answer.json()
        await wire.plug_in()
        await engine.healthy()
        assert await engine.graphql(USERS) == {"data": {"users": []}}


async def test_browsers_may_call_from_the_configured_origins_only(database_url: str) -> None:
    async with running_engine(database_url, cors_domain="https://*.chat.example") as engine:
        mine, other = "https://a.chat.example", "https://evil.example"
        asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        preflight = await engine.client.options("/v1/graphql", headers={"origin": mine, **asks})
        assert preflight.is_success
        assert preflight.headers["access-control-allow-origin"] == mine
        assert preflight.headers["access-control-allow-credentials"] == "true"
        assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
        for origin, allowed in ((mine, mine), (other, None)):
            answer = await post(engine, {"query": USERS}, origin=origin)
            assert answer.headers.get("access-control-allow-origin") == allowed


@pytest.mark.parametrize(
    ("domains", "origin", "allowed"),
    [
        ("*", "https://anything.example", True),
        ("http://localhost:3000", "http://localhost:3000", True),
        ("http://localhost:3000", "http://localhost:3001", False),
        ("http://localhost", "http://localhost.evil.example", False),
        ("https://*.a.example:8080, https://b.example", "https://x.a.example:8080", True),
        ("https://*.a.example:8080, https://b.example", "https://b.example", True),
        ("https://*.a.example", "https://x.y.a.example", False),
        ("https://*.a.example", "https://xa.example", False),
        ("https://a.example", "https://aXexample", False),
    ],
)
def test_origins(domains: str, origin: str, *, allowed: bool) -> None:
    assert (origin_pattern(domains).fullmatch(origin) is not None) is allowed


def test_an_origin_that_is_none_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match=r"invalid domain: 'example\.com'"):
        origin_pattern("example.com")


def engine_process(database_url: str, port: int) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "HASURA_GRAPHQL_DATABASE_URL": database_url,
        "HASURA_GRAPHQL_ADMIN_SECRET": ADMIN_SECRET,
        "HASURA_GRAPHQL_METADATA_DIR": str(METADATA),
        "HASURA_GRAPHQL_SERVER_HOST": "127.0.0.1",
        "HASURA_GRAPHQL_SERVER_PORT": str(port),
    }
    command = [sys.executable, "-m", "hasura.engine"]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


async def test_the_process_serves_logs_json_and_ends_on_sigterm(database_url: str) -> None:

    port = free_port()
    process = engine_process(database_url, port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        async with asyncio.timeout(20):
            while True:
                try:
                    if (await client.get("/healthz")).text == "OK":
                        break
                except httpx.ConnectError:
                    pass
                await asyncio.sleep(0.05)
        taken = await asyncio.to_thread(engine_process(database_url, port).communicate, timeout=20)
        assert taken[1] == (
            f"hasura.engine: port {port} is taken: free it, or set HASURA_GRAPHQL_SERVER_PORT "
            "(CHAT_GRAPHQL_PORT under `make up`)\n"
        )
        answer = await client.post("/v1/graphql", json={"query": USERS}, headers=ADMIN)
        assert answer.json() == {"data": {"users": []}}
    url = f"ws://127.0.0.1:{port}/v1/graphql"
    async with websockets.connect(url, subprotocols=["graphql-transport-ws"]) as connection:  # type: ignore[list-item]
        socket = Socket(connection, "graphql-transport-ws")
        await (await socket.init()).subscribe("subscription { users { username } }")
        assert await socket.news() == {"users": []}
        process.send_signal(signal.SIGTERM)
        assert (await socket.closed())[0] == 1012
    out, err = await asyncio.to_thread(process.communicate, timeout=20)
    assert (process.returncode, err) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    assert any(line.get("path") == "/v1/graphql" and line["status"] == 200 for line in lines)
    assert ADMIN_SECRET not in out
