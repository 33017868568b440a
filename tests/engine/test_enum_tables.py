"""A column that refers to an enum table is an enum of that table's rows."""

import pytest

from tests.engine.bookshop import METADATA
from tests.engine.served import ADMIN, Served, snapshot_of


async def test_the_rows_of_the_table_are_the_values_of_the_enum(bookshop: Served) -> None:
    found = await bookshop.ask(
        ADMIN, '{ __type(name: "shelf_enum") { kind enumValues { name description } } }'
    )
    assert found["__type"] == {
        "kind": "ENUM",
        "enumValues": [{"name": "poetry", "description": "verse"}, {"name": "science", "description": None}],
    }


async def test_values_are_written_and_compared_as_enum_values(bookshop: Served) -> None:
    query = """query($in: [shelf_enum!]) {
        a: book(where: {shelf: {_eq: poetry}}) { title } b: book(where: {shelf: {_in: $in}}) { shelf } }"""
    found = await bookshop.ask(ADMIN, query, **{"in": ["science"]})
    assert found == {"a": [{"title": "Weaving"}], "b": [{"shelf": "science"}, {"shelf": "science"}]}
    changed = await bookshop.ask(
        ADMIN,
        "mutation($s: shelf_enum) { update_book_by_pk(pk_columns: {id: 1}, _set: {shelf: $s}) { shelf } }",
        s=None,
    )
    assert changed["update_book_by_pk"] == {"shelf": None}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "cooking",
            "expected one of the values ['poetry', 'science'] for type 'shelf_enum', but found 'cooking'",
        ),
        ('"poetry"', "expected an enum value for type 'shelf_enum', but found a string"),
    ],
)
async def test_another_value_is_refused(bookshop: Served, value: str, message: str) -> None:
    refusal = await bookshop.refusal(ADMIN, f"{{ book(where: {{shelf: {{_eq: {value}}}}}) {{ title }} }}")
    assert refusal == ("validation-failed", "$.selectionSet.book.args.where.shelf._eq", message)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("INSERT INTO shelf VALUES ('not a name', NULL)", "is not a valid GraphQL enum value name"),
        ("UPDATE book SET shelf = NULL; DELETE FROM shelf", "it is empty"),
        ("ALTER TABLE shelf ADD COLUMN size int", "a primary key of one text column"),
    ],
)
async def test_a_table_that_is_no_enum_is_inconsistent(bookshop: Served, change: str, reason: str) -> None:
    await bookshop.run(change)
    async with bookshop.pool.connection() as connection:
        snapshot = await snapshot_of(METADATA, connection)
    found = [item for item in snapshot.inconsistencies if item["type"] == "table"]
    assert [item["definition"]["name"] for item in found] == ["shelf"]
    assert reason in found[0]["reason"]
