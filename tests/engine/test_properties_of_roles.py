"""Whatever roles ask for and write in a grove, the engine answers what the model answers, and nothing leaks.

A failing example reads as who asked, the trees that there were, and the GraphQL document.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from backend.embedded_postgres import EmbeddedPostgres
from hasura.engine.errors import EngineError
from tests.conftest import new_database
from tests.engine.grove import (
    COLUMNS,
    METADATA,
    PEOPLE,
    PUBLIC,
    ROLES,
    SCHEMA,
    Asker,
    Grove,
    RefusedError,
    Tree,
    View,
    Word,
    fill,
    held,
    holds,
    literal,
    ordered,
)
from tests.engine.served import Served, serving
from tests.engine.test_properties import EXAMPLES

NAMES = ["a", "b", "B", "50%", "_", "it's", 'say "hi"', "\\", "Zoë", "%s", ":p0"]
_examples = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
async def grove(postgres18: EmbeddedPostgres) -> AsyncIterator[Served]:
    with new_database(postgres18) as url:
        async with serving(url, {"version": 3, "sources": []}) as empty:
            await empty.run(SCHEMA)
        async with serving(url, METADATA) as served:
            yield served


# -- what there is ------------------------------------------------------------------------------------------------


@st.composite
def groves(draw: st.DrawFn) -> list[Tree]:
    names = draw(st.lists(st.sampled_from(NAMES), max_size=7, unique=True))
    trees = []
    for place, name in enumerate(names):
        above = draw(st.none() | st.integers(0, place - 1)) if place else None
        owner, open_ = draw(st.sampled_from(PEOPLE)), draw(st.sampled_from([True, True, False]))
        trees.append(Tree(place, owner, above, name, draw(st.none() | st.integers(0, 3)), open_))
    return trees


# -- what can be asked --------------------------------------------------------------------------------------------

_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "id": st.integers(0, 7),
    "above": st.integers(0, 7),
    "height": st.integers(0, 4),
    "name": st.sampled_from(NAMES),
    "owner": st.sampled_from(PEOPLE),
    "open": st.booleans(),
}
_OPERATORS = ("_eq", "_neq", "_gt", "_gte", "_lt", "_lte")


def _comparison(column: str) -> st.SearchStrategy[dict[str, Any]]:
    values = _VALUES[column]
    choices: list[st.SearchStrategy[dict[str, Any]]] = [
        st.builds(lambda operator, value: {operator: value}, st.sampled_from(_OPERATORS), values),
        st.builds(
            lambda operator, value: {operator: value},
            st.sampled_from(("_in", "_nin")),
            st.lists(values, max_size=3),
        ),
        st.booleans().map(lambda value: {"_is_null": value}),
        st.builds(lambda low, high: {"_gte": low, "_lt": high}, values, values),
    ]
    if column == "name":
        choices.append(st.sampled_from(["a", "B", "Zo", "it'", ""]).map(lambda head: {"_like": f"{head}%"}))
    return st.one_of(choices).map(lambda compared: {column: compared})


def _aggregates(inner: st.SearchStrategy[Any], columns: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    filters = st.none() | inner
    number = st.builds(
        lambda op, n: {op: n}, st.sampled_from(("_eq", "_gt", "_lte", "_neq")), st.integers(0, 2)
    )
    counts = st.builds(
        lambda filter_, column, distinct, predicate: {
            "count": {
                **({} if filter_ is None else {"filter": filter_}),
                **({} if column is None else {"arguments": [Word(column)], "distinct": distinct}),
                "predicate": predicate,
            }
        },
        filters,
        st.none() | st.sampled_from(columns),
        st.booleans(),
        number,
    )
    flags = st.builds(
        lambda function, filter_, value: {
            function: {
                "arguments": Word("open"),
                **({} if filter_ is None else {"filter": filter_}),
                "predicate": {"_eq": value},
            }
        },
        st.sampled_from(("bool_and", "bool_or")),
        filters,
        st.booleans(),
    )
    return st.one_of(counts, flags).map(lambda group: {"guests_aggregate": group})


def conditions(columns: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    leaf = st.one_of(st.just({}), *map(_comparison, columns))
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda items: {"_and": items}),
            st.lists(inner, max_size=3).map(lambda items: {"_or": items}),
            inner.map(lambda item: {"_not": item}),
            inner.map(lambda item: {"host": item}),
            inner.map(lambda item: {"guests": item}),
            _aggregates(inner, columns),
            st.builds(lambda one, other: {**one, **other}, inner, inner),
        ),
        max_leaves=6,
    )


_DIRECTIONS = st.sampled_from(
    [Word(f"{way}{nulls}") for way in ("asc", "desc") for nulls in ("", "_nulls_first", "_nulls_last")]
)


def orders(columns: tuple[str, ...]) -> st.SearchStrategy[list[dict[str, Any]]]:
    column = st.builds(lambda name, way: {name: way}, st.sampled_from(columns), _DIRECTIONS)
    numbers = tuple(name for name in columns if name in {"id", "above", "height", "name"})
    aggregate = st.one_of(
        _DIRECTIONS.map(lambda way: {"count": way}),
        st.builds(
            lambda function, name, way: {function: {name: way}},
            st.sampled_from(("max", "min")),
            st.sampled_from(numbers),
            _DIRECTIONS,
        ),
    ).map(lambda inner: {"guests_aggregate": inner})
    one = st.one_of(
        column,
        aggregate,
        st.one_of(column, aggregate).map(lambda inner: {"host": inner}),
        column.map(lambda inner: {"host": {"host": inner}}),
    )
    return st.lists(one, max_size=3)


_COLUMNS = {role: PUBLIC if role == "visitor" else COLUMNS for role in ROLES}
_CONDITIONS = {columns: conditions(columns) for columns in (PUBLIC, COLUMNS)}
_ORDERS = {columns: orders(columns) for columns in (PUBLIC, COLUMNS)}


@dataclass(frozen=True)
class Question:
    asker: Asker
    where: dict[str, Any]
    inner: dict[str, Any]
    order: list[dict[str, Any]]
    distinct: str | None
    limit: int | None
    offset: int | None

    @property
    def document(self) -> str:
        columns = " ".join(_COLUMNS[self.asker.role])
        distinct = "" if self.distinct is None else f"distinct_on: [{self.distinct}], "
        return (
            "query($where: tree_bool_exp!, $order: [tree_order_by!], $limit: Int, $offset: Int) {"
            f" tree(where: {literal(self.where)}, {distinct}order_by: {literal(self.order)}, limit: $limit,"
            f" offset: $offset) {{ {columns} host {{ id }}"
            f" guests(where: {literal(self.inner)}, order_by: {{id: desc}}) {{ {columns} }}"
            " guests_aggregate { aggregate { count } } }"
            " again: tree(where: $where, order_by: $order) { id }"
            " tree_aggregate(where: $where) { aggregate { count sum { id } max { name } } nodes { id } } }"
        )

    @property
    def variables(self) -> dict[str, Any]:
        return {"where": self.where, "order": self.order, "limit": self.limit, "offset": self.offset}

    def __repr__(self) -> str:
        return f"{self.asker} asks {self.document} with {self.variables}"


@st.composite
def questions(draw: st.DrawFn) -> Question:
    asker = Asker(draw(st.sampled_from(ROLES)), draw(st.sampled_from(PEOPLE)))
    columns = _COLUMNS[asker.role]
    order = draw(_ORDERS[columns])
    distinct = draw(st.none() | st.sampled_from(columns))
    if distinct is not None:
        order = [{distinct: draw(_DIRECTIONS)}, *order]
    return Question(
        asker,
        draw(_CONDITIONS[columns]),
        draw(_CONDITIONS[columns]),
        [*order, {"id": Word("asc")}],
        distinct,
        draw(st.none() | st.integers(0, 4)),
        draw(st.none() | st.integers(0, 3)),
    )


def expected(trees: list[Tree], question: Question) -> dict[str, Any]:
    view = View(trees, question.asker)
    columns = _COLUMNS[question.asker.role]

    def shown(tree: Tree) -> dict[str, Any]:
        return {column: view.value(tree, column) for column in columns}

    def matching(where: dict[str, Any], among: list[Tree]) -> list[Tree]:
        return [tree for tree in among if holds(where, view, tree) is True]

    found = matching(question.where, list(view.trees.values()))
    page = ordered(found, question.order, view)
    if question.distinct is not None:
        firsts: dict[Any, Tree] = {}
        for tree in page:
            firsts.setdefault(view.value(tree, question.distinct), tree)
        page = list(firsts.values())
    start = question.offset or 0
    page = page[start : None if question.limit is None else start + question.limit]
    by_id = sorted(view.trees)
    return {
        "tree": [
            {
                **shown(tree),
                "host": None if (host := view.host(tree)) is None else {"id": host.id},
                "guests": [
                    shown(guest)
                    for number in reversed(by_id)
                    for guest in matching(question.inner, view.guests(tree))
                    if guest.id == number
                ],
                "guests_aggregate": {"aggregate": {"count": len(view.guests(tree))}},
            }
            for tree in page
        ],
        "again": [{"id": tree.id} for tree in ordered(found, question.order, view)],
        "tree_aggregate": {
            "aggregate": {
                "count": len(found),
                "sum": {"id": sum(tree.id for tree in found) if found else None},
                "max": {"name": max((tree.name for tree in found), default=None)},
            },
            "nodes": [{"id": tree.id} for tree in found],
        },
    }


@_examples
@given(trees=groves(), question=questions())
async def test_every_role_is_answered_what_the_model_says(
    grove: Served, trees: list[Tree], question: Question
) -> None:
    await fill(grove.pool, trees)
    answer = await grove.ask(question.asker.session, question.document, **question.variables)
    wanted = expected(trees, question)
    for part in (answer, wanted):  # nobody asked for an order of these
        part["tree_aggregate"]["nodes"].sort(key=lambda node: node["id"])
    assert answer == wanted


# -- what can be changed ------------------------------------------------------------------------------------------

_HEIGHTS = st.none() | st.integers(-1, 3)
_where = st.one_of(_CONDITIONS[COLUMNS], st.just({}))
_objects = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(0, 14),
            "above": st.one_of(st.none(), st.none(), st.integers(0, 6)),
            "name": st.sampled_from(NAMES),
            "height": st.one_of(st.integers(0, 3), st.integers(0, 3), _HEIGHTS),
            "open": st.booleans(),
        }
    ),
    max_size=3,
)
_sets = st.fixed_dictionaries(
    {}, optional={"name": st.sampled_from(NAMES), "height": st.integers(-1, 3), "open": st.booleans()}
)
# Conditions of a conflict are on the row that is there, by its columns.
_flat = st.one_of(st.just({}), _comparison("height"), _comparison("name"), _comparison("open"))


@dataclass(frozen=True)
class Change:
    kind: str
    arguments: dict[str, Any]

    def __repr__(self) -> str:
        given_ = ", ".join(f"{name}: {literal(value)}" for name, value in self.arguments.items())
        return f"{self.kind}(" + given_ + ") { affected_rows }"

    def apply(self, grove: Grove, asker: Asker) -> Any:
        """What the mutation answers. Raises ``RefusedError``."""
        given_ = self.arguments
        match self.kind:
            case "insert_tree":
                answer: Any = grove.insert(asker, given_["objects"], given_.get("on_conflict"))
            case "update_tree":
                answer = grove.update(asker, given_["where"], given_.get("_set", {}), given_.get("_inc", {}))
            case "update_tree_many":
                return [
                    {
                        "affected_rows": grove.update(
                            asker, each["where"], each.get("_set", {}), each.get("_inc", {})
                        )
                    }
                    for each in given_["updates"]
                ]
            case _:
                answer = grove.delete(asker, given_["where"])
        return {"affected_rows": answer}


@st.composite
def _updates(draw: st.DrawFn) -> dict[str, Any]:
    set_ = draw(_sets)
    found: dict[str, Any] = {"where": draw(_where)}
    if "height" not in set_ and draw(st.booleans()):
        found["_inc"] = {"height": draw(st.integers(-2, 2))}
    if set_ or "_inc" not in found:
        found["_set"] = set_ or {"open": True}
    return found


@st.composite
def _inserts(draw: st.DrawFn) -> Change:
    objects = draw(_objects)
    given_: dict[str, Any] = {"objects": objects}
    constraint = draw(st.sampled_from([None, "tree_pkey", "tree_name_key"]))
    if constraint is not None:
        if draw(st.booleans()):  # nothing but the named constraint stands in the way
            other = "name" if constraint == "tree_pkey" else "id"
            fresh = {"name": "new {}".format, "id": (100).__add__}[other]
            given_["objects"] = [{**each, other: fresh(place)} for place, each in enumerate(objects)]
        columns = draw(st.sampled_from([["height"], ["height", "open"], ["open"], ["name"], []]))
        conflict: dict[str, Any] = {
            "constraint": Word(constraint),
            "update_columns": [Word(column) for column in columns],
        }
        if columns and draw(st.booleans()):
            conflict["where"] = draw(_flat)
        given_["on_conflict"] = conflict
    return Change("insert_tree", given_)


changes = st.one_of(
    _inserts(),
    _updates().map(lambda update: Change("update_tree", update)),
    st.lists(_updates(), max_size=2).map(lambda updates: Change("update_tree_many", {"updates": updates})),
    _where.map(lambda where: Change("delete_tree", {"where": where})),
)
steps_ = st.lists(
    st.tuples(
        st.builds(Asker, st.sampled_from(["keeper", "both"]), st.sampled_from(PEOPLE)),
        st.lists(changes, min_size=1, max_size=2),
    ),
    max_size=3,
)


@_examples
@given(trees=groves(), steps=steps_)
async def test_changes_of_two_people_leave_what_the_model_leaves(
    grove: Served, trees: list[Tree], steps: list[tuple[Asker, list[Change]]]
) -> None:
    await fill(grove.pool, trees)
    model = Grove(trees)
    for asker, together in steps:
        document = "mutation { " + " ".join(f"m{n}: {change}" for n, change in enumerate(together)) + " }"
        note(f"{asker}: {document}")
        after = Grove(model.trees.values())
        try:
            wanted: Any = {f"m{n}": change.apply(after, asker) for n, change in enumerate(together)}
        except RefusedError:
            with pytest.raises(EngineError):
                note(f"not refused: {await grove.ask(asker.session, document)}")
        else:
            assert await grove.ask(asker.session, document) == wanted
            model = after
        assert await held(grove) == sorted(model.trees.values(), key=lambda tree: tree.id)
