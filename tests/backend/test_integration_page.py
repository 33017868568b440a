"""What docs/integration.md tells others to do works as it stands there."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from uuid import uuid4

import httpx
from gql import Client, GraphQLRequest
from gql.transport.websockets import WebsocketsTransport

from backend.main import create_app
from backend.services.hasura_client import HasuraClient
from tests.backend.conftest import JWT_SECRET, Person, register, serving, settings_for
from tests.backend.test_docs import page


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page("integration.md"), re.DOTALL)


def assistant_token(user: Person) -> str:
    names: dict[str, Any] = {}
    source = next(block for block in blocks("python") if "def assistant_token" in block)
    exec(source, names)  # noqa: S102  our own page
    return str(names["assistant_token"](str(user.id), json.loads(JWT_SECRET)["key"]))


def operation(name: str) -> str:
    document = next(block for block in blocks("graphql") if name in block)
    return next(part for part in re.split(r"\n\n(?=mutation)", document) if name in part)


async def graphql(url: str, token: str, query: str, **variables: Any) -> dict[str, Any]:
    async with httpx.AsyncClient() as http:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await http.post(url, json={"query": query, "variables": variables}, headers=headers)
    body: dict[str, Any] = answer.json()
    assert "errors" not in body, body
    return body["data"]  # type: ignore[no-any-return]


async def test_an_answer_is_begun_once_and_ended_with_a_token_minted_as_shown(
    graphql_url: str, hasura: HasuraClient, ada: Person
) -> None:
    session = await hasura.create_chat_session(ada.access_token)
    question = await hasura.add_chat_message(ada.access_token, session.session_id, "why?")
    token, chosen = assistant_token(ada), str(uuid4())
    begin = {
        "message_id": chosen,
        "session_id": str(session.session_id),
        "question": str(question.message_id),
    }
    first = await graphql(graphql_url, token, operation("Begin"), **begin)
    again = await graphql(graphql_url, token, operation("Begin"), **begin)
    assert (first, again) == (
        {"insert_chat_messages_one": {"message_id": chosen}},
        {"insert_chat_messages_one": None},
    )
    for name, content, rows in (
        ("Checkpoint", "be", 1),
        ("End", "because", 1),
        ("Checkpoint", "too late", 0),
    ):
        done = await graphql(graphql_url, token, operation(name), message_id=chosen, content=content)
        assert done == {"update_chat_messages": {"affected_rows": rows}}
    saved = (await hasura.get_chat_messages(ada.access_token, session.session_id)).items[-1]
    assert (saved.content, saved.status, saved.role) == ("because", "complete", "assistant")


async def test_the_stream_of_questions_answers_each_once(
    graphql_url: str, hasura: HasuraClient, ada: Person
) -> None:
    query = next(block for block in blocks("graphql") if "chat_messages_stream" in block)
    session = (await hasura.create_chat_session(ada.access_token)).session_id
    transport = WebsocketsTransport(
        "ws" + graphql_url.removeprefix("http"),
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
        init_payload={"headers": {"Authorization": f"Bearer {ada.access_token}"}},
    )
    seen: list[str] = []
    async with asyncio.timeout(20), Client(transport=transport) as socket:
        request = GraphQLRequest(query, variable_values={"since": "2020-01-01T00:00:00Z"})
        await hasura.add_chat_message(ada.access_token, session, "one")
        async for data in socket.subscribe(request):
            seen += [row["content"] for row in data["chat_messages_stream"]]
            if seen == ["one"]:
                await hasura.add_chat_message(ada.access_token, session, "two")
            elif len(seen) > 1:
                break
    assert seen == ["one", "two"]


async def test_the_rest_example_runs(backend_database: str, graphql_url: str) -> None:
    source = next(block for block in blocks("python") if "/auth/login" in block)
    async with serving(create_app(settings_for(backend_database, graphql_url))) as api:
        ada = await register(api)
        source = source.replace("http://127.0.0.1:8000", str(api.base_url)).replace(
            '"ada"', f'"{ada.username}"'
        )
        names: dict[str, Any] = {}
        await asyncio.to_thread(exec, source, names)  # our own page; blocking, as its reader would run it
        history = await api.get(f"/api/chat/history/{names['session_id']}", headers=ada.headers)
    assert [message["content"] for message in history.json()["items"]] == ["Deploy finished"]
