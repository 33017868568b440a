"""Row permissions where rows cross: own drafts beside public articles, other people's nodes in one tree.

The writer reads all authors, but only public and own articles; a node belongs to one owner and may hang below
another's. What a role may not see must not decide anything that it does see.
"""

import json
from typing import Any

import pytest

from hasura.engine.session import Session
from tests.engine.library import READER, writer
from tests.engine.served import Served
from tests.engine.test_resolve import snapshot, table

ADA, BOB = writer("ada"), writer("bob")

READS: list[tuple[str, Session, str, Any]] = [
    ("rows", ADA, "article(order_by: {id: asc}) { id }", [{"id": 1}, {"id": 2}, {"id": 3}, {"id": 5}]),
    ("a foreign row by its key", ADA, "article_by_pk(id: 4) { title }", None),
    ("a where that names the foreign row", ADA, "article(where: {id: {_in: [4]}}) { title }", []),
    (
        "a count",
        ADA,
        "article_aggregate { aggregate { count max { id views } } }",
        {"aggregate": {"count": 4, "max": {"id": 5, "views": 150}}},
    ),
    ("rows over a relationship", ADA, "author_by_pk(id: 2) { articles { id } }", {"articles": [{"id": 3}]}),
    (
        "a count over a relationship",
        ADA,
        "author_by_pk(id: 2) { articles_aggregate { aggregate { count sum { views } } } }",
        {"articles_aggregate": {"aggregate": {"count": 1, "sum": {"views": 100}}}},
    ),
    (
        "a where over a relationship",
        ADA,
        'author(where: {articles: {title: {_eq: "Draft of Bob"}}}) { id }',
        [],
    ),
    (
        "the negation of it",
        ADA,
        'author(where: {_not: {articles: {title: {_like: "Draft%"}}}}, order_by: {id: asc}) { id }',
        [{"id": 2}, {"id": 3}],
    ),
    (
        "a where over two relationships",
        ADA,
        "article(where: {author: {articles: {views: {_gt: 1000}}}}) { id }",
        [],
    ),
    (
        "an order over a relationship",
        ADA,
        "author(order_by: [{articles_aggregate: {max: {views: desc_nulls_last}}}, {id: asc}]) { id }",
        [{"id": 1}, {"id": 2}, {"id": 3}],
    ),
    (
        "an order by a count",
        ADA,
        "author(order_by: [{articles_aggregate: {count: desc}}, {id: asc}]) { id }",
        [{"id": 1}, {"id": 2}, {"id": 3}],
    ),
    (
        "the same order as bob sees it",
        BOB,
        "author(order_by: [{articles_aggregate: {count: desc}}, {id: asc}]) { id }",
        [{"id": 2}, {"id": 1}, {"id": 3}],
    ),
    (
        "a distinct",
        ADA,
        "article(distinct_on: [author_id], order_by: [{author_id: asc}, {id: desc}]) { id }",
        [{"id": 2}, {"id": 3}, {"id": 5}],
    ),
    ("a foreign parent", BOB, "node { label parent { label } }", [{"label": "right", "parent": None}]),
    (
        "foreign children",
        ADA,
        'node(where: {label: {_eq: "root"}}) { children { label } children_aggregate { aggregate { count } } }',
        [{"children": [{"label": "left"}], "children_aggregate": {"aggregate": {"count": 1}}}],
    ),
    (
        "a where through a foreign parent",
        ADA,
        'node(where: {parent: {parent: {label: {_eq: "root"}}}}) { label }',
        [],
    ),
    (
        "an order by a foreign parent",
        ADA,
        "node(order_by: [{parent: {label: asc_nulls_first}}, {id: desc}]) { label }",
        [{"label": "leaf"}, {"label": "root"}, {"label": "left"}],
    ),
    (
        "a function's rows",
        ADA,
        'search_articles(args: {search: "draft"}) { title }',
        [{"title": "Draft of Ada"}],
    ),
    (
        "a function's count",
        BOB,
        'search_articles_aggregate(args: {search: "draft"}) { aggregate { count } nodes { title } }',
        {"aggregate": {"count": 1}, "nodes": [{"title": "Draft of Bob"}]},
    ),
    ("the role's limit", READER, "article(order_by: {id: asc}) { id }", [{"id": 1}, {"id": 3}]),
    (
        "the role's limit under a larger one",
        READER,
        "article(order_by: {id: asc}, limit: 99) { id }",
        [{"id": 1}, {"id": 3}],
    ),
    (
        "the role's limit over a smaller one",
        READER,
        "article(order_by: {id: asc}, limit: 1, offset: 2) { id }",
        [{"id": 5}],
    ),
    (
        "the role's limit in a relationship",
        READER,
        "author_by_pk(id: 1) { articles { id } }",
        {"articles": [{"id": 1}]},
    ),
    (
        "the role's limit of a log",
        ADA,
        "log_aggregate { aggregate { count } nodes { id } }",
        {"aggregate": {"count": 5}, "nodes": [{"id": 1}, {"id": 2}, {"id": 3}]},
    ),
    ("a row that the permission hides", READER, "author_by_pk(id: 3) { name }", None),
    (
        "a session variable in a function",
        Session("nosy", {"x-hasura-account": "bob"}),
        'search_articles(args: {search: ""}, order_by: {id: asc}) { id }',
        [{"id": 3}, {"id": 4}],
    ),
]


