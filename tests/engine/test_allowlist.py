"""HASURA_GRAPHQL_ENABLE_ALLOWLIST: what is not on the list is not run, over HTTP and WebSocket."""

from typing import Any

import pytest

from hasura.engine.allowlist import Allowlist
from hasura.engine.document.parse import GraphQLRequest
from hasura.engine.errors import ValidationFailed
from hasura.engine.session import ADMIN as ADMIN_ROLE
from hasura.engine.session import Session
from tests.engine.bookstore import open_shop
from tests.engine.conftest import ADMIN

USER = {**ADMIN, "x-hasura-role": "user", "x-hasura-name": "Ada"}
REFUSED = {
    "errors": [{"message": "query is not allowed", "extensions": {"path": "$", "code": "validation-failed"}}]
}


def metadata(*queries: str, scope: dict[str, Any] | None = None) -> dict[str, Any]:
    named = [{"name": str(place), "query": query} for place, query in enumerate(queries)]
    entry = {"collection": "c", **({"scope": scope} if scope else {})}
    return {"query_collections": [{"name": "c", "definition": {"queries": named}}], "allowlist": [entry]}


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        ("query q { article { id } }", True),
        ("query q {\n  article {\n    __typename id # a comment\n  }\n}", True),
        ("query other { article { id } }", False),
        ("query q { article { id title } }", False),
        ("query q { article { id } } query r { article { title } }", False),
    ],
)
def test_layout_and_typename_make_no_difference(query: str, allowed: bool) -> None:
    allowlist = Allowlist(metadata("query q { article { id } }", "no GraphQL at all {"))
    request = GraphQLRequest(query, "q" if "query q" in query else None)
    allowlist.check(Session(ADMIN_ROLE), request)
    if allowed:
        allowlist.check(Session("user"), request)
    else:
        with pytest.raises(ValidationFailed, match="not allowed"):
            allowlist.check(Session("user"), request)


def test_a_collection_for_single_roles_allows_nothing() -> None:
    scope = {"global": False, "roles": ["user"]}
    with pytest.raises(ValidationFailed):
        Allowlist(metadata("{ a }", scope=scope)).check(Session("user"), GraphQLRequest("{ a }"))


async def test_the_list_holds_on_every_transport_and_follows_the_metadata(database_url: str) -> None:
    async with open_shop(database_url, enable_allowlist=True) as shop:
        await shop.track_all()
        query = "query mine { article(order_by: {id: asc}) { id } }"
        assert await shop.running.graphql(query, headers=USER) == REFUSED
        assert "data" in await shop.running.graphql(query)
        queries = [{"name": "mine", "query": query}, {"name": "live", "query": f"subscription {query[6:]}"}]
        await shop.command("create_query_collection", name="c", definition={"queries": queries})
        await shop.command("add_collection_to_allowlist", collection="c")
        assert "data" in await shop.running.graphql(query, headers=USER)
        async with shop.running.socket() as socket:
            await socket.init(USER)
            await socket.subscribe(queries[1]["query"])
            assert await socket.news() == {"article": [{"id": 1}, {"id": 2}, {"id": 3}]}
            await socket.subscribe("subscription { article { title } }", operation="2")
            refusal = await socket.receive()
            assert (refusal["type"], refusal["payload"]) == ("error", REFUSED["errors"])
        config = await shop.running.client.get("/v1alpha1/config", headers=ADMIN)
        assert config.json()["is_allow_list_enabled"] is True
