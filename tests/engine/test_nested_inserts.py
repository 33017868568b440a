"""Rows inserted together with the rows they refer to, and with those that refer to them."""

import pytest

from tests.engine.bookshop import writer
from tests.engine.served import ADMIN, Served


async def test_children_get_their_parents_key(bookshop: Served) -> None:
    found = await bookshop.ask(
        ADMIN,
        """mutation { insert_writer(objects: [
            {name: "Cyd", books: {data: [{title: "One"}, {title: "Two", shelf: poetry}]}}, {name: "Dan"}
        ]) { affected_rows returning { name books(order_by: {id: asc}) { title shelf } } } }""",
    )
    assert found["insert_writer"] == {
        "affected_rows": 4,
        "returning": [
            {"name": "Cyd", "books": [{"title": "One", "shelf": None}, {"title": "Two", "shelf": "poetry"}]},
            {"name": "Dan", "books": []},
        ],
    }


async def test_a_row_gets_the_key_of_the_row_it_refers_to(bookshop: Served) -> None:
    found = await bookshop.ask(
        ADMIN,
        """mutation { insert_book_one(object: {
            title: "New", writer: {data: {name: "Eve"}}, label: {data: {text: "fresh"}}
        }) { title writer { name } label { text } } }""",
    )
    assert found["insert_book_one"] == {"title": "New", "writer": {"name": "Eve"}, "label": {"text": "fresh"}}


async def test_a_conflict_that_updates_gives_its_key(bookshop: Served) -> None:
    found = await bookshop.ask(
        ADMIN,
        """mutation { insert_book_one(object: {title: "New", writer: {
            data: {name: "Ada"}, on_conflict: {constraint: writer_name_key, update_columns: [name]}
        }}) { writer { id } } }""",
    )
    assert found["insert_book_one"]["writer"] == {"id": 1}


@pytest.mark.parametrize(
    ("mutation", "refusal"),
    [
        pytest.param(
            'insert_writer(objects: [{name: "C", books: {data: [{title: "t", writer_id: 1}]}}])',
            (
                "validation-failed",
                "$.selectionSet.insert_writer.args.objects[0].books.data[0]",
                'cannot insert "writer_id" columns as their values are already being determined by parent insert',
            ),
            id="a child's key is the parent's to give",
        ),
        pytest.param(
            'insert_book(objects: [{title: "t", writer_id: 1, writer: {data: {name: "C"}}}])',
            (
                "validation-failed",
                "$.selectionSet.insert_book.args.objects[0].writer",
                'cannot insert object relationship "writer" as "writer_id" column values are already determined',
            ),
            id="a key is given once",
        ),
    ],
)
async def test_a_key_has_one_source(bookshop: Served, mutation: str, refusal: tuple[str, str, str]) -> None:
    assert await bookshop.refusal(ADMIN, f"mutation {{ {mutation} {{ affected_rows }} }}") == refusal


@pytest.mark.parametrize(
    ("mutation", "refusal"),
    [
        pytest.param(
            """insert_book(objects: [{title: "ok", writer: {
                data: {name: "Ada"}, on_conflict: {constraint: writer_name_key, update_columns: []}}}])""",
            (
                "not-supported",
                "$.selectionSet.insert_book.args.objects[0].writer",
                'cannot proceed to insert object relation "writer" since insert to table "writer" affects zero rows',
            ),
            id="what it refers to",
        ),
        pytest.param(
            """insert_writer(objects: [{name: "Ada", books: {data: [{title: "ok"}]}}],
                on_conflict: {constraint: writer_name_key, update_columns: []})""",
            (
                "not-supported",
                "$.selectionSet.insert_writer.args.objects",
                'cannot proceed to insert array relations since insert to table "writer" affects zero rows',
            ),
            id="what refers to it",
        ),
    ],
)
async def test_a_conflict_that_does_nothing_leaves_no_row_to_depend_on(
    bookshop: Served, mutation: str, refusal: tuple[str, str, str]
) -> None:
    """`insertObjRel` and `insertObject` in Hasura's Backends/Postgres/Execute/Insert.hs."""
    assert await bookshop.refusal(ADMIN, f"mutation {{ {mutation} {{ affected_rows }} }}") == refusal


@pytest.mark.parametrize(
    "mutation",
    [
        'insert_writer(objects: [{name: "Fay", books: {data: [{title: "ok"}, {title: "Engines"}]}}])',
        'insert_writer(objects: [{name: "Fay", books: {data: [{title: "ok"}]}}, {name: "Ada"}])',
        """insert_book(objects: [{title: "ok", writer: {
            data: {name: "Ada"}, on_conflict: {constraint: writer_name_key, update_columns: []}}}])""",
    ],
)
async def test_a_tree_is_inserted_whole_or_not_at_all(bookshop: Served, mutation: str) -> None:
    before = await bookshop.fetch("SELECT (SELECT count(*) FROM writer), (SELECT count(*) FROM book)")
    await bookshop.refusal(ADMIN, f"mutation {{ {mutation} {{ affected_rows }} }}")
    assert await bookshop.fetch("SELECT (SELECT count(*) FROM writer), (SELECT count(*) FROM book)") == before


async def test_every_row_of_a_tree_passes_its_own_check_and_presets(bookshop: Served) -> None:
    mutation = """mutation($name: String!) { insert_book_one(object: {title: "Mine", writer: {data: {name: $name}}}) {
        title cents } }"""
    found = await bookshop.ask(writer(1), mutation, name="Grace")
    assert found["insert_book_one"] == {"title": "Mine", "cents": 500}
    code, path, _ = await bookshop.refusal(writer(1), mutation.replace("Mine", "Other"), name="Mallory")
    assert (code, path) == ("permission-error", "$")
    assert await bookshop.fetch("SELECT 1 FROM book WHERE title = 'Other'") == []


async def test_the_same_tree_with_other_values_is_another_tree(bookshop: Served) -> None:
    """The statements are kept; what they are filled with is not."""
    mutation = """mutation($o: [writer_insert_input!]!) {
        insert_writer(objects: $o) { returning { name books { title } } } }"""
    for name in ("H1", "H2"):
        found = await bookshop.ask(
            ADMIN, mutation, o=[{"name": name, "books": {"data": [{"title": f"of {name}"}]}}]
        )
        assert found["insert_writer"]["returning"] == [{"name": name, "books": [{"title": f"of {name}"}]}]
