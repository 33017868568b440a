"""What answers tell a browser that it may not do, and which other sites' pages may read them."""

from __future__ import annotations

import base64
import hashlib
import re

import httpx
import pytest
from fastapi import FastAPI

from backend.main import create_app
from tests.backend.conftest import running, settings_for

NOWHERE = "http://127.0.0.1:1/"
OURS = "https://chat.example"


def app(**changes: object) -> FastAPI:
    return create_app(settings_for("postgresql://", NOWHERE).model_copy(update=changes))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/healthz"),
        ("GET", "/auth/me"),  # 401
        ("GET", "/no/such/path"),
        ("POST", "/auth/login"),  # 422
        ("PATCH", "/healthz"),  # 405
        ("GET", "/docs"),
    ],
)
async def test_every_answer_is_no_frame_no_other_type_and_tells_no_referrer(method: str, path: str) -> None:
    async with running(app()) as api:
        headers = (await api.request(method, path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "strict-transport-security" not in headers


async def test_a_defect_carries_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("backend.services.tokens.Tokens.read", broken)
    async with running(app()) as api:
        answer = await api.get("/auth/me", headers={"Authorization": "Bearer x"})
    assert answer.status_code == 500
    assert answer.headers["x-frame-options"] == "DENY"
    assert "a defect" not in answer.text


async def test_encryption_is_asked_for_where_there_is_some() -> None:
    built = app()
    transport = httpx.ASGITransport(built)
    async with running(built), httpx.AsyncClient(transport=transport, base_url="https://api") as api:
        assert (await api.get("/healthz")).headers["strict-transport-security"] == "max-age=31536000"


async def test_the_page_of_the_api_may_run_its_own_scripts_and_no_other() -> None:
    async with running(app()) as api:
        answer = await api.get("/docs")
    (script,) = re.findall(rb"<script>(.*?)</script>", answer.content, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "unsafe-eval" not in policy
    assert "script-src 'self' 'unsafe-inline'" not in policy


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://chat.example.evil.example",
        "https://evilchat.example",
        "http://chat.example",
        "https://chat.example:8443",
        "null",
    ],
)
async def test_pages_of_other_origins_read_nothing(origin: str) -> None:
    async with running(app(cors_origins=[OURS])) as api:
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        preflight = await api.options("/api/chat", headers=asked)
        assert preflight.status_code == 400
        answer = await api.get("/auth/me", headers={"Origin": origin})
    for headers in (preflight.headers, answer.headers):
        assert "access-control-allow-origin" not in headers
        assert "access-control-allow-credentials" not in headers


async def test_the_pages_that_are_named_read_everything_errors_too() -> None:
    async with running(app(cors_origins=[OURS], limit_requests=1)) as api:
        asked = {
            "Origin": OURS,
            "Access-Control-Request-Method": "DELETE",
            "Access-Control-Request-Headers": "authorization, content-type",
        }
        preflight = await api.options("/auth/me", headers=asked)
        assert preflight.status_code == 200
        answers = [await api.get("/auth/me", headers={"Origin": OURS}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [401, 429]
    for headers in (preflight.headers, *(answer.headers for answer in answers)):
        assert headers["access-control-allow-origin"] == OURS
        assert "origin" in headers["vary"].lower()
        # Tokens are sent by hand: nothing that a browser sends by itself means anything here.
        assert "access-control-allow-credentials" not in headers
    exposed = answers[1].headers["access-control-expose-headers"].lower()
    assert {"retry-after", "ratelimit-remaining", "x-request-id"} <= set(exposed.split(", "))


async def test_unless_named_nobody_elses_page_reads_anything() -> None:
    async with running(app()) as api:
        answer = await api.get("/healthz", headers={"Origin": OURS})
    assert "access-control-allow-origin" not in answer.headers
