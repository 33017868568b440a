"""Plans as data: what a role asks for, with the role's own conditions put in. No database."""

from typing import Any

import pytest

from hasura.engine.document.values import Constant, FromVariable
from hasura.engine.errors import EngineError
from hasura.engine.plan import nodes as n
from tests.engine.small import live, plan

OWNER, PET = ("public", "owner"), ("public", "pet")
ME = n.SessionValue("x-hasura-user-id", "integer")
#: what the role `user` may see
MY_PETS = n.Compare("owner_id", "_eq", ME)
MYSELF = n.Compare("id", "_eq", ME)


def root(query: str, variables: dict[str, Any] | None = None, role: str = "user") -> Any:
    ((_, found),) = plan(query, variables, role)
    return found.action if isinstance(found, n.OfSource) else found


def where(condition: str, role: str = "user") -> n.Condition:
    found: n.Condition = root(f"{{ pet(where: {condition}) {{ id }} }}", role=role).rows.where
    return found


def constant(raw: Any, scalar: str, cast: str, path: str, *, is_list: bool = False) -> n.Slot:
    return n.Slot(Constant(raw), scalar, cast, f"$.selectionSet.pet.args.where.{path}", is_list)


def test_rows_are_those_of_the_role() -> None:
    assert root("{ pet { name } }") == n.ListField(
        n.Rows(n.FromTable(PET), where=MY_PETS, role_limit=20), (("name", n.ColumnField("name")),)
    )


def test_an_admin_has_no_condition_and_no_limit() -> None:
    assert root("{ pet { name } }", role="admin").rows == n.Rows(n.FromTable(PET))


def test_a_relationship_has_the_condition_of_its_own_table() -> None:
    field = dict(root("{ pet { owner { name } } }").fields)["owner"]
    assert field == n.ObjectField(
        n.Rows(n.FromTable(OWNER), where=MYSELF, pairs=(("owner_id", "id"),)),
        (("name", n.ColumnField("name")),),
    )
    rows = dict(root("{ owner { pets { id } } }").fields)["pets"].rows
    assert rows == n.Rows(n.FromTable(PET), where=MY_PETS, pairs=(("id", "owner_id"),), role_limit=20)


@pytest.mark.parametrize(
    ("literal", "meant"),
    [
        ("{}", n.TRUE),
        ("{_and: []}", n.TRUE),
        ("{_or: []}", n.Or()),
        ("{_not: {}}", n.Not(n.TRUE)),
        ("{_or: [{}]}", n.Or((n.TRUE,))),
        ("{name: {}}", n.TRUE),
        ("{_or: {name: {_is_null: true}}}", n.Or((n.IsNull("name"),))),
        ("{name: {_is_null: false}}", n.IsNull("name", negated=True)),
        ('{name: {_eq: "x"}}', n.Compare("name", "_eq", constant("x", "String", "text", "name._eq"))),
        ("{order: {_gt: 3}}", n.Compare("order", "_gt", constant(3, "bigint", "bigint", "order._gt"))),
        (
            '{name: {_in: ["x", "y"]}}',
            n.Compare("name", "_in", constant(["x", "y"], "String", "text[]", "name._in", is_list=True)),
        ),
        (
            '{about: {_has_keys_any: ["x"]}}',
            n.Compare(
                "about",
                "_has_keys_any",
                constant(["x"], "String", "text[]", "about._has_keys_any", is_list=True),
            ),
        ),
        (
            '{about: {_cast: {String: {_like: "%x%"}}}}',
            n.Compare(
                "about", "_like", constant("%x%", "String", "text", "about._cast.String._like"), as_text=True
            ),
        ),
        ("{owner: {}}", n.Exists(OWNER, (("owner_id", "id"),), MYSELF)),
        (
            '{owner: {pets: {name: {_eq: "x"}}}}',
            n.Exists(
                OWNER,
                (("owner_id", "id"),),
                n.And(
                    (
                        MYSELF,
                        n.Exists(
                            PET,
                            (("id", "owner_id"),),
                            n.And(
                                (
                                    MY_PETS,
                                    n.Compare(
                                        "name", "_eq", constant("x", "String", "text", "owner.pets.name._eq")
                                    ),
                                )
                            ),
                        ),
                    )
                ),
            ),
        ),
    ],
)
def test_a_condition_is_joined_to_the_role_s_own(literal: str, meant: n.Condition) -> None:
    assert where(literal) == n.both(MY_PETS, meant)


@pytest.mark.parametrize(
    "literal",
    [
        "{name: null}",
        "{name: {_eq: null}}",
        "{_not: null}",
        "{_and: null}",
        "{owner: null}",
        "{name: {_in: null}}",
    ],
)
def test_a_null_never_means_any_row(literal: str) -> None:
    with pytest.raises(EngineError) as caught:
        where(literal)
    assert caught.value.code == "validation-failed"


