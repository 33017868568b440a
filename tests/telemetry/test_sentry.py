"""A defect reaches Sentry, and its log, as a trail through the code: without values."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.telemetry.collector import receiving

ROOT = Path(__file__).resolve().parents[2]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
DEFECT = """
import logging, psycopg, structlog
from telemetry import reporting
{configure}
reporting.start("the-service")
structlog.contextvars.bind_contextvars(trace_id="{trace}")
def fail(password):
    try:
        raise psycopg.errors.CheckViolation("new row violates a check DETAIL: Failing row contains (canary)")
    except psycopg.Error as exc:
        raise KeyError(f"canary of {{password}}") from exc
try:
    fail("canary")
except KeyError as exc:
    structlog.get_logger("x").error("unexpected_error", exc_info=exc)
try:
    fail("canary")
except KeyError:
    logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
reporting.stop()
"""
ROOMS = {
    "backend": "from backend import logs; logs.configure('info')",
    "engine": "from hasura.engine.serve import logs; logs.configure('info')",
    "webapp": "from webapp.logs import configure_logs; configure_logs()",
}


def run(script: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("variable", ["CHAT_SENTRY_DSN", "SENTRY_DSN"])
@pytest.mark.parametrize("room", ROOMS)
def test_a_defect_is_reported_with_its_trace_and_without_content(room: str, variable: str) -> None:
    with receiving() as sentry:
        dsn = sentry.url.replace("//", "//public@") + "/1"
        log = run(DEFECT.format(configure=ROOMS[room], trace=TRACE), **{variable: dsn})
    told = b"".join(sentry.raw).decode()
    assert len(sentry.raw) == 2
    for text in (told, log):
        assert "KeyError" in text
        assert "CheckViolation" in text
        assert TRACE in text
        assert "canary" not in text
    assert '"the-service"' in told


def test_without_a_collector_and_a_dsn_neither_library_is_imported() -> None:
    script = (
        "import sys\nfrom telemetry import reporting\nimport hasura.engine.__main__, hasura.engine.serve.app\n"
        "reporting.start('engine')\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'sentry_sdk'))])"
    )
    clean = {name: "" for name in os.environ if name.startswith(("OTEL_", "SENTRY_", "CHAT_SENTRY"))}
    assert run(script, **clean).strip() == "[]"


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"CHAT_SENTRY_DSN": "not-a-dsn"}, "CHAT_SENTRY_DSN: not a DSN"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL: grpc is not supported, http/protobuf is",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(variables: dict[str, str], reason: str) -> None:
    script = "from telemetry import reporting\ntry:\n    reporting.start('x')\nexcept ValueError as e:\n    print(e)"
    assert run(script, **variables).strip() == reason
