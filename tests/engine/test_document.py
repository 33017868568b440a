"""What a request may say, and in which words it is refused. Code, path and message are Hasura's."""

from typing import Any

import pytest

from hasura.engine.document.parse import MAX_TOKENS, GraphQLRequest, bounded_depth, select_operation
from hasura.engine.document.selection import MAX_FIELDS
from hasura.engine.errors import EngineError
from hasura.engine.execute.operands import Inputs
from hasura.engine.prepared import Prepared, RoleSchema
from hasura.engine.session import Session
from hasura.engine.to_sql.statement import Statement
from tests.engine.small import role

SESSION = Session("user", {"x-hasura-user-id": "7"})
ROOT = "$.selectionSet.pet"


@pytest.fixture
def user() -> RoleSchema:
    return role()


def parameters(schema: RoleSchema, query: str, **variables: Any) -> list[str | None]:
    """The texts that PostgreSQL would be given for a query."""
    with bounded_depth():
        operation = select_operation(GraphQLRequest(query))
        values = schema.values(operation, variables)
        prepared = schema.prepare(operation, values)
        (read,) = prepared.reads
        return Inputs(SESSION, values).texts(read.statement.alone.operands)


def refusal(schema: RoleSchema, query: str, **variables: Any) -> tuple[str, str, str]:
    with pytest.raises(EngineError) as caught:
        parameters(schema, query, **variables)
    error = caught.value
    return error.code, error.path, error.message


REFUSED = [
    ("{ pets { id } }", "$.selectionSet.pets", "field 'pets' not found in type: 'query_root'"),
    ("{ pet { owner_id } }", f"{ROOT}.selectionSet.owner_id", "field 'owner_id' not found in type: 'pet'"),
    ("{ pet }", ROOT, "missing selection set for 'pet'"),
    ("{ pet { id { x } } }", f"{ROOT}.selectionSet.id", "unexpected subselection set for non-object field"),
    ("{ pet(first: 1) { id } }", ROOT, "'pet' has no argument named 'first'"),
    (
        "{ pet(where: {owner_id: {_eq: 1}}) { id } }",
        f"{ROOT}.args.where.owner_id",
        "field 'owner_id' not found in type: 'pet_bool_exp'",
    ),
    (
        "{ pet(where: {id: {_is: 1}}) { id } }",
        f"{ROOT}.args.where.id._is",
        "field '_is' not found in type: 'Int_comparison_exp'",
    ),
    (
        "{ pet(where: 3) { id } }",
        f"{ROOT}.args.where",
        "expected an object for type 'pet_bool_exp', but found a number",
    ),
    (
        "{ pet(where: {name: {_eq: 3}}) { id } }",
        f"{ROOT}.args.where.name._eq",
        "expected a string for type 'String', but found a number",
    ),
    (
        '{ pet(where: {name: {_eq: ["x"]}}) { id } }',
        f"{ROOT}.args.where.name._eq",
        "expected a string for type 'String', but found a list",
    ),
    (
        "{ pet(order_by: {id: up}) { id } }",
        f"{ROOT}.args.order_by[0].id",
        "expected one of the values ['asc', 'asc_nulls_first', 'asc_nulls_last', 'desc', 'desc_nulls_first', "
        "'desc_nulls_last'] for type 'order_by', but found 'up'",
    ),
    (
        '{ pet(order_by: {id: "asc"}) { id } }',
        f"{ROOT}.args.order_by[0].id",
        "expected an enum value for type 'order_by', but found a string",
    ),
    ("{ pet(limit: -1) { id } }", f"{ROOT}.args.limit", "unexpected negative value"),
    (
        '{ pet(limit: "1") { id } }',
        f"{ROOT}.args.limit",
        "expected a 32-bit integer for type 'Int', but found a string",
    ),
    ("{ pet_by_pk { id } }", "$.selectionSet.pet_by_pk.args", "missing required field 'id'"),
    (
        "{ pet { a: id a: name } }",
        f"{ROOT}.selectionSet",
        "selection of both 'id' and 'name' specify the same response name, 'a'",
    ),
    (
        '{ pet { about(path: "a") about(path: "b") } }',
        f"{ROOT}.selectionSet",
        "inconsistent arguments between multiple selections of field 'about'",
    ),
    ("mutation { delete_owner(where: {}) { affected_rows } }", None, None),
    ("query($x: Nope) { pet { id } }", "$", "no such type exists in the schema: 'Nope'"),
    ("query($x: Int!) { pet { id } }", "$", 'expecting a value for non-nullable variable: "x"'),
    (
        "query($x: Int) { pet(where: {name: {_eq: $x}}) { id } }",
        f"{ROOT}.args.where.name._eq",
        "variable 'x' is declared as 'Int', but used where 'String' is expected",
    ),
    (
        "query($x: String) { pet(where: {name: {_in: $x}}) { id } }",
        f"{ROOT}.args.where.name._in",
        "variable 'x' is declared as 'String', but used where '[String!]' is expected",
    ),
]


