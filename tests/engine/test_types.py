"""Columns of every type that PostgreSQL has: what the schema offers for them, PostgreSQL does."""

import pytest

from backend.embedded_postgres import EmbeddedPostgres
from tests.conftest import new_database
from tests.engine.served import ADMIN, Chat, serving

TYPES = """
SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm')
AND typcategory NOT IN ('A', 'P', 'Z') AND typname NOT LIKE 'pg\\_%' AND typname NOT IN ('aclitem', 'gtsvector')
ORDER BY typname
"""
METADATA = {
    "version": 3,
    "sources": [
        {
            "name": "default",
            "kind": "postgres",
            "configuration": {"connection_info": {"database_url": {"from_env": "X"}}},
            "tables": [{"table": {"schema": "public", "name": "types"}}],
        }
    ],
}
FUNCTIONS = '{ __type(name: "types_max_fields") { fields { name } } }'


@pytest.mark.parametrize("version", ["postgres15", "postgres18"])
async def test_max_and_min_are_offered_where_postgresql_has_them(
    request: pytest.FixtureRequest, version: str
) -> None:
    cluster: EmbeddedPostgres = request.getfixturevalue(version)
    with new_database(cluster) as url:
        async with serving(url, METADATA | {"sources": []}) as bare:
            names = [name for (name,) in await bare.fetch(TYPES)]
            columns = ", ".join(f'"t_{name}" pg_catalog."{name}"' for name in names)
            await bare.run(f"CREATE TABLE types ({columns})")
        async with serving(url, METADATA) as types:
            offered = [field["name"] for field in (await types.ask(ADMIN, FUNCTIONS))["__type"]["fields"]]
            fields = " ".join(offered)
            query = f"{{ types_aggregate {{ aggregate {{ max {{ {fields} }} min {{ {fields} }} }} }} }}"
            answer = await types.ask(ADMIN, query)
    assert answer["types_aggregate"]["aggregate"]["max"] == dict.fromkeys(offered)
    assert {"t_int4", "t_text", "t_timestamptz", "t_inet", "t_interval"} <= set(offered)
    assert not {"t_tsvector", "t_uuid", "t_jsonb", "t_int4range"} & set(offered)


@pytest.mark.parametrize(
    ("value", "reason"),
    [("a:", 'syntax error in tsvector: "a:"'), ("\\", 'there is no escaped character: "\\"')],
)
async def test_a_value_that_its_type_cannot_read_is_the_callers_fault(
    chat: Chat, value: str, reason: str
) -> None:
    """PostgreSQL calls it a syntax error, as if the statement had one."""
    query = "query($x: tsvector!) { chat_messages(where: {search: {_eq: $x}}) { id } }"
    assert await chat.refusal(ADMIN, query, x=value) == ("data-exception", "$", reason)
