"""The doctor's checks of what is beside the database: GraphQL and its permissions, the services, the secrets."""

import asyncio
import json
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from backend.doctor import certificates, graphql, keys, services
from backend.doctor.finding import Finding
from backend.embedded_postgres import EmbeddedPostgres
from backend.installation import Installation
from backend.services.hasura_client import HasuraClient
from backend.services.tokens import Tokens
from backend.settings import JwtSecret
from tests.backend.conftest import ADMIN_SECRET, JWT_SECRET, engine_process
from tests.backend.graphql_server import graphql_server
from tests.conftest import RedisServer, free_port, make_user, new_database

SECRET = JwtSecret.model_validate_json(JWT_SECRET)


@pytest.fixture(scope="module")
def own_engine(postgres18: EmbeddedPostgres, migrated_template: str) -> Iterator[tuple[str, str]]:
    """(database, GraphQL) that this file alone may spoil."""
    with new_database(postgres18, migrated_template) as url:
        user = make_user(url, "ada")
        with psycopg.connect(url, autocommit=True) as db:
            db.execute("INSERT INTO chat_sessions (user_id) VALUES (%s)", [user])
        port = free_port()
        with engine_process(url, port):
            yield url, f"http://127.0.0.1:{port}/v1/graphql"


@pytest.fixture
def installation(
    own_engine: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    url, graphql_url = own_engine
    for name, value in {
        "CHAT_DATA_DIR": str(tmp_path),
        "HASURA_GRAPHQL_DATABASE_URL": url,
        "CHAT_DATABASE_URL": url,
        "CHAT_GRAPHQL_URL": graphql_url,
        "HASURA_GRAPHQL_JWT_SECRET": JWT_SECRET,
        "HASURA_GRAPHQL_ADMIN_SECRET": ADMIN_SECRET,
    }.items():
        monkeypatch.setenv(name, value)
    return Installation()


async def levels(installation: Installation) -> dict[str, Finding]:
    return {finding.subject: finding async for finding in graphql.examine(installation)}


@asynccontextmanager
async def changed(installation: Installation, *commands: dict[str, Any]) -> AsyncIterator[None]:
    """The metadata of the engine, for as long as this lasts."""
    url = installation.graphql_url.replace("/v1/graphql", "/v1/metadata")
    headers = {"x-hasura-admin-secret": ADMIN_SECRET}
    async with httpx.AsyncClient(headers=headers) as http:
        before = (await http.post(url, json={"type": "export_metadata", "args": {}})).json()
        try:
            for command in commands:
                answer = await http.post(url, json=command)
                assert answer.is_success, answer.text
            yield
        finally:
            await http.post(url, json={"type": "replace_metadata", "args": before})


async def test_all_is_well(installation: Installation) -> None:
    found = await levels(installation)
    assert {subject: finding.level for subject, finding in found.items()} == dict.fromkeys(
        ["GraphQL", "strangers", "metadata", "tokens", "row permissions"], "ok"
    )
    assert "there are no sessions" not in found["row permissions"].text, "it could have seen something"


async def test_a_permission_that_lets_others_in_is_found_twice(installation: Installation) -> None:
    permission = {"columns": ["session_id", "user_id"], "filter": {}}
    args = {"table": "chat_sessions", "role": "user"}
    async with changed(
        installation,
        {"type": "pg_drop_select_permission", "args": args},
        {"type": "pg_create_select_permission", "args": {**args, "permission": permission}},
    ):
        found = await levels(installation)
    rows, metadata = found["row permissions"], found["metadata"]
    assert (rows.level, rows.details) == ("wrong", ("chat_sessions (role user)",))
    assert metadata.level == "wrong"
    assert metadata.details == ("databases/default/tables/public_chat_sessions.yaml",)
    assert {each.level for each in (await levels(installation)).values()} == {"ok"}


async def test_a_table_that_is_gone_makes_the_metadata_inconsistent(
    installation: Installation, own_engine: tuple[str, str]
) -> None:
    broken = {"type": "pg_track_table", "args": {"table": "briefly"}}
    with psycopg.connect(own_engine[0], autocommit=True) as db:
        db.execute("CREATE TABLE briefly (id int PRIMARY KEY)")
        async with changed(installation, broken):
            db.execute("DROP TABLE briefly")
            async with changed(installation, {"type": "reload_metadata", "args": {}}):
                found = (await levels(installation))["GraphQL"]
    assert (found.level, "inconsistent" in found.text) == ("wrong", True)


@pytest.mark.parametrize(
    ("variables", "subject", "level", "said"),
    [
        (
            {"HASURA_GRAPHQL_JWT_SECRET": json.dumps({"type": "HS256", "key": "k" * 40})},
            "tokens",
            "wrong",
            "another one there",
        ),
        ({"HASURA_GRAPHQL_JWT_SECRET": "{}"}, "tokens", "wrong", "no HMAC key"),
        ({"HASURA_GRAPHQL_ADMIN_SECRET": "another"}, "metadata", "wrong", "refused"),
        ({"HASURA_GRAPHQL_ADMIN_SECRET": ""}, "metadata", "note", "not compared"),
        ({"HASURA_GRAPHQL_METADATA_DIR": "/nowhere"}, "metadata", "note", "not compared"),
        ({"CHAT_GRAPHQL_URL": "http://127.0.0.1:1/v1/graphql"}, "GraphQL", "wrong", "is the stack running?"),
    ],
)
async def test_settings_that_are_not_those_of_the_engine(
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    subject: str,
    level: str,
    said: str,
) -> None:
    del installation
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = (await levels(Installation()))[subject]
    assert (found.level, said in found.text) == (level, True), found


def answering(**by_path: Any) -> httpx.AsyncClient:
    """A client to whom a server answers (status, JSON) at the paths with these last names."""

    def answer(request: httpx.Request) -> httpx.Response:
        status, body = by_path[request.url.path.rsplit("/", 1)[-1]]
        return httpx.Response(status, json=body)

    return httpx.AsyncClient(transport=httpx.MockTransport(answer))


@pytest.mark.parametrize(
    ("metadata", "asked", "level"),
    [
        ((401, {}), (200, {"errors": []}), "ok"),
        ((200, {"version": 3}), (200, {"errors": []}), "wrong"),
        ((401, {}), (200, {"data": {}}), "note"),
    ],
)
async def test_who_comes_without_anything(
    installation: Installation, metadata: Any, asked: Any, level: str
) -> None:
    async with answering(metadata=metadata, graphql=asked) as http:
        assert (await graphql.strangers(installation, http)).level == level


async def test_an_endpoint_that_takes_every_token_and_shows_every_row() -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if "Ping" in await request.text():
            return web.json_response({"data": {"__typename": "query_root"}})
        names = ["chat_sessions", "chat_read_marks", "chat_session_categories", "sign_ins", "users"]
        rows = {name: list[str]() for name in names}
        return web.json_response({"data": {**rows, "chat_messages": [{"message_id": "1"}]}})

    async with graphql_server(answer) as url, HasuraClient(url) as client:
        taken = await graphql.tokens(client, SECRET)
        seen = await graphql.rows(client, Tokens(SECRET), UUID(int=1))
    assert (taken.level, "expired is accepted" in taken.text) == ("wrong", True)
    assert seen.details == ("chat_messages (role assistant)", "chat_messages (role user)")


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        ((200, {"status": "ready"}), "ok"),
        ((200, {"status": "degraded", "checks": {"redis": "down"}}), "wrong"),
        ((503, {"status": "not ready"}), "wrong"),
        ((200, ["another server"]), "wrong"),
    ],
)
async def test_the_api(answer: Any, level: str) -> None:
    async with answering(readyz=answer) as http:
        assert (await services.api(http, "http://api")).level == level


