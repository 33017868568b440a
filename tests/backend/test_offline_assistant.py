"""The assistant without a model says what it is, and is useful about the session it is asked in."""

from __future__ import annotations

from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.services.hasura_client import HasuraClient
from backend.services.offline_texts import plain
from tests.backend.conftest import Person
from tests.backend.test_chat import ask, text_of

HISTORY = [
    "We fly to Lisbon on Friday",
    "The hotel in Lisbon is near the river",
    "Pack *sun cream* and [passport](http://example.org)",
]


@pytest.fixture
async def session(hasura: HasuraClient, ada: Person) -> UUID:
    made = await hasura.create_chat_session(ada.access_token, title="Trip to *Lisbon*")
    for text in HISTORY:
        await hasura.add_chat_message(ada.access_token, made.session_id, text)
    return made.session_id


async def answer(api: httpx.AsyncClient, who: Person, session: UUID, question: str) -> str:
    events = await ask(api, who, session, question)
    assert events[-1][0] == "done"
    assert events[-1][1]["content"] == text_of(events)
    assert events[-1][1]["metadata"]["model"] == "offline-assistant"
    assert len(events) > 4, "it streams word by word"
    return text_of(events)


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("How many messages are there?", ["**5 messages**", "4 from you", "Trip to \\*Lisbon\\*"]),
        ("stats please", ["**5 messages**"]),
        ("Please summarise this chat", ["We fly to Lisbon on Friday", "*lisbon*", "3 messages of yours"]),
        ("What did we talk about?", ["near the river"]),
        ("search for lisbon", ["**2 messages**", "We fly to **Lisbon** on Friday"]),
        ("Can you find “river”?", ["**1 message**", "near the **river**"]),
        ("Where did I mention sun cream?", ["**sun cream**"]),
        ("find me a unicorn", ["nowhere in this session"]),
        ("search", ["What shall I look for?"]),
        ("hello", ["built-in offline assistant", "not a language model", "search for"]),
        ("Who are you?", ["built-in offline assistant"]),
        ("How do I connect a model?", ["CHAT_LLM_BASE_URL", "CHAT_LLM_MODEL", "CHAT_LLM_API_KEY"]),
        (
            "What is the capital of Portugal?",
            ["I cannot answer it", "no language model", "CHAT_LLM_BASE_URL"],
        ),
        ("x" * 5000, ["built-in offline assistant"]),
    ],
)
async def test_it_answers(
    api: httpx.AsyncClient, ada: Person, session: UUID, question: str, parts: list[str]
) -> None:
    text = await answer(api, ada, session, question)
    for part in parts:
        assert part in text


async def test_what_it_cannot_answer_is_told_in_full_once_then_shortly_with_what_is_near(
    api: httpx.AsyncClient, ada: Person, session: UUID
) -> None:
    first = await answer(api, ada, session, "Is the river wide?")
    second = await answer(api, ada, session, "What does the hotel cost?")
    assert "CHAT_LLM_BASE_URL" in first
    assert len(second) < len(first)
    assert "The hotel in Lisbon is near the river" in second


async def test_its_own_answers_and_orders_are_no_part_of_what_was_said(
    api: httpx.AsyncClient, ada: Person, session: UUID
) -> None:
    for order in ("search for lisbon", "summarise", "how many messages?"):
        await answer(api, ada, session, order)
    assert "**2 messages**" in await answer(api, ada, session, "find lisbon")
    assert "3 messages of yours and 0 answers" in await answer(api, ada, session, "summary")


async def test_what_people_wrote_is_quoted_as_text_and_not_as_markdown(
    api: httpx.AsyncClient, ada: Person, session: UUID
) -> None:
    text = await answer(api, ada, session, "summary")
    assert "Pack \\*sun cream\\* and \\[passport\\](http://example.org)" in text


async def test_an_empty_session_is_said_to_be_empty(
    api: httpx.AsyncClient, hasura: HasuraClient, ada: Person
) -> None:
    empty = (await hasura.create_chat_session(ada.access_token)).session_id
    assert "Nothing was said" in await answer(api, ada, empty, "summarise")
    assert "nowhere in this session" in await answer(api, ada, empty, "search for anything")


async def test_a_search_sees_one_session_and_not_its_own_question(
    api: httpx.AsyncClient, hasura: HasuraClient, ada: Person, session: UUID
) -> None:
    other = (await hasura.create_chat_session(ada.access_token)).session_id
    await hasura.add_chat_message(ada.access_token, other, f"elsewhere {(word := uuid4().hex)}")
    assert "nowhere in this session" in await answer(api, ada, session, f"search for {word}")


@given(st.text())
def test_plain_text_is_one_line_without_live_markdown(text: str) -> None:
    shown = plain(text)
    assert "\n" not in shown
    for sign in "*_`[]<>#|":
        assert sign not in shown.replace(f"\\{sign}", "")