def test_an_order_over_a_relationship_looks_at_visible_rows_only() -> None:
    rows = root("{ pet(order_by: [{owner: {pets_aggregate: {max: {order: asc}}}}, {id: desc}]) { id } }").rows
    assert rows.order_by == (
        n.OrderBy(
            n.Related(
                OWNER,
                (("owner_id", "id"),),
                MYSELF,
                n.RelatedAggregate(PET, (("id", "owner_id"),), MY_PETS, "max", "order"),
            ),
            "asc",
            "last",
        ),
        n.OrderBy(n.OwnColumn("id"), "desc", "first"),
    )


@pytest.mark.parametrize(
    ("word", "direction", "nulls"),
    [
        ("asc", "asc", "last"),
        ("asc_nulls_first", "asc", "first"),
        ("asc_nulls_last", "asc", "last"),
        ("desc", "desc", "first"),
        ("desc_nulls_first", "desc", "first"),
        ("desc_nulls_last", "desc", "last"),
    ],
)
def test_nulls_are_ordered_as_in_postgres_unless_told_otherwise(
    word: str, direction: str, nulls: str
) -> None:
    (item,) = root(f"{{ pet(order_by: {{name: {word}}}) {{ id }} }}").rows.order_by
    assert (item.direction, item.nulls) == (direction, nulls)


def test_variables_stay_outside_the_plan() -> None:
    query = "query($name: String!, $limit: Int) { pet(where: {name: {_eq: $name}}, limit: $limit) { id } }"
    one = root(query, {"name": "a", "limit": 1})
    assert one == root(query, {"name": "b", "limit": 2})
    rows = one.rows
    assert rows.limit.origin == FromVariable(("limit",))
    assert rows.where.items[1].operand.origin == FromVariable(("name",))


def test_the_role_s_limit_bounds_the_nodes_of_an_aggregate_and_not_what_is_counted() -> None:
    field = root("{ pet_aggregate { aggregate { count } nodes { id } } }")
    assert field.rows.role_limit is None
    assert dict(field.blocks) == {
        "aggregate": n.AggregateBlock((("count", n.CountOf()),)),
        "nodes": n.NodesBlock((("id", n.ColumnField("id")),), limit=20),
    }


def test_an_insert_has_the_presets_whatever_the_caller_gives() -> None:
    insert = root('mutation { insert_pet(objects: [{name: "a"}, {about: null}]) { affected_rows } }')
    assert insert.columns == ("name", "about", "owner_id")
    assert [row[2] for row in insert.rows] == [ME, ME]
    assert insert.rows[0][1] is None  # the column's default
    assert insert.rows[1][1].origin == Constant(None)  # a null that was asked for
    assert insert.check == MY_PETS


def test_an_upsert_changes_rows_that_the_role_may_update_and_checks_them() -> None:
    text = "{constraint: pet_pkey, update_columns: [name], where: {id: {_gt: 1}}}"
    insert = root(
        f'mutation {{ insert_pet(objects: {{name: "a"}}, on_conflict: {text}) {{ affected_rows }} }}'
    )
    assert insert.conflict.update_columns == ("name",)
    assert insert.conflict.where.items[0] == MY_PETS
    assert insert.update_check.column == "name"


def test_an_update_has_the_role_s_condition_and_check() -> None:
    update = root('mutation { update_pet(where: {}, _set: {name: "a"}, _inc: {order: 2}) { affected_rows } }')
    assert update.where == MY_PETS
    assert [(a.column, a.operator) for a in update.assignments] == [("name", "_set"), ("order", "_inc")]
    assert update.check.operator == "_neq"


def test_a_delete_has_the_role_s_condition_over_a_relationship() -> None:
    delete = root("mutation { delete_pet_by_pk(id: 3) { id } }")
    assert delete.where.items[0] == n.Exists(OWNER, (("owner_id", "id"),), MYSELF)


def test_a_column_is_changed_by_one_operator_only() -> None:
    with pytest.raises(EngineError) as caught:
        plan("mutation { update_pet(where: {}, _set: {order: 1}, _inc: {order: 2}) { affected_rows } }")
    assert caught.value.message.startswith("Column found in multiple operators")


def test_the_tables_of_a_plan_are_all_that_it_looks_into() -> None:
    assert live("subscription { pet { id } }").tables == {PET}
    assert live("subscription { pet(where: {owner: {}}) { id } }").tables == {PET, OWNER}
    assert live("subscription { pet(order_by: {owner: {name: asc}}) { id } }").tables == {PET, OWNER}
    assert live("subscription { pet { owner { id } } }").tables == {PET, OWNER}


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        ("distinct_on: [name]", True),
        ("distinct_on: [name], order_by: [{name: asc}, {id: asc}]", True),
        ("distinct_on: [name, id], order_by: [{id: asc}, {name: asc}]", True),
        ("distinct_on: [name], order_by: {id: asc}", False),
        ("distinct_on: [name, id], order_by: {name: asc}", False),
        ("distinct_on: [name], order_by: {owner: {name: asc}}", False),
    ],
)
def test_distinct_on_must_begin_the_order(arguments: str, fits: bool) -> None:
    if fits:
        assert root(f"{{ pet({arguments}) {{ id }} }}").rows.distinct_on
    else:
        with pytest.raises(EngineError, match="distinct_on"):
            plan(f"{{ pet({arguments}) {{ id }} }}")