async def test_an_api_that_is_away() -> None:
    async with httpx.AsyncClient() as http:
        assert "is the stack running?" in (await services.api(http, "http://127.0.0.1:1")).text


MODEL = {"CHAT_LLM_BASE_URL": "http://model/v1/", "CHAT_LLM_API_KEY": "the-key", "CHAT_LLM_MODEL": "small"}


@pytest.mark.parametrize(
    ("answer", "level", "said"),
    [
        ((200, {"data": [{"id": "small"}, {"id": "large"}]}), "ok", "has small"),
        ((200, {"data": [{"id": "large"}]}), "wrong", "no 'small'"),
        ((401, {}), "wrong", "CHAT_LLM_API_KEY"),
        ((500, {}), "wrong", "answers 500"),
        ((404, {}), "note", "does not say"),
    ],
)
async def test_the_model(answer: Any, level: str, said: str) -> None:
    async with answering(models=answer) as http:
        found = await services.model(http, MODEL)
    assert (found.level, said in found.text) == (level, True), found
    assert "the-key" not in str(found)


async def test_a_model_that_is_away_and_none_at_all() -> None:
    async with httpx.AsyncClient() as http:
        gone = await services.model(http, MODEL | {"CHAT_LLM_BASE_URL": "http://127.0.0.1:1/v1"})
        none = await services.model(http, {})
    assert (gone.level, none.level) == ("wrong", "ok")


