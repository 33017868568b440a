"""The schema of each role: what it lacks is absent, and what is there has Hasura's names and types."""

import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType, GraphQLSchema, assert_valid_schema

from hasura.engine.role_schema.build import build_schema
from hasura.engine.session import Session
from tests.engine import library
from tests.engine.served import ADMIN, Served
from tests.engine.small import SOURCE


def fields(schema: GraphQLSchema, type_: str) -> set[str]:
    found = schema.type_map.get(type_)
    return set(getattr(found, "fields", ()))


@pytest.mark.parametrize("role", ["admin", "writer", "reader", "nosy", "stranger"])
async def test_every_schema_is_valid(shelf: Served, role: str) -> None:
    assert_valid_schema(shelf.snapshot.role(Session(role)).schema)


async def test_admin_has_every_root_field(shelf: Served) -> None:
    schema = shelf.snapshot.role(ADMIN).schema
    assert {
        "author", "author_by_pk", "author_aggregate", "side_author", "mixes", "Mixed_by_pk", "popular",
        "search_articles", "search_articles_aggregate", "first_author",
    } <= fields(schema, "query_root")  # fmt: skip
    assert {
        "insert_author", "insert_author_one", "update_author", "update_author_by_pk", "update_author_many",
        "delete_author", "delete_author_by_pk", "mix_in", "insert_Mixed_one", "bump",
    } <= fields(schema, "mutation_root")  # fmt: skip
    assert "author_stream" in fields(schema, "subscription_root")
    assert "popular_by_pk" not in fields(schema, "query_root")
    assert "insert_totals" not in fields(schema, "mutation_root")


async def test_a_role_has_the_columns_and_operations_of_its_permissions(shelf: Served) -> None:
    schema = shelf.snapshot.role(library.writer("ada")).schema
    assert fields(schema, "author") == {
        "id",
        "name",
        "order",
        "bio",
        "tags",
        "articles",
        "articles_aggregate",
    }
    assert fields(schema, "author_set_input") == {"order", "bio", "tags"}
    assert fields(schema, "author_inc_input") == {"order"}
    assert fields(schema, "author_append_input") == {"bio"}
    # The preset columns (editor, views) and the generated one are not the caller's to give.
    assert fields(schema, "article_insert_input") == {"id", "author_id", "title", "body", "rating", "status"}
    assert {name for name in fields(schema, "mutation_root") if "author" in name} == {
        "update_author", "update_author_by_pk", "update_author_many",
    }  # fmt: skip
    assert not {"secret", "membership", "status", "popular"} & set(schema.type_map)


async def test_a_role_that_may_not_aggregate_cannot_count_in_any_way(shelf: Served) -> None:
    schema = shelf.snapshot.role(library.READER).schema
    assert not {name for name in schema.type_map if "aggregate" in name}
    assert fields(schema, "author") == {"id", "name", "articles"}
    assert fields(schema, "author_order_by") == {"id", "name"}
    assert schema.mutation_type is None


async def test_a_relationship_to_an_unreadable_table_is_absent(shelf: Served) -> None:
    schema = shelf.snapshot.role(Session("nosy")).schema
    assert fields(schema, "article") == {"id", "title"}
    assert fields(schema, "article_bool_exp") == {"_and", "_or", "_not", "id", "title"}


async def test_a_role_that_nothing_is_permitted_to_has_a_schema_that_says_so(shelf: Served) -> None:
    schema = shelf.snapshot.role(Session("stranger")).schema
    assert fields(schema, "query_root") == {"no_queries_available"}
    assert schema.mutation_type is None
    assert schema.subscription_type is None


async def test_strangers_share_one_schema_and_nobody_s_is_another_role_s(shelf: Served) -> None:
    roles = [shelf.snapshot.role(Session(f"stranger {number}")) for number in range(100)]
    assert all(role is roles[0] for role in roles)
    assert shelf.snapshot.role(Session("")) is roles[0]
    assert shelf.snapshot.role(library.READER) is not shelf.snapshot.role(library.writer("ada"))


