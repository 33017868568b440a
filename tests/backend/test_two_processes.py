"""Two real backend processes on one database, over either bus: every turn is the same from both."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from backend.services.hasura_client import ChatMessage, HasuraClient
from backend.services.replies import answer_id
from tests.backend import model_server as scripts
from tests.backend.conftest import JWT_SECRET, ROOT, Person, assert_problem
from tests.backend.model_server import ANSWER, ModelServer, Script, model_server
from tests.backend.sse import Reader, longer_than
from tests.conftest import RedisServer, free_port

WHOLE = "".join(ANSWER)
JSON = {"Accept": "application/json"}
PER_USER = 4


@dataclass
class Process:
    api: httpx.AsyncClient
    popen: subprocess.Popen[bytes]

    def kill(self) -> None:
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()


class Backends:
    """Starts backend processes that share a database, a GraphQL engine, a model and a bus."""

    def __init__(self, database_url: str, graphql_url: str, model_url: str, redis_url: str | None) -> None:
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("HASURA_", "CHAT_"))
        } | {
            "CHAT_DATABASE_URL": database_url,
            "CHAT_GRAPHQL_URL": graphql_url,
            "CHAT_LLM_BASE_URL": model_url,
            "CHAT_LLM_MODEL": "tiny",
            "CHAT_LOG_LEVEL": "warning",
            "CHAT_MESSAGES_PER_MINUTE": "10000",
            "CHAT_REPLIES_PER_USER": str(PER_USER),
            "HASURA_GRAPHQL_JWT_SECRET": JWT_SECRET,
        }
        if redis_url is not None:
            self._environment["CHAT_REDIS_URL"] = redis_url
        self._running: list[Process] = []

    async def start(self) -> Process:
        port = free_port()
        popen = subprocess.Popen(  # noqa: ASYNC220  (a test's own, at its start)
            [sys.executable, "-m", "backend"], cwd=ROOT, env=self._environment | {"CHAT_API_PORT": str(port)}
        )
        process = Process(httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60), popen)
        self._running.append(process)
        async with asyncio.timeout(60):
            while True:
                try:
                    if (await process.api.get("/readyz")).status_code == 200:
                        return process
                except httpx.TransportError:
                    assert popen.poll() is None, "the backend ended before it was ready"
                await asyncio.sleep(0.1)

    async def aclose(self) -> None:
        for process in self._running:
            process.popen.terminate()
        for process in self._running:
            await process.api.aclose()
            try:
                await asyncio.to_thread(process.popen.wait, 15)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="module", params=["postgres", "redis"])
def bus_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Where the processes speak to each other: None is LISTEN and NOTIFY."""
    if request.param == "postgres":
        yield None
        return
    server: RedisServer = request.getfixturevalue("shared_redis_server")
    yield server.url


@pytest.fixture(scope="module")
async def model() -> AsyncIterator[ModelServer]:
    async with model_server() as server:
        yield server


@pytest.fixture(scope="module")
async def backends(
    backend_database: str, graphql_url: str, model: ModelServer, bus_url: str | None
) -> AsyncIterator[Backends]:
    made = Backends(backend_database, graphql_url, model.base_url, bus_url)
    try:
        yield made
    finally:
        await made.aclose()


@pytest.fixture(scope="module")
async def pair(backends: Backends) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
    first, second = await asyncio.gather(backends.start(), backends.start())
    return first.api, second.api


@pytest.fixture
async def session(hasura: HasuraClient, ada: Person) -> UUID:
    return (await hasura.create_chat_session(ada.access_token)).session_id


async def stored(hasura: HasuraClient, who: Person, question: UUID) -> ChatMessage:
    message = await hasura.get_chat_message(who.access_token, answer_id(question))
    assert message is not None
    return message