async def test_redis(redis_server: RedisServer) -> None:
    assert (await services.redis(None)).level == "ok"
    assert (await services.redis(redis_server.url)).level == "ok"
    redis_server.kill()
    for url in (redis_server.url, "http://nonsense"):
        assert (await services.redis(url)).level == "wrong"


@pytest.fixture
def certified(tmp_path: Path) -> Callable[[float], ssl.SSLContext]:
    """A server's context whose certificate for `localhost` ends in so many days; `ca.pem` is what trusts it."""

    def make(days: float) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=100))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        (tmp_path / "ca.pem").write_bytes(made.public_bytes(pem))
        (tmp_path / "key.pem").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
        return context

    return make


@pytest.mark.parametrize(
    ("days", "trusted", "level", "said"),
    [
        (90.5, True, "ok", "ends in 90 days"),
        (3.5, True, "wrong", "is it renewed?"),
        (-1, True, "wrong", "expired"),
        (90, False, "wrong", "is refused"),
    ],
)
async def test_a_certificate(
    certified: Callable[[float], ssl.SSLContext],
    tmp_path: Path,
    days: float,
    trusted: bool,
    level: str,
    said: str,
) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=certified(days))
    port = server.sockets[0].getsockname()[1]
    context = ssl.create_default_context(cafile=tmp_path / "ca.pem") if trusted else None
    try:
        found = await certificates.certificate("localhost", port, trusted=context)
    finally:
        server.close()
    assert (found.level, said in found.text) == (level, True), found


async def test_certificates_are_looked_for_where_the_settings_name_https(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    del installation
    assert [each async for each in certificates.examine(Installation())] == []
    monkeypatch.setenv("CHAT_CORS_ORIGINS", "https://127.0.0.1:1, http://127.0.0.1:2")
    (found,) = [each async for each in certificates.examine(Installation())]
    assert (found.level, "cannot be looked at" in found.text) == ("note", True)


GOOD = {
    "HASURA_GRAPHQL_ADMIN_SECRET": secrets.token_urlsafe(32),
    "HASURA_GRAPHQL_JWT_SECRET": json.dumps({"type": "HS256", "key": secrets.token_urlsafe(48)}),
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"HASURA_GRAPHQL_ADMIN_SECRET": "short-secret"}, "has 12 characters"),
        ({"HASURA_GRAPHQL_ADMIN_SECRET": "aB" * 20}, "only 2 different"),
        ({"HASURA_GRAPHQL_JWT_SECRET": "no json"}, "is missing"),
        ({"HASURA_GRAPHQL_JWT_SECRET": '{"key": "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"}'}, "only 1 different"),
        ({"CHAT_POSTGRES_PASSWORD": GOOD["HASURA_GRAPHQL_ADMIN_SECRET"]}, "are the same"),
    ],
)
def test_secrets_that_can_be_guessed_are_named_and_not_told(
    changes: dict[str, str], said: str | None
) -> None:
    found = keys.strength(GOOD | changes)
    if said is None:
        assert found.level == "ok"
        return
    assert found.level == "wrong"
    assert any(said in line for line in found.details), found
    assert not [value for value in changes.values() if value in str(found)]


def test_a_secrets_file_that_others_may_read(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    file.touch(0o600)
    assert keys.readers(file).level == "ok"
    file.chmod(0o640)
    assert keys.readers(file).level == "wrong"
