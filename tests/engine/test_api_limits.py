"""`api_limits` of the metadata: what roles may ask for, over HTTP and WebSocket, and what nobody limits."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from hasura.engine.api_limits import ApiLimits
from hasura.engine.document.extent import Extent
from hasura.engine.document.parse import GraphQLRequest, select_operation
from hasura.engine.errors import EngineError
from hasura.engine.session import Session
from tests.engine.bookstore import SUCCESS, Shop, open_shop
from tests.engine.conftest import ADMIN

USER = {**ADMIN, "x-hasura-role": "user", "x-hasura-name": "Ada"}
DEEP = "{ article { author { articles { title } } } }"


def refusal(code: str, message: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"path": "$", "code": code}}]}


# -- how much an operation asks for ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "extent"),
    [
        # Hasura's own examples of depth and of nodes
        ("{ viewer { name } }", Extent(2, 1, 1)),
        ("{ viewer { ... on User { name } } }", Extent(2, 1, 1)),
        ("{ viewer { albums { title } } }", Extent(3, 2, 2)),
        (
            "{ viewer { albums { ...m songs { ...m } } } } fragment m on Music { id title artists }",
            Extent(9, 3, 3),
        ),
        ("{ author { name articles { id title } } homepage_entries { article_id } }", Extent(7, 3, 2)),
        ("{ __typename }", Extent(1, 0, 0)),
        ("{ __schema { types { fields { name } } } a { b } }", Extent(6, 4, 1)),
        # what validation will refuse
        ("{ a { ...f } } fragment f on A { b { ...f } }", Extent(2, 2, 2)),
        ("{ a { ...none } }", Extent(1, 1, 1)),
    ],
)
def test_an_operation_s_extent_is_told_from_its_text(query: str, extent: Extent) -> None:
    assert select_operation(GraphQLRequest(query)).extent == extent


def test_fragments_that_multiply_are_counted_in_no_time() -> None:
    bomb = " ".join(f"fragment f{i} on A {{ a {{ ...f{i + 1} }} b {{ ...f{i + 1} }} }}" for i in range(60))
    found = select_operation(GraphQLRequest(f"{{ a {{ ...f0 }} }} {bomb} fragment f60 on A {{ c }}")).extent
    assert (found.nodes, found.depth) == (2**61 - 1, 61)


# -- which limit is whose -------------------------------------------------------------------------------------


def limits(**given: Any) -> ApiLimits:
    found = ApiLimits.of({"api_limits": given}, MovingWindowRateLimiter(MemoryStorage()))
    assert found
    return found


NOTHING = Extent()


def check(found: ApiLimits, session: Session, extent: Extent = NOTHING, ip: str = "1") -> str:
    """The refusal's code, or nothing."""
    try:
        found.check(session, extent, ip)
    except EngineError as error:
        return error.code
    return ""


def test_a_role_s_own_limit_goes_before_everybodys() -> None:
    found = limits(depth_limit={"global": 2, "per_role": {"strict": 1}})
    two, three = Extent(depth=2), Extent(depth=3)
    assert [check(found, Session("any"), extent) for extent in (two, three)] == ["", "depth-limit-exceeded"]
    assert check(found, Session("strict"), two) == "depth-limit-exceeded"
    assert check(found, Session("admin"), three) == ""


def counted(unique: Any, *calls: tuple[str, str, str]) -> list[bool]:
    """Which of the calls (role, user, address) go through, where one a minute may."""
    rate = {"max_reqs_per_min": 1} | ({} if unique is None else {"unique_params": unique})
    found = limits(rate_limit={"global": rate})
    return [not check(found, Session(role, {"x-hasura-id": who}), ip=ip) for role, who, ip in calls]


def test_rates_are_counted_for_each_role_and_for_what_tells_its_callers_apart() -> None:
    a, b, other_role = ("user", "a", "1"), ("user", "b", "1"), ("guest", "a", "1")
    elsewhere = ("user", "a", "2")
    assert counted(None, a, b, elsewhere, other_role) == [True, False, False, True]
    assert counted(["X-Hasura-Id"], a, a, b, elsewhere, other_role) == [True, False, True, False, True]
    for spelling in ("IP", "ip"):
        assert counted(spelling, a, b, elsewhere, other_role) == [True, False, True, True]
    nobody = limits(rate_limit={"global": {"max_reqs_per_min": 0}})
    assert check(nobody, Session("user")) == "rate-limit-exceeded"
    assert check(nobody, Session("admin")) == ""


@pytest.mark.parametrize("given", [None, {}, {"disabled": True, "depth_limit": {"global": 1}}])
def test_where_nothing_is_limited_there_is_nothing_to_ask(given: Any) -> None:
    assert ApiLimits.of({"api_limits": given}, MovingWindowRateLimiter(MemoryStorage())) is None


