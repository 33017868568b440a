"""Answers over the WebSocket API: each word once, at whichever process one listens, with and without Redis."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from backend.main import create_app
from backend.services.hasura_client import HasuraClient
from tests.backend.conftest import ROOT, Person, serving, settings_for
from tests.backend.model_server import ANSWER, ModelServer, model_server
from tests.backend.sockets import Client, connected, new_session

WHOLE = "".join(ANSWER)


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with model_server() as running:
        yield running


@pytest.fixture(params=["postgres", "redis"])
async def two(
    request: pytest.FixtureRequest, backend_database: str, graphql_url: str, model: ModelServer
) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Two apps that share the database, the bus and the model."""
    settings = settings_for(
        backend_database,
        graphql_url,
        redis_url=request.getfixturevalue("redis_server").url if request.param == "redis" else None,
        llm_base_url=model.base_url,
        llm_model="tiny",
    )
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving(create_app(settings))) for _ in range(2)]


class Listener:
    """Puts an answer together as docs/websocket.md says; across connections."""

    def __init__(self) -> None:
        self.cursor: str | None = None
        self.answer_id = ""
        self.run = ""
        self.text = ""
        self.offsets: list[int] = []
        self.last: dict[str, Any] = {}

    @property
    def path(self) -> str:
        known = {
            "cursor": self.cursor,
            "answer": self.run and f"{self.answer_id}:{self.run}:{len(self.text)}",
        }
        return "&".join(f"{name}={value}" for name, value in known.items() if value)

    async def hear(self, client: Client, until: str) -> None:
        """Until the answer has this status, or its text ends in this."""
        while True:
            event = await client.next()
            self.cursor = event.get("cursor") or self.cursor
            match event:
                case {"type": "message", "message": {"role": "assistant"} as message}:
                    self.answer_id, self.last = message["message_id"], message
                    if message["status"] == until:
                        return
                case {"type": "turn"}:
                    assert event["offset"] <= len(self.text)
                    self.run, self.text = event["run"], self.text[: event["offset"]]
                    self.offsets.append(event["offset"])
                case {"type": "delta"}:
                    self.text += event["text"]
                    assert len(self.text) == event["offset"], "no gap, no repeat"
                    if self.text.endswith(until):
                        return


async def test_every_connection_hears_the_answer_word_for_word(
    two: list[httpx.AsyncClient], ada: Person
) -> None:
    session = await new_session(two[0], ada)
    path = f"/ws/chat/{session}"
    async with connected(two[0], path, ada) as asks, connected(two[1], path, ada) as listens:
        await listens.wait("ready")
        await asks.send("send", id=uuid4(), content="#slow one")
        heard = [Listener(), Listener()]
        await asyncio.gather(heard[0].hear(asks, "complete"), heard[1].hear(listens, "complete"))
    for listener in heard:
        assert listener.last["content"] == WHOLE
        assert WHOLE.startswith(listener.text)
        assert listener.text


async def test_who_comes_back_at_another_process_goes_on_within_the_answer(
    two: list[httpx.AsyncClient], ada: Person
) -> None:
    session = await new_session(two[0], ada)
    path = f"/ws/chat/{session}"
    listener = Listener()
    async with connected(two[0], path, ada) as first:
        await first.send("send", id=uuid4(), content="#stall here")
        await listener.hear(first, "Half an ")
    async with connected(two[1], f"{path}?{listener.path}", ada) as second:
        await second.wait("turn", offset=len("Half an "))
        await second.send("stop", message_id=listener.answer_id)
        await listener.hear(second, "stopped")
    assert (listener.text, listener.last["content"]) == ("Half an ", "Half an ")


async def test_a_continued_answer_goes_on_behind_its_text(
    two: list[httpx.AsyncClient], ada: Person, model: ModelServer
) -> None:
    session = await new_session(two[0], ada)
    listener = Listener()
    async with connected(two[0], f"/ws/chat/{session}", ada) as client:
        await client.send("send", id=uuid4(), content="#stall here")
        await listener.hear(client, "Half an ")
        await client.send("stop", message_id=listener.answer_id)
        await listener.hear(client, "stopped")
        model.always = "anything"
        going_on = asyncio.create_task(
            two[1].post(
                f"/api/chat/{listener.answer_id}/continue",
                headers=ada.headers | {"Accept": "application/json"},
            )
        )
        await listener.hear(client, "complete")
        assert (await going_on).status_code == 200
    assert listener.last["content"].startswith("Half an ")
    assert set(listener.offsets) <= {0, len("Half an ")}, "the kept text was not sent again"