@pytest.mark.parametrize(("query", "path", "message"), REFUSED)
def test_what_does_not_fit_the_schema_is_refused_where_it_stands(
    user: RoleSchema, query: str, path: str | None, message: str | None
) -> None:
    code, found_path, found_message = refusal(user, query)
    assert code == "validation-failed"
    if path is not None:
        assert (found_path, found_message) == (path, message)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "{",
        "{ pet { id }",
        "pet",
        '{ pet(where: {name: {_eq: "\\ud800"}}) { id } }',
        "{ pet { id } } { pet { id } }",
        "query A { pet { id } } query B { pet { id } }",
        "fragment F on pet { id }",
    ],
)
def test_a_text_that_is_no_document_with_one_operation_is_refused(user: RoleSchema, query: str) -> None:
    code, _, message = refusal(user, query)
    assert code == "validation-failed"
    assert message


SENSELESS = [
    ("query($x: Int, $x: Int) { pet { id } }", "$", 'multiple definitions for variable "x"'),
    ("{ pet(where: {name: {_eq: $x}}) { id } }", "$", 'unbound variable "x"'),
    ("{ pet { ...F } } fragment F on pet { about(path: $x) }", "$", 'unbound variable "x"'),
    (
        "{ pet { ...F } } fragment F on pet { id } fragment F on pet { id }",
        "$",
        'multiple definitions for fragment "F"',
    ),
    ("{ pet { ...F } }", f"{ROOT}.selectionSet", 'reference to undefined fragment "F"'),
    (
        "{ pet { ...F } } fragment F on pet { ...F }",
        f"{ROOT}.selectionSet.F.selectionSet",
        "the fragment definition(s) F form a cycle",
    ),
    (
        "{ pet { ...F } } fragment F on pet { owner { ...G } } fragment G on owner { pets { ...F } }",
        f"{ROOT}.selectionSet.F.selectionSet.owner.selectionSet.G.selectionSet.pets.selectionSet",
        "the fragment definition(s) F and G form a cycle",
    ),
    ("{ pet { id @nope } }", f"{ROOT}.selectionSet", "directive 'nope' is not defined in the schema"),
    (
        "{ pet { ... @cached { id } } }",
        f"{ROOT}.selectionSet",
        "directive 'cached' is not allowed on an inline fragment",
    ),
    ("query @skip(if: true) { pet { id } }", "$", "directive 'skip' is not allowed on a query"),
    (
        "{ pet { id @skip(if: true) @skip(if: true) } }",
        f"{ROOT}.selectionSet",
        "the following directives are used more than once: ['skip']",
    ),
    ("{ pet { id @skip } }", f"{ROOT}.selectionSet.skip.args", "missing required field 'if'"),
    ("{ pet { id @skip(of: 1) } }", f"{ROOT}.selectionSet.skip", "'skip' has no argument named 'of'"),
]


