"""The WebSocket API of a session: sending, hearing, coming back, and what a caller may not."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import socket
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import structlog
import websockets

from backend.main import create_app
from backend.routes import ws_chat, ws_connection
from backend.services.hasura_client import HasuraClient
from backend.services.tokens import Tokens
from tests.backend.conftest import JWT_SECRET, Person, engine_process, serving, settings_for
from tests.backend.sockets import Client, connected, new_session, refused
from tests.backend.test_process import backend, until_ready
from tests.conftest import free_port


@pytest.fixture(autouse=True)
def no_defect() -> Iterator[None]:
    """However a connection ends, it was foreseen."""
    with structlog.testing.capture_logs() as lines:
        yield
    assert [line for line in lines if line["event"] == "unexpected_error"] == []


@pytest.fixture(scope="module")
async def served(backend_database: str, graphql_url: str) -> AsyncIterator[httpx.AsyncClient]:
    settings = settings_for(backend_database, graphql_url, sockets_per_user=3)
    async with serving(create_app(settings)) as api:
        yield api


async def test_a_message_is_acknowledged_and_heard_by_every_connection(
    served: httpx.AsyncClient, ada: Person
) -> None:
    session, chosen = await new_session(served, ada), str(uuid4())
    path = f"/ws/chat/{session}"
    async with connected(served, path, ada) as here, connected(served, path, ada) as there:
        ready = await here.wait("ready")
        assert ready["session"]["session_id"] == str(session)
        await there.wait("ready")
        await here.send("send", id=chosen, content="hello", ask=False)
        await here.wait("ack", id=chosen, assistant_message_id=None)
        seen = [event["message"] for event in here.passed if event["type"] == "message"]
        for client in (here, there):
            heard = seen[0] if client is here and seen else (await client.wait("message"))["message"]
            assert (heard["message_id"], heard["content"], heard["status"]) == (chosen, "hello", "complete")


async def test_a_question_is_answered(served: httpx.AsyncClient, ada: Person) -> None:
    session = await new_session(served, ada)
    async with connected(served, f"/ws/chat/{session}", ada) as client:
        await client.wait("ready")
        await client.send("send", id=uuid4(), content="help")
        answer_id = None
        while True:
            event = await client.next()
            if event["type"] == "ack":
                answer_id = event["assistant_message_id"]
            if event["type"] == "message" and event["message"]["status"] == "streaming":
                assert event["message"]["content"] == ""
            ended = {"role": "assistant", "status": "complete"}.items()
            if event["type"] == "message" and ended <= event["message"].items():
                break
    assert event["message"]["message_id"] == answer_id
    assert event["message"]["content"]


async def test_a_message_sent_twice_is_stored_once(
    served: httpx.AsyncClient, hasura: HasuraClient, ada: Person
) -> None:
    session, chosen = await new_session(served, ada), str(uuid4())
    async with connected(served, f"/ws/chat/{session}", ada) as client:
        for _ in range(2):
            await client.send("send", id=chosen, content="once", ask=False)
            await client.wait("ack", id=chosen)
        await client.send("send", id=chosen, content="other", ask=False)
        failed = await client.wait("error", id=chosen)
        assert failed["problem"]["status"] == 409
        await client.send("ping", id="still there")
        await client.wait("pong", id="still there")
    stored = (await hasura.get_chat_messages(ada.access_token, session)).items
    assert [message.content for message in stored] == ["once"]


async def test_messages_keep_the_order_in_which_they_were_sent(
    served: httpx.AsyncClient, hasura: HasuraClient, ada: Person
) -> None:
    session = await new_session(served, ada)
    texts = [f"{n}" for n in range(30)]
    async with connected(served, f"/ws/chat/{session}", ada) as client:
        for text in texts:
            await client.send("send", id=uuid4(), content=text, ask=False)
        acks = 0
        heard: list[str] = []
        while acks < 30 or len(heard) < 30:
            event = await client.next()
            acks += event["type"] == "ack"
            if event["type"] == "message":
                heard.append(event["message"]["content"])
    assert heard == texts
    stored = (await hasura.get_chat_messages(ada.access_token, session)).items
    assert [message.content for message in stored] == texts


async def test_who_comes_back_with_the_cursor_hears_what_was_missed_and_nothing_twice(
    served: httpx.AsyncClient, hasura: HasuraClient, ada: Person
) -> None:
    session = await new_session(served, ada)
    async with connected(served, f"/ws/chat/{session}", ada) as client:
        await client.wait("ready")
        await client.send("send", id=uuid4(), content="before", ask=False)
        cursor = (await client.wait("message"))["cursor"]
    for n in range(150):
        await hasura.add_chat_message(ada.access_token, session, f"missed {n}")
    async with connected(served, f"/ws/chat/{session}?cursor={cursor}", ada) as client:
        heard = [(await client.wait("message")) for _ in range(150)]
    assert [event["message"]["content"] for event in heard] == [f"missed {n}" for n in range(150)]
    # Broken in the midst of catching up: the cursor of the last event that arrived goes on there.
    async with connected(served, f"/ws/chat/{session}?cursor={heard[99]['cursor']}", ada) as client:
        assert (await client.wait("message"))["message"]["content"] == "missed 100"


async def test_after_a_change_of_what_was_seen_it_begins_anew(
    served: httpx.AsyncClient, hasura: HasuraClient, ada: Person
) -> None:
    session = await new_session(served, ada)
    async with connected(served, f"/ws/chat/{session}", ada) as client:
        await client.wait("ready")
        await client.send("send", id=uuid4(), content="before", ask=False)
        cursor = (await client.wait("message"))["cursor"]
        await hasura.clear_chat_messages(ada.access_token, session)
        assert len((await client.wait("removed"))["message_ids"]) == 1
        await hasura.add_chat_message(ada.access_token, session, "after")
        assert (await client.wait("message"))["message"]["content"] == "after"
    async with connected(served, f"/ws/chat/{session}?cursor={cursor}", ada) as client:
        await client.wait("reset")
        assert (await client.wait("message"))["message"]["content"] == "after"


@pytest.mark.parametrize("path", ["/ws/chat/{session}", "/ws/status/{session}"])
async def test_the_token_may_come_in_the_first_event(
    served: httpx.AsyncClient, ada: Person, path: str
) -> None:
    session = await new_session(served, ada)
    async with connected(served, path.format(session=session)) as client:
        await client.send("auth", token=ada.access_token)
        assert (await client.next())["type"] == "ready"


@pytest.mark.parametrize(
    "first", ['{"type":"ping"}', "not json", '{"type":"auth","token":"forged"}', b"\x00"]
)
async def test_without_a_good_token_in_the_first_event_it_ends(
    served: httpx.AsyncClient, ada: Person, monkeypatch: pytest.MonkeyPatch, first: str | bytes
) -> None:
    monkeypatch.setattr(ws_connection, "AUTH_WITHIN", 0.5)
    session = await new_session(served, ada)
    async with connected(served, f"/ws/chat/{session}") as client:
        await client.connection.send(first)
        code, events = await client.end()
    assert code == 4401
    assert events[-1]["problem"]["type"] == "urn:chat-sessions:problem:unauthenticated"


async def test_a_handshake_is_refused_with_a_problem(
    served: httpx.AsyncClient, ada: Person, bob: Person
) -> None:
    session = await new_session(served, ada)
    path = f"/ws/chat/{session}"
    for where, headers, status in [
        (path, {"Authorization": "Bearer forged"}, 401),
        (path, {"Authorization": "Basic YTpi"}, 401),
        (path, bob.headers, 404),
        (f"/ws/chat/{uuid4()}", ada.headers, 404),
        ("/ws/chat/no-uuid", ada.headers, 422),
        (f"{path}?client={'x' * 51}", ada.headers, 422),
        (path, ada.headers | {"Origin": "https://elsewhere.example"}, 403),
    ]:
        code, problem = await refused(served, where, headers)
        assert (code, problem["status"]) == (status, status), where
        assert problem["trace_id"]


async def test_a_page_of_an_allowed_origin_may_connect(
    backend_database: str, graphql_url: str, ada: Person
) -> None:
    settings = settings_for(backend_database, graphql_url, cors_origins="https://pages.example")
    async with serving(create_app(settings)) as api:
        session = await new_session(api, ada)
        async with connected(api, f"/ws/chat/{session}", ada, origin="https://pages.example") as client:
            await client.wait("ready")


async def test_a_malformed_cursor_is_refused(served: httpx.AsyncClient, ada: Person) -> None:
    session = await new_session(served, ada)
    async with connected(served, f"/ws/chat/{session}?cursor=x", ada) as client:
        code, events = await client.end()
    assert (code, events[0]["problem"]["status"]) == (4422, 422)


MALFORMED: list[str | bytes] = [
    "",
    "{",
    "[]",
    "null",
    '"send"',
    "{}",
    '{"type":"unknown"}',
    '{"type":"send"}',
    '{"type":"send","id":"x","content":"hi"}',
    json.dumps({"type": "send", "id": str(UUID(int=1)), "content": ""}),
    json.dumps({"type": "send", "id": str(UUID(int=1)), "content": "\x00"}),
    json.dumps({"type": "send", "id": str(UUID(int=1)), "content": "x" * 100_001}),
    '{"type":"typing","typing":"perhaps"}',
    "[" * 5000,
    b"\x00\xff",
]


async def test_a_malformed_event_is_said_and_changes_nothing(served: httpx.AsyncClient, ada: Person) -> None:
    session = await new_session(served, ada)
    async with connected(served, f"/ws/chat/{session}", ada) as client:
        await client.wait("ready")
        for frame in MALFORMED:
            await client.connection.send(frame)
            problem = (await client.wait("error"))["problem"]
            assert (problem["status"], problem["type"]) == (422, "urn:chat-sessions:problem:invalid")
        await client.send("ping", id=7)
        await client.wait("pong", id=7)
        for _ in range(ws_connection.MALFORMED - len(MALFORMED)):
            await client.connection.send("{")
        code, _ = await client.end()
    assert code == 4422


async def test_a_deleted_session_ends_the_connection(
    served: httpx.AsyncClient, hasura: HasuraClient, ada: Person
) -> None:
    session = await new_session(served, ada)
    async with (
        connected(served, f"/ws/chat/{session}", ada) as chat,
        connected(served, f"/ws/status/{session}", ada) as status,
    ):
        await chat.wait("ready")
        await status.wait("presence")
        await hasura.delete_chat_session(ada.access_token, session)
        assert (await chat.end())[0] == 4404
        assert (await status.end())[0] == 4404


@pytest.mark.parametrize("event", [{"type": "typing", "typing": True}, {"type": "send", "content": "late"}])
async def test_a_deleted_session_takes_no_event(
    served: httpx.AsyncClient,
    hasura: HasuraClient,
    ada: Person,
    event: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even before the live query has said so."""

    async def silent(*_: object, **__: object) -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield

    monkeypatch.setattr(HasuraClient, "watch_session", silent)
    session = await new_session(served, ada)
    async with connected(served, f"/ws/chat/{session}", ada) as client:
        await client.wait("ready")
        await hasura.delete_chat_session(ada.access_token, session)
        await client.send(
            **{"type_": event["type"], "id": uuid4(), **{k: v for k, v in event.items() if k != "type"}}
        )  # type: ignore[arg-type]
        code, events = await client.end()
    assert (code, events[-1]["problem"]["status"]) == (4404, 404)