@pytest.mark.parametrize(
    ("session", "text", "answer"), [case[1:] for case in READS], ids=[case[0] for case in READS]
)
async def test_only_visible_rows_decide(shelf: Served, session: Session, text: str, answer: Any) -> None:
    assert await shelf.ask(session, f"query {{ found: {text} }}") == {"found": answer}
    assert await shelf.refresh(shelf.live(session, f"subscription {{ found: {text} }}")) == [
        {"found": answer}
    ]


@pytest.mark.parametrize(
    "text",
    [
        "article { editor }",
        'article(where: {editor: {_eq: "bob"}}) { id }',
        "article(order_by: {editor: asc}) { id }",
        "article(distinct_on: [editor]) { id }",
        "article_aggregate { aggregate { max { editor } } }",
        "article_aggregate { aggregate { count(columns: [editor]) } }",
        "author { account }",
        'author(where: {account: {_like: "b%"}}) { id }',
        'article(where: {author: {account: {_eq: "bob"}}}) { id }',
        "article(order_by: {author: {account: asc}}) { id }",
        "secret { content }",
        'search_articles(args: {search: "", hasura_session: {}}) { id }',
    ],
)
async def test_a_column_that_the_role_lacks_is_nowhere(shelf: Served, text: str) -> None:
    code, _, _ = await shelf.refusal(ADA, f"{{ {text} }}")
    assert code == "validation-failed"


async def test_plans_made_for_one_person_answer_the_next_with_own_rows(shelf: Served) -> None:
    query = '{ article(where: {status: {_eq: "draft"}}) { title } }'
    for _ in range(3):
        assert await shelf.ask(ADA, query) == {"article": [{"title": "Draft of Ada"}]}
        assert await shelf.ask(BOB, query) == {"article": [{"title": "Draft of Bob"}]}
        assert await shelf.ask(writer("'; --"), query) == {"article": []}


async def test_the_live_queries_of_two_people_are_one_statement_with_two_answers(shelf: Served) -> None:
    query = 'subscription { article(where: {status: {_eq: "draft"}}) { title } }'
    assert await shelf.refresh(shelf.live(ADA, query), shelf.live(BOB, query)) == [
        {"article": [{"title": "Draft of Ada"}]},
        {"article": [{"title": "Draft of Bob"}]},
    ]


# -- what a permission's expression may say -------------------------------------------------------------------

EXPRESSIONS: list[tuple[Any, list[int]]] = [
    ({}, [1, 2, 3, 4]),
    ({"_or": []}, []),
    ({"_and": []}, [1, 2, 3, 4]),
    ({"_not": {}}, []),
    ({"id": 3}, [3]),
    ({"id": {}}, [1, 2, 3, 4]),
    ({"id": None}, []),
    ({"id": {"_eq": None}}, []),
    ({"id": {"$eq": 3}}, [3]),
    ({"$or": [{"id": 1}, {"id": {"_gt": 3}}]}, [1, 4]),
    ({"_not": {"owner": "x-hasura-account"}}, [3]),
    ({"owner": {"_in": ["X-Hasura-Account", "nobody"]}}, [1, 2, 4]),
    ({"id": {"_in": "X-Hasura-Ids"}}, [2, 3]),
    ({"id": {"_nin": []}}, [1, 2, 3, 4]),
    ({"label": {"_like": "X-Hasura-Pattern"}}, [2, 4]),
    ({"parent_id": {"_is_null": True}}, [1]),
    ({"parent_id": {"_cgt": "id"}}, []),
    ({"parent_id": {"_clt": "id"}}, [2, 3, 4]),
    ({"parent": {"owner": "X-Hasura-Account"}}, [2, 3]),
    ({"children": {}}, [1, 3]),
    ({"children": {"children": {"label": "leaf"}}}, [1]),
    ({"children": {"owner": {"_cne": ["$", "owner"]}}}, [1, 3]),
    ({"_exists": {"_table": "author", "_where": {"account": "X-Hasura-Account"}}}, [1, 2, 3, 4]),
    ({"_exists": {"_table": {"schema": "side", "name": "author"}, "_where": {"id": 99}}}, []),
    ({"owner": "X-Hasura-Role"}, []),
]


