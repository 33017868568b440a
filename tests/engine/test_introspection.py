"""What tools learn of a schema: whole for each role, nothing of what the role lacks, and bounded in its work."""

import json
from typing import Any

import pytest
from graphql import build_client_schema, get_introspection_query, parse, validate

from hasura.engine import response
from hasura.engine.session import Session
from tests.engine.library import READER, writer
from tests.engine.served import ADMIN, Chat, Served, serving, user

WHOLE = get_introspection_query(
    descriptions=True, specified_by_url=True, directive_is_repeatable=True, schema_description=True,
    input_value_deprecation=True,
)  # fmt: skip


@pytest.mark.parametrize("session", [ADMIN, writer("ada"), READER, Session("stranger")], ids=lambda s: s.role)
async def test_tools_can_rebuild_the_schema_of_a_role(shelf: Served, session: Session) -> None:
    rebuilt = build_client_schema(await shelf.ask(session, WHOLE))
    ours = shelf.snapshot.role(session).schema
    assert set(rebuilt.type_map) == set(ours.type_map)
    if session is ADMIN:
        query = '{ author(where: {articles: {views: {_gt: "1"}}}, order_by: {bio: asc}) { articles { id } } }'
        assert validate(rebuilt, parse(query)) == []


async def test_the_schema_of_a_user_says_nothing_of_what_others_have(chat: Chat) -> None:
    text = json.dumps(await chat.ask(user(chat.bob), WHOLE))
    for word in ("password_hash", "refresh_tokens", "insert_users", "delete_users", "hasura_session"):
        assert word not in text


async def test_root_types_have_hasura_s_names(shelf: Served) -> None:
    found = await shelf.ask(
        ADMIN,
        "{ __schema { queryType { name } mutationType { name } subscriptionType { name } } __typename }",
    )
    assert found == {
        "__schema": {
            "queryType": {"name": "query_root"},
            "mutationType": {"name": "mutation_root"},
            "subscriptionType": {"name": "subscription_root"},
        },
        "__typename": "query_root",
    }


async def test_variables_aliases_and_fragments_work_in_introspection(shelf: Served) -> None:
    answer = await shelf.ask(
        ADMIN,
        'query($n: String!, $none: String = "no_such_type", $deep: Boolean = false, $o: order_by = asc, $id: Int!) {'
        ' a: __type(name: $n) { ...T } b: __type(name: $none) { name } c: __type(name: "log") { name'
        " fields @include(if: $deep) { name } } author(where: {id: {_eq: $id}}, order_by: {id: $o}) { id } }"
        " fragment T on __Type { name kind fields { name } }",
        n="status",
        id=1,
    )
    assert answer == {
        "a": {"name": "status", "kind": "OBJECT", "fields": [{"name": "comment"}, {"name": "value"}]},
        "b": None,
        "c": {"name": "log"},
        "author": [{"id": 1}],
    }


async def test_the_same_field_twice_is_merged(shelf: Served) -> None:
    answer = await shelf.ask(
        ADMIN, "{ __schema { queryType { name } } ... { __schema { mutationType { name } } } }"
    )
    assert answer == {
        "__schema": {"queryType": {"name": "query_root"}, "mutationType": {"name": "mutation_root"}}
    }


@pytest.mark.parametrize(
    "text",
    [
        "__schema { nonsense }",
        "__type { name }",
        '__type(name: "log", of: 1) { name }',
        "__schema { types }",
        "__schema",
        '__type(name: "log") { name { x } }',
        'a: __type(name: "log") { name } a: __type(name: "node") { name }',
    ],
)
async def test_an_introspection_that_does_not_fit_is_refused(shelf: Served, text: str) -> None:
    code, _, message = await shelf.refusal(ADMIN, f"{{ {text} }}")
    assert code == "validation-failed"
    assert message


async def test_introspection_is_for_queries(shelf: Served) -> None:
    code, path, _ = await shelf.refusal(ADMIN, "mutation { __schema { queryType { name } } }")
    assert (code, path) == ("validation-failed", "$.selectionSet.__schema")


async def test_an_introspection_cannot_be_made_to_run_for_ever(
    shelf: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    circles = "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }"
    assert (await shelf.refusal(ADMIN, circles))[2] == "Maximum introspection depth exceeded"
    monkeypatch.setattr(response, "_MAX_RESOLVED", 5_000)
    wide = "{ __schema { types { fields { " + " ".join(f"a{i}: name" for i in range(500)) + " } } } }"
    assert (await shelf.refusal(ADMIN, wide))[2] == "the introspection query asks for too much"


async def test_the_whole_schema_is_far_from_the_bound(shelf: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response, "_MAX_RESOLVED", response._MAX_RESOLVED // 5)
    found: dict[str, Any] = await shelf.ask(ADMIN, WHOLE)
    assert found["__schema"]["types"]


async def test_a_role_may_be_kept_from_the_schema(database_url: str) -> None:
    """`graphql_schema_introspection` of the metadata: its queries work, its schema is not told."""
    metadata = {
        "version": 3,
        "sources": [
            {
                "name": "default",
                "tables": [
                    {
                        "table": "users",
                        "select_permissions": [
                            {"role": role, "permission": {"columns": ["id"], "filter": {}}}
                            for role in ("user", "open")
                        ],
                    }
                ],
            }
        ],
        "graphql_schema_introspection": {"disabled_for_roles": ["user", "nobody"]},
    }
    async with serving(database_url, metadata) as served:
        for role in ("user", "nobody"):
            for field, selection in (
                ("__schema", "{ queryType { name } }"),
                ('__type(name: "users")', "{ name }"),
            ):
                code, path, message = await served.refusal(Session(role), f"{{ {field} {selection} }}")
                name = field.split("(")[0]
                assert (code, path) == ("validation-failed", f"$.selectionSet.{name}")
                assert message == f"field '{name}' not found in type: 'query_root'"
        assert await served.ask(Session("user"), "{ __typename users { id } }") == {
            "__typename": "query_root",
            "users": [],
        }
        assert "__schema" in await served.ask(Session("open"), "{ __schema { queryType { name } } }")
