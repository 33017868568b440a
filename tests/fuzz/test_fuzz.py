"""A few seconds of each fuzzer, from a fixed seed; `make fuzz` is the long form."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.embedded_postgres import EmbeddedPostgres
from tests.conftest import new_database
from tests.fuzz import api
from tests.fuzz.places import places
from tests.fuzz.roles import RoleFuzzer
from tests.fuzz.sockets import attack
from tests.fuzz.world import FuzzWorld

SEED = 20261121
pytestmark = pytest.mark.timeout(300)  # a whole stack starts first


@pytest.fixture(scope="module")
def world(
    postgres18: EmbeddedPostgres, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FuzzWorld]:
    with (
        new_database(postgres18, migrated_template) as url,
        FuzzWorld(url, tmp_path_factory.mktemp("fuzz"), webapp=False) as world,
    ):
        yield world


@pytest.fixture
async def unharmed(world: FuzzWorld) -> Iterator[None]:
    """Nothing of the victim's is changed, nothing stays open, and no log has a defect."""
    theirs, usage, connections = world.of_the_victim(), world.usage(), world.database_connections()
    yield
    assert world.of_the_victim() == theirs
    assert await world.settle(usage, connections) == []
    assert world.defects() == []


@pytest.mark.usefixtures("unharmed")
def test_the_api_keeps_its_description(world: FuzzWorld) -> None:
    options = ["--phases", "fuzzing,stateful", "-n", "1", "--seed", str(SEED)]
    assert api.as_somebody(world, options).total() >= 37


@pytest.mark.parametrize("role", ["user", "assistant", "nobody"])
@pytest.mark.usefixtures("unharmed")
async def test_a_role_gets_an_answer_in_good_form_and_nothing_of_others(world: FuzzWorld, role: str) -> None:
    found = await RoleFuzzer(world, world.headers_of(role), SEED).run(1)
    assert found.wrong == []
    assert all(outcomes.total() for outcomes in found.roots.values()), found.roots


@pytest.mark.parametrize(
    "name", ["the chat's", "GraphQL's graphql-transport-ws", "GraphQL's graphql-ws", "the status"]
)
@pytest.mark.usefixtures("unharmed")
async def test_a_socket_ends_what_breaks_its_protocol_and_nobody_beside_notices(
    world: FuzzWorld, name: str
) -> None:
    (place,) = [each for each in places(world, webapp=False) if each.name == name]
    assert (await attack(place)).wrong == []