@pytest.mark.parametrize(("query", "path", "message"), SENSELESS)
def test_a_document_that_makes_no_sense_is_refused_where_it_stands(
    user: RoleSchema, query: str, path: str, message: str
) -> None:
    code = "parse-failed" if "multiple definitions" in message else "validation-failed"
    assert refusal(user, query) == (code, path, message)


def test_what_is_defined_and_not_used_is_no_mistake(user: RoleSchema) -> None:
    """As in Hasura; a value for what is not used is one."""
    query = (
        "query($x: Int, $n: Int = 2) { pet(limit: $n) { id } } fragment F on pet { about(path: $x) @nope }"
    )
    assert parameters(user, query) == ["7", "2"]
    assert refusal(user, query, x=1)[2] == "unexpected variables in variableValues: x"


def test_the_operation_is_picked_by_its_name() -> None:
    text = "query A { a: pet { id } } mutation B { delete_pet(where: {}) { affected_rows } }"
    assert select_operation(GraphQLRequest(text, "A")).kind == "query"
    assert select_operation(GraphQLRequest(text, "B")).kind == "mutation"
    with pytest.raises(EngineError, match="no such operation found in the document"):
        select_operation(GraphQLRequest(text, "C"))


# -- values ---------------------------------------------------------------------------------------------------

#: type of the variable, where it stands, its value, and the text for PostgreSQL
READ = [
    ("String", "name: {_eq: $x}", "it's", "it's"),
    ("String", "name: {_eq: $x}", "", ""),
    ("[String!]", "name: {_in: $x}", [], "{}"),
    ("[String!]", "name: {_in: $x}", ["a", 'b"\\', "NULL", "", "{,}"], '{"a","b\\"\\\\","NULL","","{,}"}'),
    ("[String!]", "name: {_in: $x}", "alone", '{"alone"}'),
    ("Int", "id: {_eq: $x}", 2**31 - 1, "2147483647"),
    ("Int", "id: {_eq: $x}", 3.0, "3"),
    ("bigint", "order: {_eq: $x}", 2**63 - 1, "9223372036854775807"),
    ("bigint", "order: {_eq: $x}", "9223372036854775807", "9223372036854775807"),
    ("jsonb", "about: {_eq: $x}", {"a": [1, None, "é"]}, '{"a":[1,null,"é"]}'),
    ("jsonb", "about: {_eq: $x}", [1], "[1]"),
    ("jsonb", "about: {_eq: $x}", "\\u0000 is only text", '"\\\\u0000 is only text"'),
    ("[jsonb!]", "about: {_in: $x}", [{"a": 1}, [2]], '{"{\\"a\\":1}","[2]"}'),
]


@pytest.mark.parametrize(("type_", "place", "value", "text"), READ)
def test_a_variable_s_value_becomes_text_for_postgres(
    user: RoleSchema, type_: str, place: str, value: Any, text: str
) -> None:
    query = f"query($x: {type_}) {{ pet(where: {{{place}}}) {{ id }} }}"
    assert parameters(user, query, x=value) == ["7", text]


NOT_READ = [
    ("String", "name: {_eq: $x}", 3, "validation-failed"),
    ("String", "name: {_eq: $x}", ["a"], "validation-failed"),
    ("String", "name: {_eq: $x}", {"a": 1}, "validation-failed"),
    ("String", "name: {_eq: $x}", None, "validation-failed"),
    ("String", "name: {_eq: $x}", "a\0b", "parse-failed"),
    ("[String!]", "name: {_nin: $x}", [None], "validation-failed"),
    ("[String!]", "name: {_nin: $x}", ["a", None], "validation-failed"),
    ("[String!]", "name: {_in: $x}", [1], "validation-failed"),
    ("[String!]", "name: {_in: $x}", None, "validation-failed"),
    ("Int", "id: {_eq: $x}", "3", "validation-failed"),
    ("Int", "id: {_eq: $x}", True, "validation-failed"),
    ("Int", "id: {_eq: $x}", 2**31, "parse-failed"),
    ("Int", "id: {_eq: $x}", 1.5, "parse-failed"),
    ("Int", "id: {_eq: $x}", 1e300, "parse-failed"),
    ("bigint", "order: {_eq: $x}", 2**63, "parse-failed"),
    ("bigint", "order: {_eq: $x}", [1], "validation-failed"),
    ("Boolean", "name: {_is_null: $x}", "true", "validation-failed"),
    ("Boolean", "name: {_is_null: $x}", 1, "validation-failed"),
    ("Boolean", "name: {_is_null: $x}", None, "validation-failed"),
    ("jsonb", "about: {_eq: $x}", "a\0", "parse-failed"),
    ("jsonb", "about: {_eq: $x}", {"\\\0": 1}, "parse-failed"),
    ("jsonb", "about: {_eq: $x}", "\ud800", "parse-failed"),
    ("pet_bool_exp!", "_and: [$x]", [{}], "validation-failed"),
    ("pet_bool_exp!", "_and: [$x]", None, "validation-failed"),
    ("pet_bool_exp!", "_not: $x", {"nope": {}}, "validation-failed"),
]


