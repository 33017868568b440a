"""Bad input: one shape of error, a status that fits, and never a stack trace."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest

from backend.main import MAX_BODY, create_app
from tests.backend.conftest import Person, assert_problem, running, settings_for

CREATE = "/api/chat/sessions/create"
NOBODY_S = UUID(int=7)
MESSAGES = f"/api/chat/sessions/{NOBODY_S}/messages"
JSON = {"Content-Type": "application/json"}

BAD_BODIES = [
    (CREATE, b"{"),
    (CREATE, b""),
    (CREATE, b"[]"),
    (CREATE, b'"text"'),
    (CREATE, b'{"title": "\xff\xfe"}'),
    (CREATE, b'{"title": "\\ud800"}'),
    (CREATE, b'{"title": "a\\u0000b"}'),
    (CREATE, b'{"title": ""}'),
    (CREATE, b'{"title": "   "}'),
    (CREATE, b'{"title": 7}'),
    (CREATE, b'{"title": "' + b"x" * 201 + b'"}'),
    (CREATE, b'{"category": "' + b"x" * 51 + b'"}'),
    (CREATE, b'{"session_id": "not-a-uuid"}'),
    (CREATE, b'{"temperature": false}'),
    (CREATE, b'{"temperature": "0.5"}'),
    (CREATE, b'{"auto_title": 1}'),
    ("/api/chat/sessions/bulk", b'{"session_ids": [], "changes": {"is_pinned": "yes"}}'),
    (CREATE, b"[" * 100_000),
    (MESSAGES, b"{}"),
    (MESSAGES, b'{"content": null}'),
    (MESSAGES, b'{"content": ""}'),
    (MESSAGES, b'{"content": " \\t\\r\\n "}'),
    (MESSAGES, b'{"content": "a\\u0000b"}'),
    (MESSAGES, b'{"content": "' + b"x" * 100_001 + b'"}'),
    (MESSAGES, b'{"content": "x", "message_id": "1"}'),
    ("/api/chat", b'{"content": "x"}'),
    ("/api/chat", b'{"session_id": "x", "content": "x"}'),
]


@pytest.mark.parametrize(
    ("path", "body"), BAD_BODIES, ids=[body[:30].decode("latin-1") for _, body in BAD_BODIES]
)
async def test_a_body_that_does_not_fit_is_422(
    accounts_api: httpx.AsyncClient, ada: Person, path: str, body: bytes
) -> None:
    answer = await accounts_api.post(path, content=body, headers=ada.headers | JSON)
    assert_problem(answer, 422, "invalid")


@pytest.mark.parametrize(
    "path",
    [
        "/api/chat/sessions/not-a-uuid",
        "/api/chat/sessions/not-a-uuid/messages",
        "/api/chat/sessions/user/not-a-uuid",
        "/api/chat/history/1",
        f"/api/chat/sessions/{NOBODY_S}/messages?limit=0",
        f"/api/chat/sessions/{NOBODY_S}/messages?limit=201",
        f"/api/chat/sessions/{NOBODY_S}/messages?limit=x",
        f"/api/chat/sessions/{NOBODY_S}/messages?cursor=!",
        f"/api/chat/sessions/{NOBODY_S}/messages?cursor={'x' * 201}",
    ],
)
async def test_a_path_or_query_that_does_not_fit_is_422(
    accounts_api: httpx.AsyncClient, ada: Person, path: str
) -> None:
    assert_problem(await accounts_api.get(path, headers=ada.headers), 422, "invalid")


async def test_a_body_over_the_limit_is_413_declared_or_not(
    accounts_api: httpx.AsyncClient, ada: Person
) -> None:
    async def chunks() -> object:
        for _ in range(MAX_BODY // 65536 + 2):
            yield b"x" * 65536

    for content in (b"x" * (MAX_BODY + 1), chunks()):
        answer = await accounts_api.post(CREATE, content=content, headers=ada.headers | JSON)
        assert_problem(answer, 413, "too-large")


async def test_an_unknown_path_is_404_and_a_wrong_method_405(accounts_api: httpx.AsyncClient) -> None:
    assert_problem(await accounts_api.get("/nowhere"), 404, "not-found")
    answer = await accounts_api.patch(CREATE)
    assert_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("OPTIONS", "/auth/me", "DELETE, GET, PATCH"),
        ("OPTIONS", f"/api/chat/sessions/{NOBODY_S}", "DELETE, GET, PUT"),
        ("PUT", CREATE, "POST"),
        ("GET", CREATE, "POST"),
        ("DELETE", "/auth/devices/revoke-others", "POST"),
        ("PUT", "/api/chat/sessions", "POST"),
    ],
)
async def test_allow_names_every_method_of_the_path_and_of_no_other(
    accounts_api: httpx.AsyncClient, ada: Person, method: str, path: str, allow: str
) -> None:
    answer = await accounts_api.request(method, path, headers=ada.headers)
    assert_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == allow


async def test_a_defect_of_ours_is_500_without_its_cause(
    backend_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings_for(backend_database, "http://127.0.0.1:1/"))

    @app.get("/defect")
    async def defect() -> None:
        raise RuntimeError("the secret cause")

    async with running(app) as api:
        answer = await api.get("/defect")
    assert_problem(answer, 500, "internal")
    assert "secret cause" not in answer.text


async def test_graphql_away_is_503_with_retry_after(accounts_api: httpx.AsyncClient, ada: Person) -> None:
    answer = await accounts_api.post(CREATE, json={}, headers=ada.headers)
    assert_problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def test_the_database_away_is_503_with_retry_after() -> None:
    settings = settings_for("postgresql://chat@127.0.0.1:1/chat", "http://127.0.0.1:1/")
    async with running(create_app(settings)) as api:
        answer = await api.post("/auth/login", json={"username": "ada", "password": "some password"})
    assert_problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        (
            {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
            "4bf92f3577b34da6a3ce929d0e0e4736",
        ),
        ({"x-request-id": "my-request.1"}, "my-request.1"),
    ],
)
async def test_the_callers_trace_goes_on(
    accounts_api: httpx.AsyncClient, headers: dict[str, str], trace: str
) -> None:
    answer = await accounts_api.get("/healthz", headers=headers)
    assert answer.headers["x-request-id"] == trace
    if "traceparent" in headers:
        assert answer.headers["traceparent"].startswith(f"00-{trace}-")
        assert answer.headers["traceparent"] != headers["traceparent"]


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": "00-" + "0" * 32 + "-00f067aa0ba902b7-01"},
        {"traceparent": "junk"},
        {"x-request-id": "short"},
        {"x-request-id": "with space and {json}"},
        {"x-request-id": "x" * 65},
    ],
)
async def test_a_trace_that_is_none_is_replaced(
    accounts_api: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await accounts_api.get("/healthz", headers=headers)
    assert len(answer.headers["x-request-id"]) == 32
    assert answer.headers["x-request-id"] not in headers.values()


async def test_no_origin_is_allowed_unless_it_is_named(backend_database: str) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    for origins, allowed in (([], None), (["https://app.example"], "https://app.example")):
        settings = settings_for(backend_database, "http://127.0.0.1:1/", cors_origins=origins)
        async with running(create_app(settings)) as api:
            answer = await api.options("/api/chat", headers=asked)
        assert answer.headers.get("access-control-allow-origin") == allowed
