"""A log has the cause and the trace id, and neither content nor secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import httpx
import pytest
import structlog

from backend import logs
from backend.main import create_app
from tests.backend.conftest import PASSWORD, running, settings_for


@pytest.fixture
def _logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers, root.level
    yield
    root.handlers, root.level = before
    structlog.reset_defaults()


@pytest.mark.usefixtures("_logging_restored")
async def test_a_defect_is_logged_with_its_cause_and_without_local_variables(
    backend_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("debug")  # here and not in the fixture: stdout is the test's own by now
    app = create_app(settings_for(backend_database, "http://127.0.0.1:1/"))

    @app.post("/defect")
    async def defect(body: dict[str, str]) -> None:
        password = body["password"]
        raise RuntimeError(f"the cause, of {len(password)}")

    async with running(app) as api:
        answer: httpx.Response = await api.post("/defect", json={"password": PASSWORD})
        await api.post("/auth/register", json={"username": "logged-name", "password": PASSWORD})
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    mine = [line for line in lines if line.get("trace_id") == answer.headers["x-request-id"]]
    assert {line["event"] for line in mine} == {"unexpected_error", "request"}
    assert "the cause, of 21" in json.dumps(mine)
    assert PASSWORD not in json.dumps(lines)
    assert {"method": "POST", "route": "/defect", "status": 500}.items() <= next(
        line for line in mine if line["event"] == "request"
    ).items()