@pytest.mark.parametrize("first", ["a fresh plan", "a kept plan"])
@pytest.mark.parametrize(("type_", "place", "value", "code"), NOT_READ)
def test_a_wrong_value_is_refused_also_where_another_request_has_made_the_plan(
    user: RoleSchema, type_: str, place: str, value: Any, code: str, first: str
) -> None:
    good = {
        "String": "a",
        "[String!]": ["a"],
        "Int": 1,
        "bigint": 1,
        "Boolean": True,
        "jsonb": 1,
        "pet_bool_exp!": {},
    }
    query = f"query($x: {type_}) {{ pet(where: {{{place}}}) {{ id }} }}"
    if first == "a kept plan":
        parameters(user, query, x=good[type_])
    found, path, _ = refusal(user, query, x=value)
    assert found == code
    assert path.startswith(("$.selectionSet.pet.args.where", "$"))


def test_a_variable_that_was_not_given_is_null_and_matches_nothing_by_accident(user: RoleSchema) -> None:
    query = "query($id: Int) { pet(where: {id: {_eq: $id}}) { id } }"
    for variables in ({}, {"id": None}):
        assert refusal(user, query, **variables)[0] == "validation-failed"
    # Where null means "as if it was not said", it may be left out.
    assert parameters(user, "query($n: Int) { pet(limit: $n) { id } }") == ["7"]


def test_defaults_stand_in_for_variables_that_were_not_given(user: RoleSchema) -> None:
    query = (
        'query($w: pet_bool_exp = {name: {_eq: "d"}}, $o: order_by = desc, $n: Int! = 3)'
        " { pet(where: $w, order_by: {id: $o}, limit: $n) { id } }"
    )
    assert parameters(user, query) == ["7", "d", "3"]
    assert parameters(user, query, n=4, w={}, o="asc") == ["7", "4"]
    assert refusal(user, query, n=None)[2] == 'null value found for non-nullable type: "Int!"'


def test_variables_inside_lists_and_json_literals_are_filled_in(user: RoleSchema) -> None:
    query = (
        "query($a: String!, $j: jsonb) {"
        ' pet(where: {name: {_in: [$a, "b"]}, about: {_contains: {x: [$j, {y: $a}]}}}) { id } }'
    )
    assert parameters(user, query, a="a", j={"k": 1}) == ["7", "a", "b", '{"x":[{"k":1},{"y":"a"}]}']
    assert parameters(user, query, a="c", j=None) == ["7", "c", "b", '{"x":[null,{"y":"c"}]}']


def test_a_variable_that_nobody_declared_is_refused(user: RoleSchema) -> None:
    assert refusal(user, "{ pet { id } }", x=1)[2] == "unexpected variables in variableValues: x"


# -- the plans that are kept ----------------------------------------------------------------------------------


def prepared(schema: RoleSchema, query: str, **variables: Any) -> Prepared:
    operation = select_operation(GraphQLRequest(query))
    return schema.prepare(operation, schema.values(operation, variables))


