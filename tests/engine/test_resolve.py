"""Metadata over a database: what fits is served; what does not is Hasura's inconsistent object."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from hasura.engine.catalog.model import PgType
from hasura.engine.errors import ParseFailed
from hasura.engine.metadata.model import Customization
from hasura.engine.resolve.naming import default_name, is_graphql_name, root_fields, scalar_name
from hasura.engine.snapshot import Snapshot
from tests.engine import library
from tests.engine.served import ADMIN, Served, snapshot_of

Edit = Callable[[dict[str, Any]], Any]


def table(source: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(t for t in source["tables"] if t["table"]["name"] == name)
    return found


async def snapshot(shelf: Served, *edits: Edit) -> Snapshot:
    metadata = copy.deepcopy(library.METADATA)
    for edit in edits:
        edit(metadata["sources"][0])
    async with shelf.pool.connection() as connection:
        return await snapshot_of(metadata, connection)


async def test_the_tests_own_metadata_is_consistent(shelf: Served) -> None:
    assert shelf.snapshot.inconsistencies == []
    tables = shelf.snapshot.source("default").tables.values()
    assert {table.key for table in tables if table.catalog.kind == "r"} == {
        ("public", name)
        for name in (
            "author",
            "article",
            "node",
            "membership",
            'Mixed "Case%',
            "secret",
            "status",
            "log",
            "sealed",
        )
    } | {("side", "author")}


def relationship(**using: Any) -> dict[str, Any]:
    return {"name": "extra", "using": using}


@pytest.mark.parametrize(
    ("edit", "kind", "reason"),
    [
        (
            lambda s: s["tables"].append({"table": {"name": "gone", "schema": "public"}}),
            "table",
            'no such table/view exists in source: "gone"',
        ),
        (
            lambda s: table(s, "node")["object_relationships"].append(
                relationship(foreign_key_constraint_on="label")
            ),
            "object_relation",
            'in table "node": in relationship "extra": no foreign constraint exists on the given column(s)',
        ),
        (
            lambda s: table(s, "node")["array_relationships"].append(
                relationship(manual_configuration={"remote_table": "refresh", "column_mapping": {"id": "id"}})
            ),
            "array_relation",
            'in table "node": in relationship "extra": table "refresh" is not tracked',
        ),
        (
            lambda s: table(s, "node")["object_relationships"].append(
                relationship(
                    manual_configuration={"remote_table": "author", "column_mapping": {"id": "nope"}}
                )
            ),
            "object_relation",
            'in table "node": in relationship "extra": column "nope" does not exist in table "author"',
        ),
        (
            lambda s: s["functions"].append({"function": "gone"}),
            "function",
            'in function "gone": no such function exists: "gone"',
        ),
        (
            lambda s: s["functions"].append({"function": "twice"}),
            "function",
            'in function "twice": function "twice" is overloaded. Overloaded functions are not supported',
        ),
        (
            lambda s: s["functions"].append({"function": "number"}),
            "function",
            'in function "number": the function "number" does not return rows of a tracked table',
        ),
        (
            lambda s: table(s, "node")["select_permissions"][0]["permission"].update(
                filter={"nope": {"_eq": 1}}
            ),
            "select_permission",
            'in table "node": in permission for role "writer": "nope" does not exist in table "node"',
        ),
        (
            lambda s: table(s, "node")["select_permissions"][0]["permission"].update(
                filter={"id": {"_is": 1}}
            ),
            "select_permission",
            'in table "node": in permission for role "writer": unknown operator "_is"',
        ),
        (
            lambda s: table(s, "node")["select_permissions"][0]["permission"].update(columns=["id", "nope"]),
            "select_permission",
            'in table "node": in permission for role "writer": "nope" does not exist in table "node"',
        ),
        (
            lambda s: table(s, "article")["insert_permissions"][0]["permission"].update(set={"nope": 1}),
            "insert_permission",
            'in table "article": in permission for role "writer": "nope" does not exist in table "article"',
        ),
    ],
)
async def test_what_does_not_fit_is_named_and_the_rest_is_served(
    shelf: Served, edit: Edit, kind: str, reason: str
) -> None:
    found = await snapshot(shelf, edit)
    (problem,) = found.inconsistencies
    assert (problem["type"], problem["reason"]) == (kind, f"Inconsistent object: {reason}")
    served = Served(found, shelf.pool)
    assert (await served.ask(ADMIN, "{ author_by_pk(id: 1) { name } }")) == {"author_by_pk": {"name": "Ada"}}


async def test_a_permission_that_cannot_be_read_lets_nobody_in(shelf: Served) -> None:
    found = await snapshot(
        shelf,
        lambda s: table(s, "node")["select_permissions"][0]["permission"].update(filter={"nope": {"_eq": 1}}),
    )
    code, _, _ = await Served(found, shelf.pool).refusal(library.writer("ada"), "{ node { id } }")
    assert code in {"bad-request", "validation-failed"}


async def test_a_document_of_another_form_is_refused_with_the_place(shelf: Served) -> None:
    async with shelf.pool.connection() as connection:
        with pytest.raises(ParseFailed) as caught:
            await snapshot_of({"version": 3, "sources": [{"name": "a", "tables": [{}]}]}, connection)
        assert caught.value.path == "$.args.metadata.sources[0].tables[0].table"
        assert (await snapshot_of({"version": 3, "sources": []}, connection)).sources == {}


async def test_a_table_without_a_name_in_graphql_is_tracked_and_in_no_schema(shelf: Served) -> None:
    def unnameable(source: dict[str, Any]) -> None:
        table(source, "membership").update(configuration={"custom_name": "my table"})

    found = await snapshot(shelf, unnameable)
    assert found.inconsistencies == []
    assert ("public", "membership") not in found.source("default").tables


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        (PgType("int4", "integer"), "Int"),
        (PgType("int8", "bigint"), "bigint"),
        (PgType("bool", "boolean"), "Boolean"),
        (PgType("varchar", "character varying"), "String"),
        (PgType("float4", "real"), "Float"),
        (PgType("float8", "double precision"), "float8"),
        (PgType("timestamptz", "timestamp with time zone"), "timestamptz"),
        (PgType("_text", "text[]", PgType("text", "text")), "String"),
        (PgType("mood", "mood"), "mood"),
    ],
)
def test_scalars_have_hasura_s_names(type_: PgType, name: str) -> None:
    assert scalar_name(type_) == name


def test_root_fields_have_hasura_s_names_unless_the_metadata_has_its_own() -> None:
    assert default_name(("public", "a")) == "a"
    assert default_name(("side", "a")) == "side_a"
    custom = {"select": "all_a", "insert_one": {"name": "add_a", "comment": "x"}, "delete": None}
    names = root_fields("a", custom, Customization())
    assert (names.select, names.insert_one, names.delete, names.update_many) == (
        "all_a",
        "add_a",
        "delete_a",
        "update_a_many",
    )


@pytest.mark.parametrize(
    ("name", "valid"),
    [("a", True), ("_a1", True), ("1a", False), ("a b", False), ("é", False), ("", False), ("a\n", False)],
)
def test_names_that_graphql_cannot_say_are_recognised(name: str, valid: bool) -> None:
    assert is_graphql_name(name) is valid
