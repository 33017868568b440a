"""A request that asks for much keeps nobody else waiting: it is prepared beside the event loop, or refused."""

import json
import threading
from typing import Any

import pytest

from hasura.engine.document.coerce import MAX_OBJECTS
from hasura.engine.document.parse import LONGEST_TEXT
from hasura.engine.prepared import RoleSchema
from hasura.engine.serve.bodies import LARGEST_USERS_BODY
from hasura.engine.serve.http import LARGEST_BATCH
from hasura.engine.serve.ws import LARGEST_GREETING
from tests.conftest import make_user
from tests.engine.conftest import RunningEngine, bearer, user_token
from tests.engine.served import Chat, user

BOMB = "{ chat_sessions { ...f0 } } fragment f6 on chat_sessions { id } " + " ".join(
    f"fragment f{i} on chat_sessions {{ {' '.join(f'{a}: user {{ sessions {{ ...f{i + 1} }} }}' for a in 'ab')} }}"
    for i in range(6)
)
WHERE = "query($w: chat_sessions_bool_exp) { chat_sessions(where: $w) { title } }"
AMONG = "query($w: [bigint!]) { chat_sessions(where: {id: {_in: $w}}) { title } }"


def conditions(count: int) -> dict[str, Any]:
    return {"_or": [{"id": {"_eq": number}} for number in range(count)]}


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each statement that is made: whether that happened beside the event loop."""
    loops, seen = threading.current_thread(), []

    def make(schema: RoleSchema, *arguments: Any, _make: Any = RoleSchema._make) -> Any:
        seen.append(threading.current_thread() is not loops)
        return _make(schema, *arguments)

    monkeypatch.setattr(RoleSchema, "_make", make)
    return seen


@pytest.mark.parametrize(
    ("query", "variables", "large"),
    [
        ("{ chat_sessions { title } }", {}, False),
        (WHERE, {"w": conditions(5)}, False),
        ("{ " + " ".join(f"a{i}: chat_sessions {{ title }}" for i in range(200)) + " }", {}, True),
        (BOMB, {}, True),
        (WHERE, {"w": conditions(500)}, True),
        (AMONG, {"w": list(range(30_000))}, True),
    ],
)
async def test_large_requests_are_prepared_beside_the_event_loop(
    chat: Chat, threads: list[bool], query: str, variables: dict[str, Any], large: bool
) -> None:
    await chat.ask(user(chat.ada), "{ chat_sessions { id } }")
    answer = await chat.ask(user(chat.ada), query, **variables)
    assert len(next(iter(answer.values()))) == 1
    # What comes first waits for the role's schema to be made, which takes long too.
    assert threads == [True, large]
    # The second time it is known, or made as before: the answer is the same.
    assert await chat.ask(user(chat.ada), query, **variables) == answer


async def test_a_large_request_s_mistakes_are_told_as_any_other_s(chat: Chat) -> None:
    large = {"_or": [*conditions(500)["_or"], {"id": {"_eq": "x"}}]}
    assert (await chat.refusal(user(chat.ada), WHERE, w=large))[0] == "data-exception"
    nested: dict[str, Any] = {}
    for _ in range(900):
        nested = {"_not": nested}
    refusal = await chat.refusal(user(chat.ada), WHERE, w=nested)
    assert refusal == ("validation-failed", "$.query", "the query is nested too deeply")


async def test_requests_have_a_largest_size(chat: Chat) -> None:
    me = user(chat.ada)
    assert (await chat.refusal(me, WHERE, w=conditions(MAX_OBJECTS)))[2] == (
        f"the arguments hold more than {MAX_OBJECTS} objects"
    )
    assert (await chat.refusal(me, "{ chat_sessions { title } }" + " " * LONGEST_TEXT))[2] == (
        f"the query is longer than {LONGEST_TEXT} characters"
    )


async def test_bodies_and_batches_have_a_largest_size(engine: RunningEngine, database_url: str) -> None:
    token = bearer(user_token(make_user(database_url, "ada")))

    async def post(content: bytes) -> tuple[int, str]:
        answer = await engine.client.post("/v1/graphql", content=content, headers=token)
        return answer.status_code, answer.json()["errors"][0]["message"]

    assert await post(b" " * (LARGEST_USERS_BODY + 1)) == (413, "the body is larger than 4194304 bytes")
    batch = json.dumps([{"query": "{ __typename }"}] * (LARGEST_BATCH + 1)).encode()
    assert await post(batch) == (200, "a batch takes at most 1000 requests")


async def test_a_message_has_a_largest_size_for_whoever_is_no_admin(
    engine: RunningEngine, database_url: str
) -> None:
    padding = " " * LARGEST_USERS_BODY
    async with engine.socket() as socket:
        await socket.init()
        await socket.send(id="1", type="subscribe", payload={"query": "{ users { username } }", "x": padding})
        assert (await socket.receive())["payload"] == {"data": {"users": []}}
    token = bearer(user_token(make_user(database_url, "ada")))
    for largest, greeting in ((LARGEST_GREETING, None), (LARGEST_USERS_BODY, token)):
        async with engine.socket("graphql-ws") as socket:
            if greeting:
                await socket.init(greeting)
            await socket.send(type="connection_init", payload={"headers": {"x": " " * largest}})
            refusal = await socket.receive()
            assert refusal["type"] == "connection_error"
            assert str(largest) in refusal["payload"]
