"""Whatever a client sends is a message of the protocol, or refused as one that is none."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hasura.engine.errors import EngineError
from hasura.engine.serve import bodies
from hasura.engine.serve.ws_dialects import Apollo, Dialect, TransportWs
from hasura.engine.serve.ws_messages import Close, Complete, ConnectionInit, Ping, Pong, Subscribe, Terminate

KNOWN = (ConnectionInit, Subscribe, Complete, Ping, Pong, Terminate)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(sorted({*TransportWs.words, *Apollo.words}))
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "type": WORDS | JSON,
        "id": st.text() | JSON,
        "payload": st.fixed_dictionaries({}, optional={"query": JSON, "variables": JSON, "headers": JSON})
        | JSON,
    },
)


@pytest.mark.parametrize("dialect", [TransportWs(), Apollo()])
@given(message=MESSAGES | JSON)
def test_any_json_is_a_message_or_refused(dialect: Dialect, message: Any) -> None:
    try:
        read = dialect.read(json.dumps(message))
    except EngineError as error:
        for answer in dialect.unreadable(error):
            assert isinstance(answer, Close) or json.loads(answer)["type"] == "connection_error"
    else:
        assert isinstance(read, KNOWN)


@pytest.mark.parametrize("dialect", [TransportWs(), Apollo()])
@given(text=st.text() | st.binary())
def test_any_text_is_a_message_or_refused(dialect: Dialect, text: str | bytes) -> None:
    with contextlib.suppress(EngineError):
        assert isinstance(dialect.read(text), KNOWN)


@given(JSON)
def test_any_json_is_a_request_or_refused(value: Any) -> None:
    with contextlib.suppress(EngineError):
        assert isinstance(bodies.graphql_request(value).query, str)


@given(st.text())
def test_a_reason_always_fits_a_close_frame(text: str) -> None:
    reason = Close.because(4400, text * 40).reason
    assert len(reason.encode()) <= 123
    assert json.loads(reason)["server_error_msg"].startswith("4400: ")


def test_headers_of_the_payload_are_lower_case() -> None:
    message = {
        "type": "connection_init",
        "payload": {"headers": {"X-Hasura-Role": "user", "Authorization": "B"}},
    }
    assert Apollo().read(json.dumps(message)) == ConnectionInit(
        {"x-hasura-role": "user", "authorization": "B"}
    )