# -- as clients meet them -------------------------------------------------------------------------------------


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    async with open_shop(database_url) as shop:
        await shop.track_all()
        permission = {"columns": ["id", "name"], "filter": {}}
        await shop.command("pg_create_select_permission", table="author", role="user", permission=permission)
        yield shop


async def test_depth_and_nodes_are_limited_on_every_transport_until_the_limits_go(shop: Shop) -> None:
    await shop.command("set_api_limits", depth_limit={"global": 2}, node_limit={"global": 5})
    too_deep = refusal("depth-limit-exceeded", "depth limit of 2 exceeded")
    assert await shop.running.graphql(DEEP, headers=USER) == too_deep
    assert "data" in await shop.running.graphql(DEEP)
    assert "data" in await shop.running.graphql("{ article { author { name } } }", headers=USER)
    many = " ".join(f"a{place}: author {{ id }}" for place in range(6))
    too_many = refusal("node-limit-exceeded", "node limit of 5 exceeded")
    assert await shop.running.graphql(f"{{ {many} }}", headers=USER) == too_many
    async with shop.running.socket() as socket:
        await socket.init(USER)
        await socket.subscribe(f"subscription {DEEP}")
        answer = await socket.receive()
        assert (answer["type"], answer["payload"]) == ("error", too_deep["errors"])
    await shop.command("remove_api_limits")
    assert "data" in await shop.running.graphql(DEEP, headers=USER)


async def test_a_rate_counts_operations_whatever_brings_them(shop: Shop) -> None:
    rate = {"max_reqs_per_min": 3, "unique_params": ["x-hasura-name"]}
    await shop.command("set_api_limits", rate_limit={"global": rate}, batch_limit={"global": 2})
    query = {"query": "{ article { id } }"}
    batch = await shop.post("/v1/graphql", [query, query], headers=USER)
    assert ["data" in each for each in batch] == [True, True]
    async with shop.running.socket() as socket:
        await socket.init(USER)
        await socket.subscribe("subscription { article { id } }")
        assert await socket.news()
        await socket.subscribe("subscription { article { title } }", operation="2")
        exceeded = refusal("rate-limit-exceeded", "rate limit of 3 exceeded")
        assert (await socket.receive())["payload"] == exceeded["errors"]
    assert await shop.running.graphql("{ article { id } }", headers=USER) == exceeded
    # What was counted is not forgotten when something else of the metadata changes.
    await shop.command("pg_track_table", table={"schema": "archive", "name": "letter"})
    assert await shop.running.graphql("{ article { id } }", headers=USER) == exceeded
    other = {**USER, "x-hasura-name": "Bo"}
    assert "data" in await shop.running.graphql("{ article { id } }", headers=other)
    three = await shop.post("/v1/graphql", [query] * 3, headers=USER)
    assert three == refusal("batch-limit-exceeded", "batch limit of 2 exceeded")
    assert len(await shop.post("/v1/graphql", [query] * 5)) == 5


async def test_what_takes_too_long_is_cancelled_in_postgres_too(shop: Shop) -> None:
    await shop.sql(
        "CREATE FUNCTION slow() RETURNS SETOF article LANGUAGE sql STABLE AS"
        " $$ SELECT a.* FROM article a, LATERAL (SELECT pg_sleep(60 + a.id)) s $$"
    )
    await shop.command("pg_track_function", function="slow")
    await shop.command("set_api_limits", time_limit={"global": 0.5})
    exceeded = refusal("time-limit-exceeded", "time limit of 0.5s exceeded")
    assert await shop.running.graphql("{ slow { id } }", headers=USER) == exceeded
    async with shop.running.socket() as socket:
        await socket.init(USER)
        await socket.subscribe("{ slow { id } }")
        assert (await socket.receive())["payload"] == exceeded["errors"]
    active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%slow()%'"
    async with asyncio.timeout(10):
        while (await shop.sql(f"{active} AND pid <> pg_backend_pid()"))["result"][1] != ["0"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "given",
    [
        {"depth_limit": {"per_role": {"user": 1}}},
        {"depth_limit": {"global": -1}},
        {"node_limit": {"global": "many"}},
        {"rate_limit": {"global": {"unique_params": "IP"}}},
        {"rate_limit": {"global": {"max_reqs_per_min": 1, "unique_params": ["x-hasura-role"]}}},
        {"rate_limit": {"global": {"max_reqs_per_min": 1, "unique_params": ["cookie"]}}},
    ],
)
async def test_limits_of_another_form_are_refused(shop: Shop, given: dict[str, Any]) -> None:
    code, path, _ = await shop.refusal("set_api_limits", **given)
    assert (code, path) == ("parse-failed", "$.args")
    whole = {"depth_limit": {"global": 9, "per_role": None}, "disabled": None}
    assert await shop.command("set_api_limits", **whole) == SUCCESS