async def test_backend_only_needs_the_admin_secret(shelf: Served) -> None:
    plain = shelf.snapshot.role(Session("writer"))
    trusted = shelf.snapshot.role(Session("writer", {}, trusted_backend=True))
    assert "insert_log" not in fields(plain.schema, "mutation_root")
    assert "insert_log" in fields(trusted.schema, "mutation_root")


async def test_a_constraint_that_graphql_cannot_name_is_left_out(shelf: Served) -> None:
    schema = shelf.snapshot.role(ADMIN).schema
    assert set(getattr(schema.type_map["author_constraint"], "values")) == {"author_pkey", "author_name_key"}  # noqa: B009
    mixed = schema.mutation_type
    assert mixed
    assert "on_conflict" not in mixed.fields["mix_in"].args


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("pet", {"id": "Int!", "name": "String!", "order": "bigint", "about": "jsonb", "owner": "owner"}),
        (
            "owner",
            {
                "id": "Int!",
                "name": "String",
                "tags": "[String!]",
                "pets": "[pet!]!",
                "pets_aggregate": "pet_aggregate!",
            },
        ),
        ("pet_aggregate", {"aggregate": "pet_aggregate_fields", "nodes": "[pet!]!"}),
        ("pet_max_fields", {"id": "Int", "name": "String", "order": "bigint"}),
        ("pet_avg_fields", {"id": "Float", "order": "Float"}),
        ("pet_mutation_response", {"affected_rows": "Int!", "returning": "[pet!]!"}),
        (
            "Int_comparison_exp",
            dict.fromkeys(("_eq", "_neq", "_gt", "_gte", "_lt", "_lte"), "Int")
            | {"_in": "[Int!]", "_nin": "[Int!]", "_is_null": "Boolean"},
        ),
        (
            "String_array_comparison_exp",
            dict.fromkeys(
                ("_eq", "_neq", "_gt", "_gte", "_lt", "_lte", "_contains", "_contained_in"), "[String!]"
            )
            | {"_in": "[[String!]!]", "_nin": "[[String!]!]", "_is_null": "Boolean"},
        ),
        (
            "pet_bool_exp",
            {
                "_and": "[pet_bool_exp!]",
                "_or": "[pet_bool_exp!]",
                "_not": "pet_bool_exp",
                "id": "Int_comparison_exp",
                "name": "String_comparison_exp",
                "order": "bigint_comparison_exp",
                "about": "jsonb_comparison_exp",
                "owner": "owner_bool_exp",
            },
        ),
        (
            "pet_on_conflict",
            {
                "constraint": "pet_constraint!",
                "update_columns": "[pet_update_column!]!",
                "where": "pet_bool_exp",
            },
        ),
        (
            "pet_stream_cursor_input",
            {"initial_value": "pet_stream_cursor_value_input!", "ordering": "cursor_ordering"},
        ),
        (
            "mutation_root",
            {
                "insert_pet": "pet_mutation_response",
                "insert_pet_one": "pet",
                "update_pet": "pet_mutation_response",
                "update_pet_by_pk": "pet",
                "update_pet_many": "[pet_mutation_response]",
                "delete_pet": "pet_mutation_response",
                "delete_pet_by_pk": "pet",
            },
        ),
        (
            "query_root",
            {
                "owner": "[owner!]!",
                "owner_by_pk": "owner",
                "pet": "[pet!]!",
                "pet_by_pk": "pet",
                "pet_aggregate": "pet_aggregate!",
            },
        ),
    ],
)
def test_types_have_hasura_s_names_and_forms(name: str, types: dict[str, str]) -> None:
    type_ = build_schema([SOURCE], "user").type_map[name]
    assert isinstance(type_, GraphQLObjectType | GraphQLInputObjectType)
    assert {field: str(found.type) for field, found in type_.fields.items()} == types