@pytest.mark.parametrize(("expression", "ids"), EXPRESSIONS, ids=[json.dumps(e) for e, _ in EXPRESSIONS])
async def test_an_expression_lets_through_what_it_says(
    shelf: Served, expression: Any, ids: list[int]
) -> None:
    found = await snapshot(
        shelf, lambda s: table(s, "node")["select_permissions"][0]["permission"].update(filter=expression)
    )
    assert found.inconsistencies == []
    session = Session(
        "writer", {"x-hasura-account": "ada", "x-hasura-ids": "{2,3}", "x-hasura-pattern": "l%"}
    )
    answer = await Served(found, shelf.pool).ask(session, "{ node(order_by: {id: asc}) { id } }")
    assert [row["id"] for row in answer["node"]] == ids


async def test_a_session_variable_of_the_wrong_kind_is_an_error_and_not_an_open_door(shelf: Served) -> None:
    found = await snapshot(
        shelf,
        lambda s: table(s, "node")["select_permissions"][0]["permission"].update(
            filter={"id": "X-Hasura-Account"}
        ),
    )
    served = Served(found, shelf.pool)
    for value in ("1 OR true", "", "{1,2}", "\0", "\ud800"):
        code, _, _ = await served.refusal(writer(value), "{ node { id } }")
        assert code in {"data-exception", "parse-failed"}


# -- writes ---------------------------------------------------------------------------------------------------


async def articles(desk: Served) -> list[Any]:
    return await desk.fetch("SELECT id, author_id, title, editor, views FROM article ORDER BY id")


async def test_an_insert_has_the_presets_and_passes_the_check(desk: Served) -> None:
    answer = await desk.ask(
        ADA,
        'mutation { insert_article_one(object: {author_id: 1, title: "New"}) { id views author { name } } }',
    )
    assert answer == {"insert_article_one": {"id": 101, "views": 7, "author": {"name": "Ada"}}}
    assert (await articles(desk))[-1] == (101, 1, "New", "ada", 7)


@pytest.mark.parametrize(
    "text",
    [
        'insert_article(objects: {author_id: 2, title: "For Bob"}) { affected_rows }',
        'insert_article(objects: {title: "For nobody"}) { affected_rows }',
        'insert_article(objects: {author_id: 99, title: "For a ghost"}) { affected_rows }',
        'insert_article(objects: [{author_id: 1, title: "good"}, {author_id: 2, title: "bad"}]) { affected_rows }',
        'insert_article_one(object: {author_id: 1, title: "a forbidden word"}) { id }',
        'update_article(where: {id: {_eq: 2}}, _set: {author_id: 2}) { affected_rows }',
        'update_article(where: {id: {_eq: 2}}, _set: {author_id: null}) { affected_rows }',
        'update_article(where: {}, _set: {title: "forbidden"}) { affected_rows }',
        'update_article_by_pk(pk_columns: {id: 2}, _set: {title: "forbidden"}) { author { name } }',
        'update_article_many(updates: [{where: {id: {_eq: 1}}, _set: {body: "x"}},'
        ' {where: {id: {_eq: 2}}, _set: {title: "forbidden"}}]) { affected_rows }',
        'insert_article_one(object: {id: 1, author_id: 1, title: "forbidden"}, on_conflict:'
        " {constraint: article_pkey, update_columns: [title]}) { id }",
        'good: update_article(where: {id: {_eq: 1}}, _set: {title: "Good"}) { affected_rows }'
        ' bad: insert_article(objects: {author_id: 2, title: "bad"}) { affected_rows }',
    ],
)  # fmt: skip
async def test_a_write_that_breaks_the_check_leaves_nothing(desk: Served, text: str) -> None:
    before = await articles(desk)
    code, path, message = await desk.refusal(ADA, f"mutation {{ {text} }}")
    if code == "permission-error":
        assert (path, message) == ("$", "check constraint of an insert/update permission has failed")
    else:  # the ghost: which of the two refuses first is PostgreSQL's to say
        assert code == "constraint-violation"
    assert await articles(desk) == before


