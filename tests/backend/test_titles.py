"""A session gets its name after its first answer, unless somebody gave it one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import example, given
from hypothesis import strategies as st

from backend.services import titles
from backend.services.hasura_client import HasuraClient
from backend.services.titles import LONGEST, title_of
from tests.backend.conftest import Person, running, serving, settings_for
from tests.backend.model_server import ModelServer
from tests.backend.test_chat import app, ask, model, session, with_model
from tests.backend.test_hasura_client import _until

__all__ = ["app", "model", "session"]


@pytest.fixture
async def chat(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(app) as client:
        yield client


async def named(hasura: HasuraClient, who: Person, session: UUID, title: str) -> None:
    """Returns once the session has that title."""
    async with aclosing(hasura.watch_sessions(who.access_token)) as states:
        await _until(states, lambda state: any(s.session_id == session and s.title == title for s in state))


async def all_done() -> None:
    """Every title that is being looked for has been found, or given up."""
    tasks = [task for task in asyncio.all_tasks() if task.get_name().startswith("title-")]
    await asyncio.gather(*tasks)


async def test_the_model_names_a_session_after_its_first_answer_and_once(
    chat: httpx.AsyncClient, hasura: HasuraClient, ada: Person, session: UUID, model: ModelServer
) -> None:
    model.title = ["<think>Hm.</think>", '**"Keyset', ' cursors"**\n', "Anything else?"]
    assert (await ask(chat, ada, session, "What is a cursor?"))[-1][0] == "done"
    await named(hasura, ada, session, "Keyset cursors")
    assert (await hasura.get_chat_session(ada.access_token, session)).auto_title
    (request,) = model.titles
    assert "What is a cursor?" in request["messages"][1]["content"]
    assert "Keyset cursors are stable." in request["messages"][1]["content"]
    model.title = ["Another"]
    await ask(chat, ada, session, "And a page?")
    await all_done()
    assert len(model.titles) == 1


async def test_a_name_that_somebody_gave_stays_even_when_it_comes_meanwhile(
    chat: httpx.AsyncClient, hasura: HasuraClient, ada: Person, session: UUID, model: ModelServer
) -> None:
    model.title = ["Cursors", 0.5]
    await ask(chat, ada, session, "What is a cursor?")
    await model.title_wanted.wait()
    await hasura.update_chat_session(ada.access_token, session, title="Mine")
    await all_done()
    assert (await hasura.get_chat_session(ada.access_token, session)).title == "Mine"
    mine = (await hasura.create_chat_session(ada.access_token, title="Mine, too")).session_id
    await ask(chat, ada, mine, "What is a cursor?")
    await all_done()
    assert len(model.titles) == 1


async def test_a_failed_answer_names_nothing_and_the_first_good_one_does(
    chat: httpx.AsyncClient, hasura: HasuraClient, ada: Person, session: UUID, model: ModelServer
) -> None:
    model.title = ["Cursors"]
    await ask(chat, ada, session, "#500")
    await all_done()
    assert model.titles == []
    await ask(chat, ada, session, "What is a cursor?")
    await named(hasura, ada, session, "Cursors")


@pytest.mark.parametrize("title", [None, [], ["..."], ["Half", ConnectionError("cut")], [b"data: {\n\n"]])
async def test_a_title_that_cannot_be_had_changes_nothing(
    chat: httpx.AsyncClient, hasura: HasuraClient, ada: Person, session: UUID, model: ModelServer, title: list
) -> None:
    model.title = title
    assert (await ask(chat, ada, session, "What is a cursor?"))[-1][0] == "done"
    await all_done()
    assert len(model.titles) == 1
    assert (await hasura.get_chat_session(ada.access_token, session)).title == "New chat"


async def test_a_model_that_thinks_for_too_long_is_not_waited_for(
    chat: httpx.AsyncClient,
    hasura: HasuraClient,
    ada: Person,
    session: UUID,
    model: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(titles, "WITHIN", 0.1)
    model.title = [3600.0]
    await ask(chat, ada, session, "What is a cursor?")
    await all_done()
    assert (await hasura.get_chat_session(ada.access_token, session)).title == "New chat"


async def test_a_process_that_ends_waits_for_no_title(
    app: FastAPI, ada: Person, session: UUID, model: ModelServer
) -> None:
    model.title = [3600.0]
    async with running(app) as api:
        await ask(api, ada, session, "What is a cursor?")
        await model.title_wanted.wait()
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("title-")]


async def test_it_can_be_switched_off(
    backend_database: str, graphql_url: str, ada: Person, session: UUID, model: ModelServer
) -> None:
    model.title = ["Cursors"]
    app = with_model(backend_database, graphql_url, model.base_url, auto_titles=False)
    async with running(app) as api:
        await ask(api, ada, session, "What is a cursor?")
        await all_done()
    assert model.titles == []


async def test_offline_the_questions_text_names_the_session(
    api: httpx.AsyncClient, hasura: HasuraClient, ada: Person, session: UUID
) -> None:
    await ask(api, ada, session, "## What is a *cursor*?\n\nI mean in a database.")
    await named(hasura, ada, session, "What is a *cursor*?")


async def test_the_session_tells_the_model_how_to_answer(
    chat: httpx.AsyncClient, hasura: HasuraClient, ada: Person, session: UUID, model: ModelServer
) -> None:
    await ask(chat, ada, session, "plain")
    await hasura.update_chat_session(
        ada.access_token, session, system_prompt="Answer like a pirate.", temperature=0.25
    )
    await ask(chat, ada, session, "told")
    plain, told = model.requests
    assert "temperature" not in plain
    assert told["temperature"] == 0.25
    general = settings_for("postgresql://", "http://127.0.0.1:1/").llm_system_prompt
    assert plain["messages"][0] == {"role": "system", "content": general}
    assert told["messages"][0] == {"role": "system", "content": f"{general}\n\nAnswer like a pirate."}
    assert [m["role"] for m in told["messages"]].count("system") == 1


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("Trip to Lisbon", "Trip to Lisbon"),
        ('  "Trip to Lisbon"  ', "Trip to Lisbon"),
        ("„Reise nach Lissabon“", "Reise nach Lissabon"),
        ("Title: **Trip** to Lisbon", "Trip to Lisbon"),
        ("### 1. Trip\nsecond line", "Trip"),
        ("\n\n> - [x] quoted", "[x] quoted"),
        ("<think>\nLisbon, hm\n</think>\n\nTrip", "Trip"),
        ("<think>never ends", ""),
        ("...", ""),
        ("", ""),
        ("a\x00b\u202egnp.exe\ud83d", "abgnp.exe"),
        ("Семья 👩\u200d👧", "Семья 👩\u200d👧"),
        ("word " * 30, "word word word word word word word word word word word…"),
        ("字" * 80, "字" * 59 + "…"),
        ("C++ or C#?", "C++ or C#?"),
        ("-5 degrees", "-5 degrees"),
        ("What does `a ** b` do?", "What does a ** b do?"),
        ("2024 in review", "2024 in review"),
    ],
)
def test_a_title_is_what_is_left_of_what_was_said(said: str, title: str) -> None:
    assert title_of(said) == title


@given(st.text())
@example("\x85")
def test_any_text_makes_a_title_that_the_database_takes(said: str) -> None:
    title = title_of(said)
    assert len(title) <= LONGEST
    assert title == title.strip()
    assert "\x00" not in title
    title.encode()