def difficult(seed: int, pieces: int, pause: float) -> tuple[Script, str]:
    """An answer of every kind of character, cut anywhere, also within a surrogate pair; and what is kept of it."""
    dice = random.Random(seed)  # noqa: S311
    kinds = [
        lambda: chr(dice.randrange(0x20, 0x7F)),
        lambda: chr(dice.randrange(0xA0, 0x800)),
        lambda: chr(dice.randrange(0x4E00, 0x9FFF)),
        lambda: chr(dice.randrange(0x1F300, 0x1F6FF)),
        lambda: dice.choice(
            ["\x00", "\x01", "\u0301", "\u200d", "\ufeff", "\r\n", "\t", '"', "\\", "\x7f", "\u2028"]
        ),
        lambda: chr(dice.randrange(0xD800, 0xE000)),  # half a pair
    ]
    units = "".join(dice.choice(kinds)() for _ in range(pieces * 8)).encode("utf-16-le", "surrogatepass")
    script: Script = []
    while units:
        length = 2 * dice.randrange(1, 16)
        script += [units[:length].decode("utf-16-le", "surrogatepass"), pause]
        units = units[length:]
    # What a JSON parser makes of each piece, then all of them together, without NUL.
    whole = "".join(step for step in script if isinstance(step, str)).replace("\x00", "")
    return script, whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