async def test_a_token_ends_the_connection_unless_a_new_one_comes_in_time(
    served: httpx.AsyncClient, ada: Person, bob: Person, tokens: Tokens
) -> None:
    session = await new_session(served, ada)
    brief = Person(ada.id, ada.username, tokens.access(ada.id, "user", lifetime=timedelta(seconds=3)), "")
    path = f"/ws/chat/{session}"
    async with connected(served, path, brief) as ends, connected(served, path, brief) as stays:
        await ends.wait("ready")
        until = (await stays.wait("ready"))["expires_at"]
        await stays.send("auth", token=bob.access_token)
        assert (await stays.wait("error"))["problem"]["status"] == 403
        await stays.send("auth", token=ada.access_token)
        assert (await stays.wait("ready"))["expires_at"] > until
        code, events = await ends.end()
        assert (code, events[-1]["problem"]["status"]) == (4401, 401)
        await asyncio.sleep(1.5)  # GraphQL has ended the old token's live query meanwhile
        await stays.send("send", id=uuid4(), content="on", ask=False)
        await stays.wait("message")


async def test_a_users_connections_are_bounded(served: httpx.AsyncClient, ada: Person) -> None:
    session = await new_session(served, ada)
    path = f"/ws/chat/{session}"
    async with connected(served, path, ada) as one, connected(served, path, ada) as two:
        async with connected(served, path, ada) as three:
            for client in (one, two, three):
                await client.wait("ready")
            async with connected(served, path, ada) as four:
                assert (await four.end())[0] == 4429
        # A place is free once its connection is wound up, a moment after it ended.
        first = "error"
        while first == "error":
            async with connected(served, path, ada) as again:
                first = (await again.next())["type"]
        assert first == "ready"


