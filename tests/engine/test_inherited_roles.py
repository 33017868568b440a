"""What a role has from other roles: reads add up row by row, writes only where the parents agree."""

import pytest

from tests.engine.bookshop import writer
from tests.engine.served import Served

BOTH = writer(1, "both")


async def test_rows_of_every_parent_are_seen_and_columns_only_where_a_parent_sees_both(
    bookshop: Served,
) -> None:
    found = await bookshop.ask(BOTH, "{ book(order_by: {id: asc}) { title cents price } }")
    assert found["book"] == [
        {"title": "Engines", "cents": 1250, "price": 12.5},
        {"title": "Weaving", "cents": 800, "price": 8.0},
        {"title": "Bridges", "cents": None, "price": None},
    ]


@pytest.mark.parametrize(
    "query",
    [
        "{ book(where: {cents: {_eq: 99}}) { title } }",
        "{ book(where: {cents: {_lt: 100}}) { title } }",
        "{ book(where: {price: {_lt: 1}}) { title } }",
        '{ writer(where: {notes: {_eq: "pays late"}}) { name } }',
        "{ writer(where: {books: {cents: {_eq: 99}}}) { name } }",
    ],
)
async def test_a_hidden_value_cannot_be_found_by_asking_for_it(bookshop: Served, query: str) -> None:
    (found,) = (await bookshop.ask(BOTH, query)).values()
    assert found == []


async def test_a_hidden_value_neither_sorts_nor_counts(bookshop: Served) -> None:
    found = await bookshop.ask(
        BOTH,
        """{ sorted: book(order_by: {cents: asc_nulls_last}) { title }
             book_aggregate { aggregate { count priced: count(columns: [cents]) min { cents } sum { cents } } }
             distinct: book(distinct_on: [cents], order_by: {cents: desc_nulls_last}) { title } }""",
    )
    assert [book["title"] for book in found["sorted"]] == ["Weaving", "Engines", "Bridges"]
    assert found["book_aggregate"]["aggregate"] == {
        "count": 3,
        "priced": 2,
        "min": {"cents": 800},
        "sum": {"cents": 2050},
    }
    assert [book["title"] for book in found["distinct"]] == ["Engines", "Weaving", "Bridges"]


async def test_what_a_write_returns_is_redacted_as_well(bookshop: Served) -> None:
    found = await bookshop.ask(
        BOTH, 'mutation { insert_book(objects: [{title: "Z", writer_id: 2}]) { returning { title cents } } }'
    )
    assert found["insert_book"]["returning"] == [{"title": "Z", "cents": None}]


async def test_a_write_that_one_parent_has_is_inherited(bookshop: Served) -> None:
    found = await bookshop.ask(BOTH, "mutation { delete_book(where: {}) { affected_rows } }")
    assert found["delete_book"] == {"affected_rows": 2}


async def test_a_write_that_the_parents_do_not_agree_on_is_not_inherited(bookshop: Served) -> None:
    _, path, message = await bookshop.refusal(
        BOTH, "mutation { update_book(where: {}, _set: {cents: 1}) { affected_rows } }"
    )
    assert (path, message) == (
        "$.selectionSet.update_book",
        "field 'update_book' not found in type: 'mutation_root'",
    )
