"""The SQL of plans, text and operands together. No database: `test_queries` and `test_mutations` run it."""

from typing import Any

import pytest

from hasura.engine.document.parse import GraphQLRequest, select_operation
from hasura.engine.document.values import Constant
from hasura.engine.plan import nodes as n
from hasura.engine.to_sql.mutations import MutationSql
from hasura.engine.to_sql.statement import Statement
from tests.engine.small import role

ME = "x-hasura-user-id"


def statements(query: str, **variables: Any) -> list[Statement]:
    schema = role()
    operation = select_operation(GraphQLRequest(query))
    values = schema.values(operation, variables)
    if operation.kind == "subscription":
        return [schema.prepare_live(operation, values).statement]
    prepared = schema.prepare(operation, values)
    if prepared.reads:
        return [read.statement.alone for read in prepared.reads]
    found: list[Statement] = []
    for step in (write.step for write in prepared.writes):
        assert isinstance(step, MutationSql)
        found += [step.change] + ([step.answer] if step.answer else [])
    return found


def origin(operand: n.Operand) -> Any:
    """Where a value comes from: a literal itself, ``$name`` of a variable, the name of a session variable."""
    if isinstance(operand, n.SessionValue):
        return operand.name
    assert isinstance(operand, n.Slot)
    if isinstance(operand.origin, Constant):
        return operand.origin.raw
    return "$" + ".".join(map(str, operand.origin.way))


