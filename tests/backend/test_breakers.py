"""Circuit breakers: the rules, then GraphQL and a model that refuse, hang or drip. What counts is what reached them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing, asynccontextmanager
from uuid import uuid4

import httpx
import pytest

from backend.main import create_app
from backend.services import breakers, deadlines, llm
from backend.services.breakers import Breaker, BreakerOpen
from backend.services.hasura_client import HasuraClient, NotFound, Unauthorized, Unavailable, transport
from backend.services.tokens import Tokens
from tests.backend.conftest import Person, assert_problem, engine_process, register, serving, settings_for
from tests.backend.model_server import ANSWER, ModelServer, model_server
from tests.backend.test_chat import ask
from tests.conftest import free_port, make_user


class Fails(Exception):
    """Of the other side."""


class Clock:
    """Of the breakers."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(breakers, "time", clock)
    return clock


def new_breaker(failures: int = 3) -> Breaker:
    known = {Fails: True, ValueError: False, KeyError: None}
    return Breaker("other", failures=failures, seconds=10, judge=lambda exc: known[type(exc)])


def use(breaker: Breaker, *outcomes: BaseException | None) -> None:
    for outcome in outcomes:
        try:
            with breaker.attempt():
                if outcome is not None:
                    raise outcome
        except (Fails, ValueError, KeyError, asyncio.CancelledError):
            pass


class TestRules:
    def test_only_failures_in_a_row_open_it(self, clock: Clock) -> None:
        breaker = new_breaker()
        use(breaker, Fails(), Fails(), None, Fails(), Fails(), ValueError(), Fails(), Fails())
        assert breaker.state == "closed"
        use(breaker, KeyError(), asyncio.CancelledError())  # these say nothing
        assert breaker.state == "closed"
        use(breaker, Fails())
        assert (breaker.state, breaker.opened) == ("open", 1)
        clock.now += 6.5
        with pytest.raises(BreakerOpen) as caught:
            breaker.attempt()
        assert (caught.value.retry_after, breaker.refused) == (4, 1)

    def test_half_open_one_tries_and_everybody_else_is_refused(self, clock: Clock) -> None:
        breaker = new_breaker()
        use(breaker, *[Fails()] * 3)
        clock.now += 10
        with breaker.attempt():
            assert breaker.state == "half_open"
            for _ in range(3):
                with pytest.raises(BreakerOpen):
                    breaker.attempt()
        assert breaker.state == "closed"
        use(breaker, Fails(), Fails())
        assert breaker.state == "closed", "it begins to count anew"

    def test_a_probe_that_fails_opens_it_again_at_once(self, clock: Clock) -> None:
        breaker = new_breaker()
        use(breaker, *[Fails()] * 3)
        clock.now += 10
        use(breaker, Fails())
        assert (breaker.state, breaker.opened) == ("open", 2)
        with pytest.raises(BreakerOpen):
            breaker.attempt()

    @pytest.mark.parametrize("nothing", [KeyError(), asyncio.CancelledError()])
    def test_a_probe_that_says_nothing_leaves_its_place_to_the_next(
        self, clock: Clock, nothing: BaseException
    ) -> None:
        breaker = new_breaker()
        use(breaker, *[Fails()] * 3)
        clock.now += 10
        use(breaker, nothing)
        assert breaker.state == "open"
        use(breaker, None)
        assert breaker.state == "closed"

    def test_a_stream_that_has_begun_closes_it_and_counts_when_it_breaks(self, clock: Clock) -> None:
        breaker = new_breaker(failures=1)
        use(breaker, Fails())
        clock.now += 10
        stream = breaker.attempt()
        stream.answered()
        assert breaker.state == "closed"
        with pytest.raises(Fails), stream:
            raise Fails
        assert breaker.state == "open"

    def test_what_began_before_it_opened_says_nothing_about_afterwards(self, clock: Clock) -> None:
        breaker = new_breaker()
        early, late = breaker.attempt(), breaker.attempt()
        use(breaker, *[Fails()] * 3)
        with early:
            pass
        assert breaker.state == "open"
        clock.now += 10
        use(breaker, None, Fails(), Fails())
        with pytest.raises(Fails), late:
            raise Fails
        assert breaker.state == "closed"

    def test_whoever_sees_it_answer_closes_it(self) -> None:
        breaker = new_breaker()
        use(breaker, *[Fails()] * 3)
        breaker.close()
        use(breaker, None)
        assert breaker.state == "closed"


# GraphQL


class Counted:
    """A TCP server that never answers, and counts who came."""

    def __init__(self) -> None:
        self.connections = 0
        self.url = ""

    async def come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await reader.read()
        writer.close()


@asynccontextmanager
async def silent_server() -> AsyncIterator[Counted]:
    counted = Counted()
    server = await asyncio.start_server(counted.come, "127.0.0.1", 0)
    counted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/graphql"
    async with server:
        yield counted
        server.close()


async def test_a_graphql_that_hangs_is_left_alone_and_then_asked_by_one(clock: Clock) -> None:
    async with silent_server() as server, HasuraClient(server.url, timeout=0.2) as client:

        async def asked(times: int) -> None:
            results = await asyncio.gather(
                *(client.get_user_chat_sessions("token") for _ in range(times)), return_exceptions=True
            )
            assert all(isinstance(each, Unavailable) for each in results), results

        for _ in range(transport.FAILURES):
            await asked(1)
        reached = server.connections
        assert (reached, client.breaker.state) == (transport.FAILURES, "open")
        await asked(50)
        assert server.connections == reached
        clock.now += transport.LEFT_ALONE
        await asked(50)
        assert server.connections == reached + 1