async def test_messages_over_the_limit_are_refused_and_the_connection_stays(
    backend_database: str, graphql_url: str, ada: Person
) -> None:
    settings = settings_for(backend_database, graphql_url, messages_per_minute=2)
    async with serving(create_app(settings)) as api:
        session = await new_session(api, ada)
        async with connected(api, f"/ws/chat/{session}", ada) as client:
            for n in range(3):
                await client.send("send", id=uuid4(), content=f"{n}", ask=False)
            failed = await client.wait("error")
            assert failed["problem"]["status"] == 429
            await client.send("ping", id=1)
            await client.wait("pong", id=1)


async def test_a_reader_who_takes_nothing_is_dropped_and_goes_on_later(
    served: httpx.AsyncClient, hasura: HasuraClient, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ws_connection, "SEND_WITHIN", 0.5)
    session = await new_session(served, ada)
    async with connected(served, f"/ws/chat/{session}", ada) as client:
        cursor = (await client.wait("ready"))["cursor"]
    texts = [f"{n} {'x' * 99_000}" for n in range(100)]
    for text in texts:
        await hasura.add_chat_message(ada.access_token, session, text)
    heard: list[str] = []
    ends = []
    while len(heard) < len(texts):
        path = f"/ws/chat/{session}?cursor={cursor}"
        with socket.socket() as narrow:
            narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            narrow.connect((served.base_url.host, served.base_url.port))
            async with connected(served, path, ada, sock=narrow) as slow:
                if not ends:
                    slow.connection.transport.pause_reading()
                    await asyncio.sleep(3)
                    slow.connection.transport.resume_reading()
                while len(heard) < len(texts):
                    try:
                        event = await slow.next()
                    except websockets.ConnectionClosed as exc:
                        ends.append(exc.rcvd.code if exc.rcvd else 1006)
                        break
                    if event["type"] == "message":
                        heard.append(event["message"]["content"])
                        cursor = event["cursor"]
    assert heard == texts
    assert ends, "it was dropped before it had everything"
    assert set(ends) <= {4408, 1006}, "1006 where not even the reason could be sent"


