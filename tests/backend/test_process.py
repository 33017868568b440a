"""`python -m backend` as a process: what it says when it cannot start, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from backend.services.hasura_client import HasuraClient
from backend.services.replies import answer_id
from tests.backend.conftest import JWT_SECRET, ROOT, register
from tests.backend.model_server import model_server
from tests.backend.test_chat import read_events
from tests.conftest import free_port


def environment(**variables: object) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CHAT_", "HASURA_"))}
    return clean | {name: str(value) for name, value in variables.items()}


@contextmanager
def backend(log: Path, **variables: object) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend"], cwd=ROOT, env=environment(**variables), stdout=output
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def test_a_taken_port_is_one_line_that_names_port_and_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = _run(
            CHAT_API_PORT=port, CHAT_DATABASE_URL="postgresql://", HASURA_GRAPHQL_JWT_SECRET=JWT_SECRET
        )
    assert run.returncode == 1
    assert run.stderr.splitlines() == [
        f"backend: port {port} on 127.0.0.1 is taken: free it, or set CHAT_API_PORT (and CHAT_HOST) to another"
    ]


def test_a_wrong_environment_is_said_without_a_stack_trace() -> None:
    run = _run(CHAT_API_PORT="x", CHAT_DATABASE_URL="postgresql://")
    assert run.returncode == 2
    assert "Traceback" not in run.stderr
    assert "CHAT_API_PORT is wrong" in run.stderr
    assert "HASURA_GRAPHQL_JWT_SECRET is missing" in run.stderr


@pytest.mark.parametrize(("trusted", "second"), [("127.0.0.0/8", 401), ("192.0.2.9", 429)])
async def test_whose_x_forwarded_for_counts_is_a_setting(
    tmp_path: Path, backend_database: str, graphql_url: str, trusted: str, second: int
) -> None:
    port = free_port()
    variables = {
        "CHAT_API_PORT": port,
        "CHAT_DATABASE_URL": backend_database,
        "CHAT_GRAPHQL_URL": graphql_url,
        "HASURA_GRAPHQL_JWT_SECRET": JWT_SECRET,
        "CHAT_LOGIN_ATTEMPTS_PER_ADDRESS": 1,
        "CHAT_TRUSTED_PROXIES": trusted,
    }
    guess = {"username": "nobody-here", "password": "a wrong guess"}
    with backend(tmp_path / "log", **variables):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as api:
            await until_ready(api)
            answers = [
                await api.post("/auth/login", json=guess, headers={"X-Forwarded-For": address})
                for address in ("192.0.2.1", "192.0.2.2")
            ]
    assert [answer.status_code for answer in answers] == [401, second]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_cleanly_and_an_answer_under_way_is_saved_as_failed(
    tmp_path: Path, backend_database: str, graphql_url: str, hasura: HasuraClient, how: signal.Signals
) -> None:
    port, chosen, log = free_port(), uuid4(), tmp_path / "log"
    async with model_server() as model:
        variables = {
            "CHAT_API_PORT": port,
            "CHAT_DATABASE_URL": backend_database,
            "CHAT_GRAPHQL_URL": graphql_url,
            "HASURA_GRAPHQL_JWT_SECRET": JWT_SECRET,
            "CHAT_LLM_BASE_URL": model.base_url,
            "CHAT_LLM_MODEL": "tiny",
            "CHAT_DRAIN_SECONDS": 1,
        }
        with backend(log, **variables) as process:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as api:
                await until_ready(api)
                ada = await register(api)
                made = await api.post("/api/chat/sessions", json={}, headers=ada.headers)
                session = made.json()["session_id"]
                body = {"session_id": session, "content": "#stall quietly", "message_id": str(chosen)}
                with suppress(httpx.RemoteProtocolError):  # the stream is cut, in good order or not
                    async with api.stream("POST", "/api/chat", json=body, headers=ada.headers) as answer:
                        async for name, _ in read_events(answer):
                            if name == "delta":
                                process.send_signal(how)
            assert await asyncio.to_thread(process.wait, 20) == 0
    saved = await hasura.get_chat_message(ada.access_token, answer_id(chosen))
    assert saved is not None
    assert (saved.status, saved.metadata["error"]["kind"]) == ("failed", "interrupted")
    assert saved.content.startswith("Half ")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"route": "/api/chat", "status": 200}.items() <= next(
        line for line in lines if line.get("route") == "/api/chat"
    ).items()
    whole = log.read_text()
    for secret in (
        "quietly",
        ada.access_token,
        ada.refresh_token,
        "correct horse",
        json.loads(JWT_SECRET)["key"],
    ):
        assert secret not in whole


def _run(**variables: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backend"],
        cwd=ROOT,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def until_ready(api: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                if (await api.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