async def test_what_users_do_wrong_does_not_open_it(hasura: HasuraClient, ada: Person) -> None:
    for _ in range(2 * transport.FAILURES):
        with pytest.raises(NotFound):
            await hasura.get_chat_session(ada.access_token, uuid4())
        with pytest.raises(Unauthorized):
            await hasura.get_chat_session("forged", uuid4())
    assert hasura.breaker.state == "closed"


async def test_who_has_less_time_than_graphql_needs_does_not_open_it() -> None:
    async with silent_server() as server, HasuraClient(server.url, timeout=30) as client:
        for _ in range(2 * transport.FAILURES):
            with pytest.raises(deadlines.DeadlineExceeded):
                async with deadlines.within(0.05):
                    await client.get_user_chat_sessions("token")
        assert client.breaker.state == "closed"
        assert server.connections == 2 * transport.FAILURES


async def test_an_engine_that_is_stopped_and_goes_on_is_used_again_at_once(
    backend_database: str, tokens: Tokens
) -> None:
    """What is live notices first: who asks then is not refused for the time that it was away."""
    token = tokens.access(make_user(backend_database, f"b-{uuid4().hex[:12]}"), "user")
    port = free_port()
    with ExitStack() as engines:
        engine = await asyncio.to_thread(engines.enter_context, engine_process(backend_database, port))
        async with HasuraClient(f"http://127.0.0.1:{port}/v1/graphql", timeout=1) as client:
            await client.get_user_chat_sessions(token)
            os.kill(engine.pid, signal.SIGSTOP)
            try:
                while client.breaker.state == "closed":
                    with pytest.raises(Unavailable):
                        await client.get_user_chat_sessions(token)
            finally:
                os.kill(engine.pid, signal.SIGCONT)
            async with asyncio.timeout(30), aclosing(client.watch_sessions(token)) as states:
                await anext(states)
            assert client.breaker.state == "closed"
            await client.get_user_chat_sessions(token)


# The model


@asynccontextmanager
async def asking(
    backend_database: str, graphql_url: str, model: ModelServer
) -> AsyncIterator[tuple[httpx.AsyncClient, Person, str]]:
    settings = settings_for(
        backend_database,
        graphql_url,
        llm_base_url=model.base_url,
        llm_model="tiny",
        llm_first_token_timeout=0.5,
        llm_token_timeout=0.5,
        messages_per_minute=10_000,
    )
    async with serving(create_app(settings)) as api:
        ada = await register(api)
        made = await api.post("/api/chat/sessions", json={}, headers=ada.headers)
        yield api, ada, made.json()["session_id"]


async def readiness(api: httpx.AsyncClient) -> dict[str, object]:
    answer = await api.get("/readyz")
    assert answer.status_code == 200, "the API itself is ready"
    body: dict[str, object] = answer.json()
    return body


@pytest.mark.parametrize("failing", ["#hang", "#500", "#drip"])
async def test_a_model_that_fails_is_left_alone_and_its_answers_can_be_had_later(
    backend_database: str, graphql_url: str, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    monkeypatch.setattr(llm, "LEFT_ALONE", 600.0)
    async with model_server() as model, asking(backend_database, graphql_url, model) as (api, ada, session):
        for _ in range(llm.FAILURES):
            assert (await ask(api, ada, session, failing))[-1][0] == "error"
        reached, chosen = len(model.requests), uuid4()
        name, problem = (await ask(api, ada, session, "Are you there?", chosen))[-1]
        assert (name, problem["kind"], problem["status"]) == ("error", "left_alone", 503)
        assert 0 < problem["retry_after"] <= 600
        assert len(model.requests) == reached
        state = await readiness(api)
        assert (state["status"], state["breakers"]) == ("degraded", {"graphql": "closed", "model": "open"})
        numbers = (await api.get("/metrics")).text
        assert 'chat_breaker_state{breaker="model",state="open"} 1.0' in numbers
        assert 'chat_breaker_opened_total{breaker="model"} 1.0' in numbers
        # Its time is over.
        monkeypatch.setattr(breakers.time, "monotonic", lambda real=breakers.time.monotonic: real() + 1000)
        name, done = (await ask(api, ada, session, "Are you there?", chosen))[-1]
        assert (name, done["content"]) == ("done", "".join(ANSWER))
        assert (await readiness(api))["status"] == "ready"


async def test_a_model_that_cannot_be_reached_is_left_alone(backend_database: str, graphql_url: str) -> None:
    model = ModelServer()
    model.base_url = f"http://127.0.0.1:{free_port()}/v1"
    async with asking(backend_database, graphql_url, model) as (api, ada, session):
        kinds = [(await ask(api, ada, session, "Hello"))[-1][1]["kind"] for _ in range(llm.FAILURES + 1)]
    assert {*kinds[:-1]} <= {"unreachable", "timeout"}, "the latter while it tries once more"
    assert kinds[-1] == "left_alone"


@pytest.mark.parametrize("refusal", ["#429", "#400", "#401", "#empty"])
async def test_what_a_model_says_of_one_request_does_not_close_it_to_all(
    backend_database: str, graphql_url: str, refusal: str
) -> None:
    async with model_server() as model, asking(backend_database, graphql_url, model) as (api, ada, session):
        times = llm.FAILURES + 1
        for _ in range(times):
            assert (await ask(api, ada, session, refusal))[-1][0] == "error"
        assert len(model.requests) >= times
        assert (await ask(api, ada, session, "Are you there?"))[-1][0] == "done"


async def test_graphql_away_is_said_with_the_state_of_its_breaker(
    accounts_api: httpx.AsyncClient, ada: Person
) -> None:
    for _ in range(3):
        answer = await accounts_api.get(f"/api/chat/sessions/user/{ada.id}", headers=ada.headers)
        assert_problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
    answer = await accounts_api.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["breakers"]["graphql"] in ("open", "half_open"), "others may be trying it"
