"""Functions of a row, read like columns or like relationships."""

import pytest

from hasura.engine.catalog.model import Argument, Catalog, Function, PgType, Table
from hasura.engine.metadata.model import ComputedField
from hasura.engine.resolve.computed import computed_field
from hasura.engine.resolve.misfit import Misfit
from tests.engine.bookshop import writer
from tests.engine.served import ADMIN, Served


async def test_a_computed_value_is_selected_filtered_and_ordered_by(bookshop: Served) -> None:
    found = await bookshop.ask(
        ADMIN,
        '{ book(where: {price: {_gt: 1}}, order_by: {price: asc}) { title price heading(args: {prefix: "> "}) } }',
    )
    assert found["book"] == [
        {"title": "Weaving", "price": 8.0, "heading": "> Weaving"},
        {"title": "Engines", "price": 12.5, "heading": "> Engines"},
    ]


async def test_computed_rows_are_selected_with_arguments_and_relationships(bookshop: Served) -> None:
    found = await bookshop.ask(
        ADMIN,
        """{ writer(order_by: {id: asc}) {
            name bestsellers(order_by: {title: desc}, limit: 1) { title writer { name } } } }""",
    )
    assert found["writer"] == [
        {"name": "Ada", "bestsellers": [{"title": "Engines", "writer": {"name": "Ada"}}]},
        {"name": "Bob", "bestsellers": [{"title": "Bridges", "writer": {"name": "Bob"}}]},
    ]


async def test_rows_are_filtered_by_their_computed_rows(bookshop: Served) -> None:
    found = await bookshop.ask(ADMIN, '{ writer(where: {bestsellers: {title: {_like: "B%"}}}) { name } }')
    assert found["writer"] == [{"name": "Bob"}]


async def test_computed_rows_pass_the_row_filter_of_their_table(bookshop: Served) -> None:
    query = "{ writer { name bestsellers { title } } }"
    assert (await bookshop.ask(writer(1), query))["writer"] == [
        {"name": "Ada", "bestsellers": [{"title": "Engines"}]}
    ]
    # Bob's book is sold, but not Ada's to see.
    await bookshop.run("UPDATE book SET writer_id = 1 WHERE id = 3")
    await bookshop.run("UPDATE writer SET id = 9 WHERE id = 2")
    assert (await bookshop.ask(writer(9), query))["writer"] == [{"name": "Bob", "bestsellers": []}]


async def test_a_session_argument_is_filled_in(bookshop: Served) -> None:
    found = await bookshop.ask(writer(1), "{ book(order_by: {id: asc}) { title mine } }")
    assert found["book"] == [{"title": "Engines", "mine": True}, {"title": "Weaving", "mine": True}]


async def test_a_permission_may_rest_on_a_computed_value(bookshop: Served) -> None:
    assert (await bookshop.ask(writer(1, "bargain"), "{ book { title } }"))["book"] == [{"title": "Bridges"}]


async def test_a_computed_value_needs_a_permission_of_its_own(bookshop: Served) -> None:
    code, path, message = await bookshop.refusal(writer(1), '{ book { heading(args: {prefix: ""}) } }')
    assert (code, path) == ("validation-failed", "$.selectionSet.book.selectionSet.heading")
    assert message == "field 'heading' not found in type: 'book'"


async def test_what_a_mutation_returns_has_computed_fields(bookshop: Served) -> None:
    found = await bookshop.ask(
        ADMIN,
        'mutation { update_book_by_pk(pk_columns: {id: 2}, _set: {cents: 50}) { price heading(args: {prefix: ""}) } }',
    )
    assert found["update_book_by_pk"] == {"price": 0.5, "heading": "Weaving"}


@pytest.mark.parametrize(
    "query",
    [
        "subscription { book { price } }",
        "subscription { book(where: {price: {_gt: 1}}) { title } }",
        "subscription { book(order_by: {price: asc}) { title } }",
        'subscription { writer(where: {bestsellers: {title: {_like: "B%"}}}) { name } }',
        "subscription { writer { bestsellers { title } } }",
    ],
)
async def test_a_live_query_over_a_computed_field_is_polled(bookshop: Served, query: str) -> None:
    """Nobody announces what a function reads: the plan names something that is no table."""
    assert not bookshop.live(ADMIN, query).tables <= bookshop.snapshot.source("default").tables.keys()


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        ({"function": "nowhere"}, "no such function exists"),
        ({"function": "writer_bestsellers"}, "is not the table to which the computed field is being added"),
        ({"function": "book_price", "table_argument": "nobody"}, "is not an input argument"),
    ],
)
def test_a_definition_that_fits_nothing_is_inconsistent(definition: dict[str, str], reason: str) -> None:
    def of_row(name: str, table: str) -> Function:
        row = PgType(table, table, composite=True)
        number = PgType("numeric", "numeric")
        return Function(
            "public", name, (Argument("", row, has_default=False),), None, number, False, "s", None, False
        )

    table = Table("public", "book", "r", (), None, (), (), None, True, True, True)
    catalog = Catalog(
        {("public", "book"): table},
        {("public", n): of_row(n, t) for n, t in (("writer_bestsellers", "writer"), ("book_price", "book"))},
    )
    entry = ComputedField.model_validate({"name": "it", "definition": definition})
    with pytest.raises(Misfit, match=reason):
        computed_field(entry, table, catalog, {("public", "book")})