async def test_a_reader_that_changes_the_process_again_and_again_has_every_character_once(
    pair: tuple[httpx.AsyncClient, httpx.AsyncClient],
    hasura: HasuraClient,
    ada: Person,
    session: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script, expected = difficult(seed=4, pieces=300, pause=0.01)
    monkeypatch.setitem(scripts.STREAMS, "#difficult", script)
    question, reader = uuid4(), Reader(ada)
    await reader.read(pair[0], longer_than(0), session_id=session, content="#difficult", message_id=question)
    elsewhere = [Reader(ada) for _ in range(3)]
    following = [asyncio.create_task(other.resume(pair[1], question)) for other in elsewhere]
    for change in range(1, 9):
        await reader.resume(pair[change % 2], question, longer_than(len(reader.text) + 100))
    await reader.resume(pair[1], question)
    await asyncio.gather(*following)
    saved = await stored(hasura, ada, question)
    assert saved.status == "complete"
    assert saved.content == expected
    for each in (reader, *elsewhere):
        assert each.text == expected
        assert each.cuts == []
        assert each.last.data == saved.model_dump(mode="json")
        assert sum(len(event.data["text"]) for event in each.events if event.name == "delta") == len(expected)
    heard = [event for event in elsewhere[0].events if event.name == "delta"]
    assert len(heard) > 10, "word by word over the bus, not by looks at the row"


async def test_a_stop_reaches_the_process_that_writes(
    pair: tuple[httpx.AsyncClient, httpx.AsyncClient], hasura: HasuraClient, ada: Person, session: UUID
) -> None:
    question, here, there = uuid4(), Reader(ada), Reader(ada)
    await here.read(pair[0], longer_than(4), session_id=session, content="#stall", message_id=question)
    reading = [
        asyncio.create_task(reader.resume(api, question))
        for reader, api in zip((here, there), pair, strict=True)
    ]
    stopped = await pair[1].post(f"/api/chat/{question}/stop", headers=ada.headers)
    assert stopped.status_code == 200
    answer = stopped.json()
    assert (answer["status"], answer["content"]) == ("stopped", "Half an ")
    assert answer["metadata"]["duration_ms"] > 0, "ended by its writer, not over its head"
    await asyncio.gather(*reading)
    assert here.last.data == there.last.data == answer
    assert (await stored(hasura, ada, question)).model_dump(mode="json") == answer
    assert (await pair[0].post(f"/api/chat/{question}/stop", headers=ada.headers)).json() == answer


async def test_fifty_sends_of_one_message_at_once_over_both_are_one_turn(
    pair: tuple[httpx.AsyncClient, httpx.AsyncClient],
    hasura: HasuraClient,
    ada: Person,
    session: UUID,
    model: ModelServer,
) -> None:
    body = {"session_id": str(session), "content": f"#slow {uuid4()}", "message_id": str(uuid4())}
    before = len(model.requests)
    sends = [pair[n % 2].post("/api/chat", json=body, headers=ada.headers | JSON) for n in range(50)]
    answers = await asyncio.gather(*sends)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert len(model.requests) == before + 1
    rows = (await hasura.get_chat_messages(ada.access_token, session)).items
    assert [(row.role, row.status) for row in rows] == [("user", "complete"), ("assistant", "complete")]


async def test_the_limit_of_answers_under_way_is_exact_over_both(
    pair: tuple[httpx.AsyncClient, httpx.AsyncClient], hasura: HasuraClient, ada: Person, session: UUID
) -> None:
    questions = [uuid4() for _ in range(5 * PER_USER)]

    async def ask(number: int, question: UUID) -> int:
        body = {"session_id": str(session), "content": "#stall", "message_id": str(question)}
        api = pair[number % 2]
        async with api.stream("POST", "/api/chat", json=body, headers=ada.headers) as answer:
            return answer.status_code

    answers = await asyncio.gather(*(ask(*each) for each in enumerate(questions)))
    assert sorted(answers) == [200] * PER_USER + [429] * (4 * PER_USER)
    rows = (await hasura.get_chat_messages(ada.access_token, session)).items
    assert sum(row.status == "streaming" for row in rows) == PER_USER
    assert len(rows) == 2 * PER_USER, "nothing is stored of what was refused"
    for question, status in zip(questions, answers, strict=True):
        if status == 200:
            await pair[0].post(f"/api/chat/{question}/stop", headers=ada.headers)
    rows = (await hasura.get_chat_messages(ada.access_token, session)).items
    assert not any(row.status == "streaming" for row in rows)


async def test_one_id_for_two_texts_over_both_is_one_message_and_a_conflict_that_shows_it(
    pair: tuple[httpx.AsyncClient, httpx.AsyncClient], ada: Person, session: UUID
) -> None:
    question = str(uuid4())
    bodies: list[dict[str, Any]] = [
        {"session_id": str(session), "content": f"text {n}", "message_id": question} for n in range(10)
    ]
    answers = await asyncio.gather(
        *(
            pair[n % 2].post("/api/chat", json=body, headers=ada.headers | JSON)
            for n, body in enumerate(bodies)
        )
    )
    (kept,) = [n for n, answer in enumerate(answers) if answer.status_code == 200]
    for answer in (answer for n, answer in enumerate(answers) if n != kept):
        assert assert_problem(answer, 409, "conflict")["stored"]["content"] == f"text {kept}"


async def test_a_killed_writer_s_answer_ends_on_the_other_with_its_text_and_can_go_on(
    backends: Backends,
    pair: tuple[httpx.AsyncClient, httpx.AsyncClient],
    hasura: HasuraClient,
    ada: Person,
    session: UUID,
    model: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(
        scripts.STREAMS, "#steady", ["word "] * 3 + [step for _ in range(3000) for step in ("word ", 0.05)]
    )
    doomed, other = await backends.start(), pair[1]
    question, writer_s, reader = uuid4(), Reader(ada), Reader(ada)
    asking = asyncio.create_task(
        writer_s.ask(doomed.api, session_id=session, content="#steady", message_id=question)
    )
    async with asyncio.timeout(30):
        while not writer_s.text:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    reading = asyncio.create_task(reader.resume(other, question))
    async with asyncio.timeout(30):
        while not (await stored(hasura, ada, question)).content:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)  # more than was saved
    doomed.kill()
    with pytest.raises(httpx.TransportError):
        await asking
    async with asyncio.timeout(30):
        await reading
    assert (reader.last.name, reader.last.data["kind"]) == ("error", "interrupted")
    failed = await stored(hasura, ada, question)
    assert failed.status == "failed"
    assert failed.content, "what had been saved is kept"
    assert reader.text == failed.content, "whoever had heard more was told"

    # A reader of the dead process goes on at the other: what it has of it that was not kept is cut.
    await writer_s.resume(other, question)
    assert (writer_s.text, writer_s.last.name) == (failed.content, "error")

    model.always = "plain"
    try:
        await reader.post(other, f"/api/chat/{question}/continue")
        assert (reader.last.name, reader.text) == ("done", failed.content + WHOLE)
        again = Reader(ada)
        await again.post(other, f"/api/chat/{question}/regenerate")
        assert (again.last.name, again.text) == ("done", WHOLE)
    finally:
        model.always = None
    rows = (await hasura.get_chat_messages(ada.access_token, session)).items
    assert [(row.role, row.status) for row in rows] == [("user", "complete"), ("assistant", "complete")]
    assert len(rows[1].versions or []) == 2