async def _answered(client: Client, message_id: str, content: str) -> dict[str, Any]:
    """What a message is answered with: its acknowledgement, or an error."""
    await client.send("send", id=message_id, content=content, ask=False)
    while (event := await client.next())["type"] not in ("ack", "error") or event.get("id") != message_id:
        client.passed.append(event)
    return event


async def test_while_graphql_is_away_the_connection_stays_and_then_goes_on(
    backend_database: str, ada: Person
) -> None:
    port = free_port()
    with ExitStack() as engines:
        await asyncio.to_thread(engines.enter_context, engine_process(backend_database, port))
        app = create_app(settings_for(backend_database, f"http://127.0.0.1:{port}/v1/graphql"))
        async with serving(app) as api:
            session, chosen = await new_session(api, ada), str(uuid4())
            async with connected(api, f"/ws/chat/{session}", ada) as client:
                await client.wait("ready")
                await asyncio.to_thread(engines.close)
                await client.send("send", id=chosen, content="away", ask=False)
                assert (await client.wait("error", id=chosen))["problem"]["status"] == 503
                await asyncio.to_thread(engines.enter_context, engine_process(backend_database, port))
                while (answer := await _answered(client, chosen, "away"))["type"] == "error":
                    assert answer["problem"]["status"] == 503, "GraphQL is left alone for a moment longer"
                    await asyncio.sleep(1)
                heard = [event for event in client.passed if event["type"] == "message"]
                event = heard[0] if heard else await client.wait("message")
    assert event["message"]["message_id"] == chosen


async def test_a_backend_that_stops_ends_its_connections_in_good_order(
    tmp_path: Path, backend_database: str, graphql_url: str, ada: Person
) -> None:
    port = free_port()
    variables = {
        "CHAT_API_PORT": port,
        "CHAT_DATABASE_URL": backend_database,
        "CHAT_GRAPHQL_URL": graphql_url,
        "HASURA_GRAPHQL_JWT_SECRET": JWT_SECRET,
    }
    with backend(tmp_path / "log", **variables) as process:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as api:
            await until_ready(api)
            session = await new_session(api, ada)
            async with (
                connected(api, f"/ws/chat/{session}", ada) as chat,
                connected(api, f"/ws/status/{session}", ada) as status,
            ):
                await chat.wait("ready")
                await status.wait("presence")
                process.send_signal(signal.SIGTERM)
                assert [(await client.end())[0] for client in (chat, status)] == [1012, 1012]
        assert await asyncio.to_thread(process.wait, 20) == 0
    log = (tmp_path / "log").read_text()
    assert '"route": "/ws/chat/{session_id}"' in log
    assert str(session) not in log
    assert ada.access_token not in log
    assert "Traceback" not in log
    assert "exception" not in log


async def test_a_connection_that_ended_leaves_nothing_for_the_collector(
    served: httpx.AsyncClient, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[weakref.ref[ws_chat.Talk]] = []
    run = ws_chat.Talk.run

    async def remembered(self: ws_chat.Talk) -> None:
        begun.append(weakref.ref(self))
        await run(self)

    monkeypatch.setattr(ws_chat.Talk, "run", remembered)
    session = await new_session(served, ada)
    gc.collect()
    gc.disable()
    try:
        async with connected(served, f"/ws/chat/{session}", ada) as client:
            await client.wait("ready")
            assert begun[0]() is not None
        async with asyncio.timeout(10):
            while begun[0]() is not None:  # noqa: ASYNC110  (nobody is told of that)
                await asyncio.sleep(0.02)
    finally:
        gc.enable()