async def test_an_update_reaches_rows_of_its_own_filter_only(desk: Served) -> None:
    answer = await desk.ask(
        ADA,
        'mutation { update_article(where: {}, _set: {body: "mine"}) { affected_rows returning { id body } } }',
    )
    found = answer["update_article"]
    assert found["affected_rows"] == 2
    assert sorted(row["id"] for row in found["returning"]) == [1, 2]
    assert await desk.fetch("SELECT DISTINCT editor FROM article WHERE body = 'mine'") == [("ada",)]


async def test_a_delete_reaches_rows_of_its_own_filter_only(desk: Served) -> None:
    answer = await desk.ask(
        ADA,
        "mutation { one: delete_article_by_pk(id: 1) { id } two: delete_article(where: {}) { returning { id } } }",
    )
    assert answer == {"one": None, "two": {"returning": [{"id": 2}]}}
    assert [row[0] for row in await articles(desk)] == [1, 3, 4, 5]


async def test_an_upsert_changes_only_rows_that_the_role_may_update(desk: Served) -> None:
    query = (
        'mutation($id: Int!) { insert_article(objects: {id: $id, author_id: 1, title: "Over"}, on_conflict:'
        " {constraint: article_pkey, update_columns: [title, author_id]}) { affected_rows returning { id title } } }"
    )
    before = await articles(desk)
    for foreign in (3, 4, 5):
        answer = await desk.ask(ADA, query, id=foreign)
        assert answer == {"insert_article": {"affected_rows": 0, "returning": []}}
    assert await articles(desk) == before
    answer = await desk.ask(ADA, query, id=2)
    assert answer == {"insert_article": {"affected_rows": 1, "returning": [{"id": 2, "title": "Over"}]}}
    # An update, not an insert: the insert's preset of views does not apply.
    assert (await articles(desk))[1] == (2, 1, "Over", "ada", 0)


async def test_what_comes_back_over_a_relationship_is_what_the_role_may_see(desk: Served) -> None:
    answer = await desk.ask(
        ADA,
        'mutation { update_article_by_pk(pk_columns: {id: 1}, _set: {title: "T"})'
        " { author { articles(order_by: {id: asc}) { id title } } } }",
    )
    assert answer["update_article_by_pk"]["author"]["articles"] == [
        {"id": 1, "title": "T"},
        {"id": 2, "title": "Draft of Ada"},
    ]
    answer = await desk.ask(
        BOB,
        "mutation { update_author(where: {}, _set: {order: 9})"
        " { returning { name articles_aggregate { aggregate { count } } } } }",
    )
    assert answer == {
        "update_author": {"returning": [{"name": "Bob", "articles_aggregate": {"aggregate": {"count": 2}}}]}
    }


async def test_a_function_that_writes_needs_a_permission_of_its_own(desk: Served) -> None:
    code, _, _ = await desk.refusal(READER, "mutation { bump(args: {article_id: 1}) { id } }")
    assert code == "validation-failed"
    # The function runs as the engine; what of its rows comes back is the role's to see.
    assert await desk.ask(ADA, "mutation { bump(args: {article_id: 4, by: 2}) { id views } }") == {"bump": []}
    assert await desk.ask(BOB, "mutation { bump(args: {article_id: 3, by: 2}) { views } }") == {
        "bump": [{"views": 102}]
    }


async def test_backend_only_inserts_need_the_admin_secret(desk: Served) -> None:
    query = 'mutation { insert_log(objects: {line: "x"}) { affected_rows } }'
    code, _, _ = await desk.refusal(ADA, query)
    assert code == "validation-failed"
    trusted = Session("writer", {"x-hasura-account": "ada"}, trusted_backend=True)
    assert await desk.ask(trusted, query) == {"insert_log": {"affected_rows": 1}}
    assert await desk.fetch("SELECT by FROM log ORDER BY id DESC LIMIT 1") == [("ada",)]