def statement(schema: RoleSchema, query: str, **variables: Any) -> Statement:
    (read,) = prepared(schema, query, **variables).reads
    return read.statement.alone


def test_a_plan_serves_every_value_of_its_shape_and_no_other_shape(user: RoleSchema) -> None:
    query = (
        "query($w: pet_bool_exp, $o: [pet_order_by!], $all: Boolean = false)"
        " { pet(where: $w, order_by: $o) { id name @include(if: $all) } }"
    )
    shapes: list[dict[str, Any]] = [
        {},
        {"w": None},
        {"w": {}},
        {"w": {"name": {"_eq": "a"}}},
        {"w": {"name": {"_neq": "a"}}},
        {"w": {"name": {"_is_null": True}}},
        {"w": {"name": {"_is_null": False}}},
        {"w": {"_or": []}},
        {"w": {"_or": [{}]}},
        {"w": {"_or": [{}, {}]}},
        {"w": {"_or": {"name": {"_eq": "a"}}}},
        {"w": {"name": {"_eq": "a"}, "id": {"_eq": 1}}},
        {"o": {"id": "asc"}},
        {"o": {"id": "desc"}},
        {"o": [{"id": "asc"}, {"name": "asc"}]},
        {"all": True},
    ]
    fresh = [statement(role(), query, **variables) for variables in shapes]
    for _ in range(2):
        assert [statement(user, query, **variables) for variables in shapes] == fresh
    same = prepared(user, query, w={"name": {"_eq": "a"}})
    assert prepared(user, query, w={"name": {"_eq": "b"}}) is same


def test_a_text_that_is_too_long_is_not_kept(user: RoleSchema) -> None:
    short, long_ = "{ pet { id } }", "{ pet { id } }" + " " * 30_000
    assert prepared(user, short) is prepared(user, short)
    assert statement(user, long_) == statement(user, short)
    assert prepared(user, long_) is not prepared(user, long_)


def test_a_plan_with_very_many_values_is_not_kept(user: RoleSchema) -> None:
    query = "mutation($o: [pet_insert_input!]!) { insert_pet(objects: $o) { affected_rows } }"
    assert prepared(user, query, o=[{"name": "a"}]) is prepared(user, query, o=[{"name": "b"}])
    many = [{"name": str(number)} for number in range(300)]
    assert prepared(user, query, o=many) is not prepared(user, query, o=many)


# -- bounds ---------------------------------------------------------------------------------------------------


def nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(depth):
        found = {"_not": found}
    return found


def test_what_is_nested_too_deeply_is_refused(user: RoleSchema) -> None:
    query = "query($w: pet_bool_exp) { pet(where: $w) { id } }"
    assert parameters(user, query, w=nested(50)) == ["7"]
    assert refusal(user, query, w=nested(900))[0] == "validation-failed"
    for text in (
        "{ pet(where: " + "{_not: " * 1500 + "{}" + "}" * 1500 + ") { id } }",
        "{ pet {" + "owner { pets {" * 300 + "id" + "} }" * 300 + "} }",
    ):
        assert refusal(user, text)[0] == "validation-failed"
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    code, _, _ = refusal(user, "query($j: jsonb) { pet(where: {about: {_eq: $j}}) { id } }", j=deep)
    assert code in {"validation-failed", "parse-failed"}


def test_fragments_cannot_multiply_without_end(user: RoleSchema) -> None:
    spread = " ".join(f"fragment F{i} on pet {{ ...F{i + 1} ...F{i + 1} }}" for i in range(40))
    assert parameters(user, spread + " fragment F40 on pet { id } { pet { ...F0 } }") == ["7"]
    nest = "owner {{ pets {{ ...F{0} }} }}"
    alias = " ".join(
        f"fragment F{i} on pet {{ a: {nest.format(i + 1)} b: {nest.format(i + 1)} }}" for i in range(12)
    )
    assert refusal(user, alias + " fragment F12 on pet { id } { pet { ...F0 } }")[2] == (
        f"the query selects more than {MAX_FIELDS} fields"
    )