@pytest.mark.parametrize("query", ["answer=x", "answer=1:2:3", f"answer={UUID(int=1)}:run:-1"])
async def test_a_malformed_place_in_an_answer_is_refused(
    backend_database: str, graphql_url: str, ada: Person, query: str
) -> None:
    async with serving(create_app(settings_for(backend_database, graphql_url))) as api:
        session = await new_session(api, ada)
        async with connected(api, f"/ws/chat/{session}?{query}", ada) as client:
            assert (await client.end())[0] == 4422


async def test_a_cleared_conversation_ends_the_answer_for_its_listeners(
    two: list[httpx.AsyncClient], ada: Person, hasura: HasuraClient
) -> None:
    session = await new_session(two[0], ada)
    listener = Listener()
    async with connected(two[1], f"/ws/chat/{session}", ada) as client:
        await client.send("send", id=uuid4(), content="#stall here")
        await listener.hear(client, "Half an ")
        await hasura.clear_chat_messages(ada.access_token, session)
        assert listener.answer_id in (await client.wait("removed"))["message_ids"]
        await client.send("ping", id=1)
        await client.wait("pong", id=1)


async def test_a_stranger_stops_and_hears_nothing(
    two: list[httpx.AsyncClient], ada: Person, bob: Person
) -> None:
    hers, his = await new_session(two[0], ada), await new_session(two[1], bob)
    question, listener = str(uuid4()), Listener()
    async with (
        connected(two[0], f"/ws/chat/{hers}", ada) as owner,
        connected(two[1], f"/ws/chat/{his}", bob) as stranger,
    ):
        await stranger.wait("ready")
        await owner.send("send", id=question, content="#stall here")
        await listener.hear(owner, "Half an ")
        await stranger.send("stop", message_id=listener.answer_id)
        assert (await stranger.wait("error"))["problem"]["status"] == 404
        await stranger.send("send", id=question, content="#stall here")
        refused = await stranger.wait("error", id=question)
        assert (refused["problem"]["status"], "stored" in refused["problem"]) == (409, False)
        await stranger.send("ping", id=1)
        await stranger.wait("pong", id=1)
        assert stranger.passed == []
        await owner.send("stop", message_id=listener.answer_id)
        await listener.hear(owner, "stopped")


async def test_the_example_of_the_docs_runs_and_survives_a_lost_connection(
    two: list[httpx.AsyncClient], ada: Person, hasura: HasuraClient
) -> None:
    session = await new_session(two[0], ada)
    async with cut_once(two[0], after=b'"type":"delta"') as server:
        running = await asyncio.create_subprocess_exec(
            *[sys.executable, "docs/examples/websocket_client.py", server, str(session), "#slow one"],
            cwd=ROOT,
            env={"CHAT_TOKEN": ada.access_token, "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        async with asyncio.timeout(30):
            out, err = await running.communicate()
    assert running.returncode == 0, err.decode()
    assert re.sub(r"\s+", " ", out.decode()) == f"{WHOLE} (complete) "
    stored = (await hasura.get_chat_messages(ada.access_token, session)).items
    assert [message.role for message in stored] == ["user", "assistant"]


@asynccontextmanager
async def cut_once(api: httpx.AsyncClient, after: bytes) -> AsyncIterator[str]:
    """An address before the server, whose first connection breaks once these bytes have come from it."""
    cuts = 0

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, end: bytes | None) -> None:
        nonlocal cuts
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
                if end is not None and end in data and not cuts:
                    cuts += 1
                    break
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(api.base_url.host, api.base_url.port)
        there = asyncio.create_task(pass_on(reader, there_writer, None))
        await pass_on(there_reader, writer, after)
        there.cancel()
        there_writer.close()

    proxy = await asyncio.start_server(connect, "127.0.0.1", 0)
    async with proxy:
        yield f"ws://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    assert cuts == 1