CASES = [
    pytest.param(
        "{ pet { name } }",
        "SELECT CAST((SELECT coalesce(json_agg(json_build_object('name', t1.name)), '[]'::json) AS coalesce_1"
        " FROM (SELECT t0.name AS name FROM public.pet AS t0"
        " WHERE t0.owner_id = CAST(%(p0)s AS integer) LIMIT 20) AS t1) AS text) AS f0",
        [ME],
        id="rows, as far as the role may see them",
    ),
    pytest.param(
        'query($l: Int) { pet(where: {about: {_has_key: "x"}, name: {_in: ["a"]}}, order_by: [{owner: {name: asc}},'
        " {order: desc_nulls_last}], limit: $l, offset: 2) { order } }",
        "SELECT CAST((SELECT coalesce(json_agg(json_build_object('order', t2.\"order\")), '[]'::json) AS coalesce_1"
        ' FROM (SELECT t0."order" AS "order" FROM public.pet AS t0'
        " WHERE (t0.owner_id = CAST(%(p0)s AS integer)) AND (t0.about ? CAST(%(p1)s AS text))"
        " AND t0.name = ANY (CAST(%(p2)s AS text[]))"
        " ORDER BY (SELECT t1.name FROM public.owner AS t1 WHERE t0.owner_id = t1.id"
        ' AND (t1.id = CAST(%(p0)s AS integer))) ASC, t0."order" DESC NULLS LAST'
        " LIMIT least(20, CAST(%(p3)s AS bigint)) OFFSET CAST(%(p4)s AS bigint)) AS t2) AS text) AS f0",
        [ME, "x", ["a"], "$l", 2],
        id="conditions and order, equal values in one place",
    ),
    pytest.param(
        "{ owner(where: {_not: {pets: {}}}) { id } }",
        "SELECT CAST((SELECT coalesce(json_agg(json_build_object('id', t2.id)), '[]'::json) AS coalesce_1"
        " FROM (SELECT t0.id AS id FROM public.owner AS t0 WHERE (t0.id = CAST(%(p0)s AS integer))"
        " AND NOT (EXISTS (SELECT 1 FROM public.pet AS t1 WHERE t0.id = t1.owner_id"
        " AND (t1.owner_id = CAST(%(p0)s AS integer))))) AS t2) AS text) AS f0",
        [ME],
        id="a relationship in a condition sees what the role sees",
    ),
    pytest.param(
        "{ pet_aggregate { aggregate { count(columns: name, distinct: true) max { order } } nodes { id } } }",
        "SELECT CAST((SELECT json_build_object('aggregate', json_build_object('count', count(DISTINCT t2.name),"
        " 'max', json_build_object('order', max(t2.\"order\"))), 'nodes',"
        " coalesce(json_agg(json_build_object('id', t2.id)) FILTER (WHERE t2.place__ <= 20), '[]'::json))"
        " AS json_build_object_1"
        ' FROM (SELECT t1.id AS id, t1.name AS name, t1."order" AS "order", row_number() OVER () AS place__'
        ' FROM (SELECT t0.id AS id, t0.name AS name, t0."order" AS "order" FROM public.pet AS t0'
        " WHERE t0.owner_id = CAST(%(p0)s AS integer)) AS t1) AS t2 HAVING true) AS text) AS f0",
        [ME],
        id="an aggregate with the role's limit on its nodes",
    ),
    pytest.param(
        "mutation { update_pet(where: {id: {_eq: 1}}, _inc: {order: 1}, _append: {about: {a: 2}})"
        " { affected_rows } }",
        'WITH changed AS (UPDATE public.pet SET "order"=(public.pet."order" + CAST(%(p0)s AS bigint)),'
        " about=(public.pet.about || CAST(%(p1)s AS jsonb))"
        " WHERE (public.pet.owner_id = CAST(%(p2)s AS integer)) AND (public.pet.id = CAST(%(p3)s AS integer))"
        " RETURNING public.pet.id AS id, public.pet.owner_id AS owner_id, public.pet.name AS name,"
        ' public.pet."order" AS "order", public.pet.about AS about,'
        " coalesce(public.pet.name <> CAST(%(p4)s AS text), false) AS check__)"
        " SELECT CAST(json_build_object('affected_rows', (SELECT count(*) AS count_1 FROM changed)) AS text)"
        " AS json_build_object_1, (SELECT coalesce(bool_and(changed.check__), true) AS coalesce_1 FROM changed)"
        " AS anon_1",
        [1, {"a": 2}, ME, 1, ""],
        id="an update: the filter before, the check after; a check that is null does not hold",
    ),
    pytest.param(
        'mutation { insert_pet(objects: [{name: "a"}, {about: {}}], on_conflict: {constraint: pet_pkey,'
        " update_columns: [name]}) { affected_rows } }",
        "WITH changed AS (INSERT INTO public.pet (owner_id, name, about)"
        " VALUES (CAST(%(p1)s AS integer), CAST(%(p0)s AS text), DEFAULT),"
        " (CAST(%(p1)s AS integer), DEFAULT, CAST(%(p2)s AS jsonb))"
        " ON CONFLICT ON CONSTRAINT pet_pkey DO UPDATE SET name = excluded.name"
        " WHERE public.pet.owner_id = CAST(%(p1)s AS integer)"
        " RETURNING public.pet.id AS id, public.pet.owner_id AS owner_id, public.pet.name AS name,"
        ' public.pet."order" AS "order", public.pet.about AS about,'
        " coalesce(CASE WHEN xmax::text = '0' THEN public.pet.owner_id = CAST(%(p1)s AS integer)"
        " ELSE public.pet.name <> CAST(%(p3)s AS text) END, false) AS check__)"
        " SELECT CAST(json_build_object('affected_rows', (SELECT count(*) AS count_1 FROM changed)) AS text)"
        " AS json_build_object_1, (SELECT coalesce(bool_and(changed.check__), true) AS coalesce_1 FROM changed)"
        " AS anon_1",
        ["a", ME, {}, ""],
        id="an upsert touches rows that the role may update, and checks each row by what happened to it",
    ),
    pytest.param(
        "subscription($n: String!) { pet(where: {name: {_eq: $n}}) { id } }",
        "SELECT _subs.result_id, CAST(json_build_object('pet',"
        " (SELECT coalesce(json_agg(json_build_object('id', t1.id)), '[]'::json) AS coalesce_1"
        " FROM (SELECT t0.id AS id FROM public.pet AS t0"
        " WHERE (t0.owner_id = CAST(_subs.result_vars -> 'values' ->> 0 AS integer))"
        " AND (t0.name = CAST(_subs.result_vars -> 'values' ->> 1 AS text)) LIMIT 20) AS t1)) AS text)"
        " AS json_build_object_1 FROM unnest(CAST(%(result_ids)s AS UUID[]), CAST(%(result_vars)s AS JSONB[]))"
        " AS _subs(result_id, result_vars)",
        [ME, "$n"],
        id="a live query: one statement, each subscriber's values in its own row",
    ),
    pytest.param(
        "subscription { pet_stream(batch_size: 5, cursor: {initial_value: {id: 3}, ordering: DESC}) { name } }",
        "SELECT _subs.result_id, CAST(json_build_object('pet_stream', _batch.batch) AS text)"
        ' AS json_build_object_1, CAST(_batch.cursor AS text) AS "_batch.cursor"'
        " FROM unnest(CAST(%(result_ids)s AS UUID[]), CAST(%(result_vars)s AS JSONB[]))"
        " AS _subs(result_id, result_vars) JOIN LATERAL"
        " (SELECT coalesce(json_agg(json_build_object('name', t1.name)), '[]'::json) AS batch,"
        " CASE WHEN (count(*) > 0) THEN json_build_object('id', (array_agg(CAST(t1.id AS text)))[count(*)])"
        " END AS cursor FROM (SELECT t0.id AS id, t0.name AS name FROM public.pet AS t0"
        " WHERE (t0.owner_id = CAST(_subs.result_vars -> 'values' ->> 0 AS integer))"
        " AND (t0.id < CAST(_subs.result_vars -> 'cursor' ->> 'id' AS integer))"
        " ORDER BY t0.id DESC NULLS LAST"
        " LIMIT least(20, CAST(_subs.result_vars -> 'values' ->> 1 AS bigint))) AS t1) AS _batch ON true",
        [ME, 5],
        id="a stream: after the cursor, in its order",
    ),
]