def test_a_field_may_be_named_many_times(user: RoleSchema) -> None:
    assert parameters(user, "{ pet {" + "id " * (MAX_TOKENS - 10) + "} }") == ["7"]
    assert refusal(user, "{ pet {" + "id " * MAX_TOKENS + "} }")[1] == "$.query"


@pytest.mark.parametrize("literal", ["1e999999999", "9" * 5000, "-1e999999999", "1e40", "2147483648"])
def test_a_number_out_of_all_bounds_is_refused_at_once(user: RoleSchema, literal: str) -> None:
    for column, code in (("id", "parse-failed"), ("order", "parse-failed")):
        if column == "order" and literal == "2147483648":
            continue
        found, path, message = refusal(user, f"{{ pet(where: {{{column}: {{_eq: {literal}}}}}) {{ id }} }}")
        assert (found, path) == (code, f"{ROOT}.args.where.{column}._eq")
        assert "lies outside the bounds or is not an integer" in message


def test_numbers_inside_json_literals_keep_every_digit(user: RoleSchema) -> None:
    query = "{ pet(where: {about: {_eq: {i: 123456789012345678901234567890, f: 0.12345678901234567890123}}}) { id } }"
    assert parameters(user, query) == [
        "7",
        '{"i":123456789012345678901234567890,"f":0.12345678901234567890123}',
    ]


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("$.a.b", '{"a","b"}'),
        ("a.b", '{"a","b"}'),
        ("$", "{}"),
        ("", "{}"),
        ("a[0]", '{"a","0"}'),
        ('$["a b"]', '{"a b"}'),
        ("['x.y'].z", '{"x.y","z"}'),
        ('a[0].["b"]', '{"a","0","b"}'),
        ("$.ключ", '{"ключ"}'),
    ],
)
def test_a_json_path_is_postgres_s_path(user: RoleSchema, path: str, steps: str) -> None:
    assert parameters(user, "query($p: String) { pet { about(path: $p) } }", p=path) == ["7", steps]


@pytest.mark.parametrize("path", ["a]", "a[", "a..b", "a[x]", "a" * 5000 + "]", "a[" * 2000])
def test_a_malformed_json_path_is_refused_at_once(user: RoleSchema, path: str) -> None:
    assert refusal(user, "query($p: String) { pet { about(path: $p) } }", p=path)[0] == "parse-failed"


# -- directives and merging -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("directives", "shown"),
    [
        ("@include(if: true)", True),
        ("@include(if: false)", False),
        ("@skip(if: true)", False),
        ("@skip(if: false)", True),
        ("@skip(if: false) @include(if: false)", False),
        ("@include(if: $t)", True),
        ("@skip(if: $t)", False),
        ("@include(if: $f)", False),
    ],
)
def test_include_and_skip_decide(user: RoleSchema, directives: str, shown: bool) -> None:
    for selection in (f"name {directives}", f"... {directives} {{ name }}", f"...F {directives}"):
        declared = "$t: Boolean = true, $f: Boolean = false"
        query = f"query({declared}) {{ pet {{ id {selection} }} }} fragment F on pet {{ name }}"
        operation = select_operation(GraphQLRequest(query))
        (read,) = user.prepare(operation, user.values(operation, {})).reads
        assert ("'name'" in read.statement.alone.sql) is shown


@pytest.mark.parametrize("value", ["true", 1, None, []])
def test_a_condition_that_is_no_boolean_is_refused(user: RoleSchema, value: Any) -> None:
    query = "query($t: Boolean!) { pet { id name @include(if: $t) } }"
    assert refusal(user, query, t=value)[0] == "validation-failed"


def test_equal_fields_are_merged_with_all_that_they_select(user: RoleSchema) -> None:
    merged = statement(
        user, "{ pet { owner { id } ... { owner { name } } ...F } } fragment F on pet { owner { tags } }"
    )
    assert merged == statement(user, "{ pet { owner { id name tags } } }")
