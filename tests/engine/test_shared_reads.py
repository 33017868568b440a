"""Requests of one shape that are under way together share a statement, and nothing else."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from hasura.engine.errors import DatabaseUnavailable, EngineError
from hasura.engine.execute import shared_read
from hasura.engine.pipeline import GraphQLRequest, answer
from hasura.engine.session import Session
from tests.engine.served import ADMIN, Chat, user

MINE = "query($n: Int!) { chat_messages(order_by: {id: asc}, limit: $n) { user_id content } }"
BY_ID = "query($id: uuid!) { chat_sessions(where: {session_id: {_eq: $id}}) { title } }"


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The text of every statement that is run, as it is run."""
    seen: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def watched(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        seen.append(query if isinstance(query, str) else str(query))
        return await execute(self, query, *arguments, **options)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", watched)
    return seen


async def test_a_lone_request_goes_at_once_and_alone(chat: Chat, statements: list[str]) -> None:
    await chat.ask(user(chat.ada), MINE, n=5)
    (statement,) = [s for s in statements if "chat_messages" in s]
    assert "_subs" not in statement


async def test_many_at_once_take_a_few_statements_and_everybody_gets_own_rows(
    chat: Chat, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_read, "_PATIENCE", 60)  # a busy machine makes a quick read a slow one
    people = [chat.ada, chat.bob, uuid4()] * 40
    answers = await asyncio.gather(
        *(chat.ask(user(person), MINE, n=1 + place % 3) for place, person in enumerate(people))
    )
    for place, (person, found) in enumerate(zip(people, answers, strict=True)):
        expected = [] if person not in {chat.ada, chat.bob} else [str(person)] * min(1 + place % 3, 2)
        assert [message["user_id"] for message in found["chat_messages"]] == expected
    assert len([s for s in statements if "chat_messages" in s]) < len(people) / 2


async def test_one_request_s_bad_value_is_nobody_else_s_problem(chat: Chat) -> None:
    good = str(chat.sessions[chat.ada])
    ids = [good if place % 5 else "no uuid" for place in range(40)]
    found = await asyncio.gather(
        *(chat.ask(user(chat.ada), BY_ID, id=i) for i in ids), return_exceptions=True
    )
    for given, result in zip(ids, found, strict=True):
        if given == good:
            assert result == {"chat_sessions": [{"title": f"secret of {chat.ada}"}]}
        else:
            assert isinstance(result, EngineError)
            assert result.graphql()["extensions"]["code"] == "data-exception"


async def test_a_missing_session_variable_fails_its_own_request_only(chat: Chat) -> None:
    sessions = [user(chat.ada), Session("user")] * 10
    found = await asyncio.gather(*(chat.ask(s, MINE, n=5) for s in sessions), return_exceptions=True)
    assert [isinstance(result, EngineError) for result in found] == [False, True] * 10


async def test_a_caller_that_gives_up_leaves_the_others_alone(chat: Chat) -> None:
    tasks = [asyncio.create_task(chat.ask(user(chat.ada), MINE, n=5)) for _ in range(30)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in found[::3])
    assert all(len(result["chat_messages"]) == 2 for result in found[1::3])
    assert len((await chat.ask(user(chat.ada), MINE, n=5))["chat_messages"]) == 2


@contextmanager
def locked_messages(chat: Chat) -> Iterator[None]:
    """Reads of messages wait meanwhile."""
    with psycopg.connect(chat.pool.conninfo) as other:
        other.execute("LOCK TABLE chat_messages IN ACCESS EXCLUSIVE MODE")
        yield


async def statements_that_wait(chat: Chat, expected: int) -> None:
    """Returns when so many statements wait for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(20):
        while await chat.fetch(query) != [(expected,)]:  # noqa: ASYNC110 - it is PostgreSQL's state
            await asyncio.sleep(0.01)


async def test_when_every_caller_of_a_statement_gives_up_it_is_cancelled(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_read, "_PATIENCE", 60)  # two statements, and no more
    with locked_messages(chat):
        tasks = [asyncio.create_task(chat.ask(user(chat.ada), MINE, n=5)) for _ in range(4)]
        await statements_that_wait(chat, 2)
        for task in tasks:
            task.cancel()
        await statements_that_wait(chat, 0)
    assert len((await chat.ask(user(chat.ada), MINE, n=5))["chat_messages"]) == 2


async def test_a_statement_that_takes_long_is_not_waited_for(chat: Chat) -> None:
    with locked_messages(chat):
        tasks = []
        for count in range(1, 6):
            tasks.append(asyncio.create_task(chat.ask(user(chat.ada), MINE, n=5)))
            await statements_that_wait(chat, count)
    assert all(len(found["chat_messages"]) == 2 for found in await asyncio.gather(*tasks))


async def test_very_many_callers_that_give_up_do_not_strand_the_rest(chat: Chat) -> None:
    tasks = [asyncio.create_task(chat.ask(user(chat.ada), MINE, n=5)) for _ in range(310)]
    await asyncio.sleep(0)
    for task in tasks[:300]:
        task.cancel()
    async with asyncio.timeout(20):
        found = await asyncio.gather(*tasks[300:])
    assert all(len(result["chat_messages"]) == 2 for result in found)


async def test_a_text_that_is_no_unicode_fails_its_own_request_only(chat: Chat) -> None:
    """A claim of a token may hold anything that JSON can spell, half a character too."""
    sessions = [user(chat.ada), user("\ud800"), user("\0")] * 10
    found = await asyncio.gather(*(chat.ask(s, MINE, n=5) for s in sessions), return_exceptions=True)
    assert [isinstance(result, EngineError) for result in found] == [False, True, True] * 10


async def test_a_write_that_was_answered_is_seen_by_every_later_read(chat: Chat) -> None:
    """A read waits for a run that starts after it was asked for, never for one that is under way."""
    insert = """mutation($s: uuid!, $c: String!) {
        insert_chat_messages_one(object: {session_id: $s, content: $c}) { id } }"""
    query = "query($c: String!) { chat_messages(where: {content: {_eq: $c}}) { content } }"

    async def write_and_read(text: str) -> None:
        await chat.ask(user(chat.ada), insert, s=str(chat.sessions[chat.ada]), c=text)
        found = await chat.ask(user(chat.ada), query, c=text)
        assert found["chat_messages"] == [{"content": text}]

    await asyncio.gather(*(write_and_read(f"message {place}") for place in range(60)))


async def test_when_the_database_goes_everybody_is_told(chat: Chat) -> None:
    await chat.ask(ADMIN, MINE, n=1)
    request = GraphQLRequest(MINE, None, {"n": 1})
    calls = [
        asyncio.create_task(answer(chat.snapshot, {"default": chat.pool}, ADMIN, request)) for _ in range(20)
    ]
    await asyncio.sleep(0)
    await chat.pool.close()
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, bytes | DatabaseUnavailable) for result in found)
    with pytest.raises(DatabaseUnavailable):
        await answer(chat.snapshot, {"default": chat.pool}, ADMIN, request)