@pytest.mark.parametrize(("query", "sql", "operands"), CASES)
def test_a_plan_is_this_statement_with_these_operands(query: str, sql: str, operands: list[Any]) -> None:
    (statement,) = statements(
        query, **({"l": 3} if "$l" in query else {}), **({"n": "x"} if "$n" in query else {})
    )
    assert " ".join(statement.sql.split()) == sql
    assert [origin(operand) for operand in statement.operands] == operands


def test_an_answer_that_looks_at_other_rows_is_a_second_statement_over_the_changed_ones() -> None:
    change, answer = statements('mutation { insert_pet_one(object: {name: "a"}) { id owner { name } } }')
    assert "json_agg(changed.*)" in change.sql
    assert "public.pet" not in answer.sql.replace("CAST(NULL AS public.pet)", "")
    assert "FROM public.owner AS t1 WHERE changed.owner_id = t1.id AND (t1.id = CAST(%(p0)s AS integer))" in (
        " ".join(answer.sql.split())
    )
    assert [origin(operand) for operand in answer.operands] == [ME]


def test_no_value_of_a_request_is_ever_text_in_sql() -> None:
    evil = "'; DROP TABLE pet; -- %(x)s \\"
    for query in (
        "query($e: String!) { pet(where: {name: {_eq: $e}}) { about(path: $e) } }",
        "mutation($e: String!) { insert_pet(objects: {name: $e}) { affected_rows } }",
        "mutation($e: String!) { update_pet(where: {name: {_like: $e}}, _set: {name: $e}) { affected_rows } }",
    ):
        for statement in statements(query, e=evil):
            assert "DROP" not in statement.sql
    literal = '{ pet(where: {name: {_in: ["DROP"]}, about: {_contains: {DROP: ["DROP"]}}}) { id } }'
    (statement,) = statements(literal)
    assert "DROP" not in statement.sql


def test_more_fields_than_a_call_takes_are_one_object_still() -> None:
    (statement,) = statements("{ pet { " + " ".join(f"f{i}: name" for i in range(120)) + " } }")
    assert statement.sql.count("json_build_object") == 3
