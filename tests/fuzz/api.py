"""Schemathesis over the API's whole OpenAPI, as somebody, as nobody and with a token that is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.world import FuzzWorld

ROOT = Path(__file__).resolve().parents[2]

_HANGS_AFTER = "20"  # seconds, of one request
# Older ones fail in ast.parse, which hypothesis uses, when two threads are in it
# (https://github.com/python/cpython/issues/106905).
_WORKERS = "2" if sys.version_info >= (3, 11, 5) else "1"
_OURS = (
    "nothing_of_somebody_else",
    "nothing_of_the_inside",
    "problems_are_problem_details",
)
_OF_ANYBODY = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    *_OURS,
)
_OF_SOMEBODY = (
    *_OF_ANYBODY,
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",
    "what_fits_is_accepted",
)
_NO_TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ2aWN0aW0ifQ."  # pragma: allowlist secret  (says alg: none)


def as_somebody(world: FuzzWorld, options: Sequence[str]) -> Counter[str]:
    return _run(world, _OF_SOMEBODY, [*options, "-H", f"Authorization: Bearer {world.ada.token}"])


def as_nobody(world: FuzzWorld, options: Sequence[str]) -> Counter[str]:
    return _run(world, _OF_ANYBODY, options)


def with_a_token_that_is_none(world: FuzzWorld, options: Sequence[str]) -> Counter[str]:
    return _run(world, _OF_ANYBODY, [*options, "-H", f"Authorization: Bearer {_NO_TOKEN}"])


def _run(world: FuzzWorld, checks: Sequence[str], options: Sequence[str]) -> Counter[str]:
    """How many requests had which answer, by method, path and status. AssertionError with what was found."""
    plan, tally = world.folder / "plan.json", world.folder / "tally.json"
    ids = [*world.ada.ids, *world.victim.ids]
    plan.write_text(json.dumps({"ids": ids, "hidden": world.hidden, "tally": str(tally)}))
    command = [
        str(Path(sys.executable).parent / "st"),
        "run",
        f"{world.url('backend')}/openapi.json",
        *("--checks", ",".join(checks)),
        *("--request-timeout", _HANGS_AFTER),
        *("--workers", _WORKERS),
        *("--suppress-health-check", "all"),
        *("--warnings", "off"),
        *("--output-sanitize", "false", "--output-truncate", "false"),
        *("--generation-database", "none"),
        "--continue-on-failure",
        "--no-color",
        *options,
    ]
    environment = {
        "SCHEMATHESIS_HOOKS": "tests.fuzz.api_checks",
        "FUZZ_PLAN": str(plan),
        "PYTHONPATH": str(ROOT),
    }
    ended = subprocess.run(
        command, cwd=world.folder, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return Counter(json.loads(tally.read_text(encoding="utf-8")))
