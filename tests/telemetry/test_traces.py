"""What spans say of SQL, and of the work that several requests share."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from telemetry.sql import described
from telemetry.traces import place_of, trace_id_of
from tests.telemetry.collector import receiving
from tests.telemetry.test_sentry import ROOT

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("statement", "summary", "shape"),
    [
        ("SELECT 1", "SELECT", "SELECT ?"),
        ("select 'it''s'  from public.users t0 where x = 4.5", "SELECT public.users", None),
        ("INSERT INTO users (a) VALUES ($$secret$$)", "INSERT users", "INSERT INTO users (a) VALUES (?)"),
        ("WITH x AS (UPDATE public.a SET b = %(p0)s) SELECT 2", "UPDATE public.a", None),
        ("DELETE FROM a -- secret\n WHERE b = E'sec\\'ret'", "DELETE a", "DELETE FROM a ? WHERE b = ?"),
        ("SELECT 'a\\', 'secret', a", "SELECT", "SELECT ?, ?, a"),
        ("SELECT 'an open string with a secret", "SELECT", "SELECT ?"),
    ],
)
def test_a_statement_is_told_by_its_shape(statement: str, summary: str, shape: str | None) -> None:
    told = described(statement)
    assert told[0] == summary
    assert shape is None or told[1] == shape
    assert not any(word in told[1] for word in ("secret", "it", "4.5"))


def test_the_trace_is_the_callers_if_that_is_one() -> None:
    assert trace_id_of(f"00-{TRACE}-00f067aa0ba902b7-01") == TRACE
    assert trace_id_of("junk", TRACE) == TRACE
    assert trace_id_of("", "my-request.1") not in {"", "my-request.1"}
    assert place_of(f"00-{TRACE}-{'0' * 16}-01") is None


SHARED = """
from telemetry import traces
traces.start("the-service")
def request(number):
    with traces.served("GET", "", f"{number:032x}"):
        return traces.here()
with traces.span("housekeeping"):
    pass
with traces.served("GET", "", f"{1:032x}"):
    one = traces.here()
    with traces.served("GET", "", f"{2:032x}"):
        two = traces.here()
        with traces.shared("shared read", [one, two]), traces.span("SELECT", "client"):
            pass
traces.stop()
"""


def test_what_is_done_for_several_requests_is_linked_with_each() -> None:
    with receiving() as collector:
        environment = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        subprocess.run([sys.executable, "-c", SHARED], cwd=ROOT, env=environment, check=True, timeout=60)
    spans = {(span.name, span.trace_id[-1]): span for span in collector.spans}
    assert set(spans) == {("GET", "1"), ("GET", "2"), ("shared read", "1"), ("SELECT", "1")}
    first, second = spans["GET", "1"], spans["GET", "2"]
    shared, statement = spans["shared read", "1"], spans["SELECT", "1"]
    assert (statement.parent_id, shared.parent_id) == (shared.span_id, first.span_id)
    assert (shared.links, second.links) == ([second.span_id], [shared.span_id])
