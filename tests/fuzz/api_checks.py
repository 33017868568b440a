"""What schemathesis loads beside its own checks (SCHEMATHESIS_HOOKS): who is asked about, and what no answer may say.

`FUZZ_PLAN` is a JSON file: `ids` that exist, `hidden` what no answer has, `tally` to write the counts into.
"""

from __future__ import annotations

import atexit
import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

_PLAN = json.loads(Path(os.environ["FUZZ_PLAN"]).read_text(encoding="utf-8"))
_TALLY: Counter[str] = Counter()

#: Of a stack trace, of SQL, of the drivers, of places inside.
_INSIDES = re.compile(
    r"Traceback \(most recent|File \"/|\.py\", line|psycopg|sqlalchemy|pydantic_core|uvicorn\.|site-packages"
    r"|SELECT .{0,80} FROM |INSERT INTO |pg_catalog|postgres(?:ql)?://|:8081|/v1/graphql| at 0x[0-9a-f]{6}"
)
#: What a body may be refused for that no schema says: the sentence, or the `code` of a file that cannot be read.
_REASONS = {
    "The cursor is malformed.",
    "Ask for one of cursor, after and around.",
    "Auto_title needs a title.",
}

# Half of the ids that are asked for exist: hers, and the victim's.
schemathesis.openapi.format("uuid", st.one_of(st.uuids().map(str), st.sampled_from(_PLAN["ids"])))


@schemathesis.check
def nothing_of_somebody_else(ctx: Any, response: Any, case: Any) -> None:
    assert not [each for each in _PLAN["hidden"] if each.encode() in response.content], "it is the victim's"


@schemathesis.check
def nothing_of_the_inside(ctx: Any, response: Any, case: Any) -> None:
    if response.status_code >= 400:
        found = _INSIDES.search(response.text)
        assert not found, f"it has {found[0]!r}"


@schemathesis.check
def problems_are_problem_details(ctx: Any, response: Any, case: Any) -> None:
    """RFC 9457, and the trace id that the headers have."""
    if response.status_code < 400 or case.path == "/readyz":
        return
    assert response.headers["content-type"] == ["application/problem+json"], "an error, and no problem"
    body = response.json()
    assert body["status"] == response.status_code
    assert [body["trace_id"]] == response.headers["x-request-id"]


@schemathesis.check
def what_fits_is_accepted(ctx: Any, response: Any, case: Any) -> bool | None:
    """Schemathesis' own, but for what depends on more than one value, and for files."""
    if response.status_code == 422:
        body = response.json()
        if body["detail"] in _REASONS or "code" in body:
            return None
    return positive_data_acceptance(ctx, response, case)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    _TALLY[f"{case.method} {case.path} {response.status_code}"] += 1


@atexit.register
def _write() -> None:
    Path(_PLAN["tally"]).write_text(json.dumps(_TALLY), encoding="utf-8")
