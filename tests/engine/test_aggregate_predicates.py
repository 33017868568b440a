"""Rows chosen by aggregates of their related rows."""

import pytest

from tests.engine.bookshop import writer
from tests.engine.served import ADMIN, Served


@pytest.mark.parametrize(
    ("predicate", "names"),
    [
        ("{count: {predicate: {_eq: 2}}}", ["Ada"]),
        ("{count: {predicate: {_gte: 1}, filter: {sold: {_eq: true}}}}", ["Ada", "Bob"]),
        ("{count: {predicate: {_eq: 0}, filter: {cents: {_lt: 100}}}}", ["Ada"]),
        ("{count: {arguments: [shelf], distinct: true, predicate: {_eq: 1}}}", ["Bob"]),
        ("{bool_and: {arguments: sold, predicate: {_eq: true}}}", ["Bob"]),
        ("{bool_or: {arguments: sold, predicate: {_eq: true}}}", ["Ada", "Bob"]),
        ("{count: {predicate: {_eq: 2}}, bool_and: {arguments: sold, predicate: {_eq: true}}}", []),
    ],
)
async def test_a_predicate_looks_at_the_related_rows_together(
    bookshop: Served, predicate: str, names: list[str]
) -> None:
    query = f"{{ writer(where: {{books_aggregate: {predicate}}}, order_by: {{id: asc}}) {{ name }} }}"
    assert [row["name"] for row in (await bookshop.ask(ADMIN, query))["writer"]] == names


async def test_only_rows_that_the_role_may_see_are_counted(bookshop: Served) -> None:
    query = "query($n: Int!) { writer(where: {books_aggregate: {count: {predicate: {_eq: $n}}}}) { name } }"
    guest = writer(0, "guest")
    assert (await bookshop.ask(guest, query, n=2))["writer"] == []
    assert len((await bookshop.ask(guest, query, n=1))["writer"]) == 2
