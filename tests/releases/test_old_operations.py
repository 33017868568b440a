"""An old backend and web UI work on the new metadata: what they ask is still there, for the role that asks it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from graphql import build_client_schema, get_introspection_query, parse, validate

from tests.conftest import make_user
from tests.engine.conftest import ADMIN, running_engine
from tests.releases.operations import RECORDED, operations

RELEASES = sorted(RECORDED.glob("*.json"))


def test_a_release_is_recorded_whole() -> None:
    assert RELEASES
    assert all(len(_read(file)) > 20 for file in RELEASES)
    assert len(operations()) > 20


@pytest.mark.parametrize("release", RELEASES[-2:], ids=lambda file: file.stem)
async def test_every_operation_of_a_recorded_release_is_valid_for_a_role_of_now(
    release: Path, database_url: str
) -> None:
    recorded = _read(release)
    user = make_user(database_url, "ada")
    async with running_engine(database_url) as engine:
        schemas = []
        for role in ("user", "assistant"):
            asking = ADMIN | {"x-hasura-role": role, "x-hasura-user-id": str(user)}
            answer = await engine.graphql(get_introspection_query(), headers=asking)
            schemas.append(build_client_schema(answer["data"]))
    refused = {
        name: problems
        for name, text in recorded.items()
        if all(problems := [validate(schema, parse(text)) for schema in schemas])
    }
    assert refused == {}


def _read(file: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(file.read_text())
    return found
