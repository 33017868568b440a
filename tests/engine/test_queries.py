"""Queries over real rows. Every case is asked twice: as a query, and as the live query of the same text."""

from typing import Any

import pytest

from hasura.engine.document.selection import MAX_FIELDS
from hasura.engine.session import Session
from tests.engine.served import ADMIN, Served

CASES: list[tuple[str, Any]] = [
    # where
    ("author(where: {}, order_by: {id: asc}) { id }", [{"id": 1}, {"id": 2}, {"id": 3}]),
    (
        "author(where: null, limit: null, offset: null, order_by: [{id: asc}]) { id }",
        [{"id": 1}, {"id": 2}, {"id": 3}],
    ),
    ("author(where: {_or: []}) { id }", []),
    ("author(where: {_not: {}}) { id }", []),
    ("author(where: {_not: {_or: []}, id: {_lte: 1}}) { id }", [{"id": 1}]),
    (
        'author(where: {_or: [{id: {_eq: 1}}, {name: {_eq: "Bob"}}]}, order_by: {id: desc}) { id }',
        [{"id": 2}, {"id": 1}],
    ),
    ("author(where: {order: {_is_null: true}}) { name }", [{"name": "Cyd"}]),
    ("author(where: {order: {_is_null: false, _neq: 3}}) { name }", [{"name": "Bob"}]),
    ("author(where: {order: {_neq: 3}}) { name }", [{"name": "Bob"}]),
    ("author(where: {id: {_in: []}}) { id }", []),
    (
        'author(where: {id: {_nin: []}, name: {_like: "%d%"}}, order_by: {id: asc}) { id }',
        [{"id": 1}, {"id": 3}],
    ),
    (
        'author(where: {name: {_ilike: "a%", _nlike: "%z%", _regex: "^A", _niregex: "x", _similar:'
        ' "A(d|x)a"}}) { id }',
        [{"id": 1}],
    ),
    ('article(where: {title: {_like: "50\\\\%%"}}) { title }', [{"title": '50% of "it\'s"'}]),
    # jsonb and arrays
    ('author(where: {bio: {_has_key: "langs"}}) { id }', [{"id": 1}]),
    ('author(where: {bio: {_has_keys_any: ["x", "langs"]}}) { id }', [{"id": 1}]),
    ('author(where: {bio: {_has_keys_all: ["born", "langs"]}}) { id }', [{"id": 1}]),
    ("author(where: {bio: {_contains: {born: {year: 1900}}}}) { id }", [{"id": 2}]),
    ("author(where: {bio: {_contained_in: {born: {year: 1900}, more: []}}}) { id }", [{"id": 2}]),
    ('author(where: {bio: {_cast: {String: {_ilike: "%1815%"}}}}) { id }', [{"id": 1}]),
    ("author(where: {bio: {_in: [{born: {year: 1900}}, 3]}}) { id }", [{"id": 2}]),
    (
        'author(where: {tags: {_contains: ["math"]}}, order_by: {id: asc}) { id tags }',
        [{"id": 1, "tags": ["math", "poetry"]}, {"id": 3, "tags": ["math"]}],
    ),
    ("author(where: {tags: {_eq: []}}) { id }", [{"id": 2}]),
    ('author(where: {tags: {_in: [["math"], []]}}, order_by: {id: asc}) { id }', [{"id": 2}, {"id": 3}]),
    ('author(where: {tags: {_nin: [["math"], []]}}) { id }', [{"id": 1}]),
    (
        'author(where: {id: {_eq: 1}}) { year: bio(path: "$.born.year") lang: bio(path: "langs[1]")'
        ' none: bio(path: "$.x.y") }',
        [{"year": 1815, "lang": "fr", "none": None}],
    ),
    # relationships
    ("author(where: {articles: {views: {_gt: 1000}}}) { name }", [{"name": "Bob"}]),
    ("author(where: {_not: {articles: {}}}) { name articles { id } }", [{"name": "Cyd", "articles": []}]),
    (
        'article(where: {author: {articles: {title: {_eq: "On engines"}}}}, order_by: {id: asc}) { id }',
        [{"id": 1}, {"id": 2}],
    ),
    ("article(where: {_not: {author: {}}}) { id author { id } }", [{"id": 5, "author": None}]),
    (
        'author(order_by: {id: asc}) { articles(where: {status: {_eq: "draft"}}, order_by: {id: asc},'
        " limit: 1) { id } }",
        [{"articles": [{"id": 2}]}, {"articles": [{"id": 4}]}, {"articles": []}],
    ),
    (
        'node(where: {parent: {parent: {label: {_eq: "root"}}}}) { label parent { label parent { label'
        " parent { id } } } }",
        [{"label": "leaf", "parent": {"label": "right", "parent": {"label": "root", "parent": None}}}],
    ),
    (
        "popular(order_by: {id: asc}) { id author { name } }",
        [
            {"id": 1, "author": {"name": "Ada"}},
            {"id": 3, "author": {"name": "Bob"}},
            {"id": 4, "author": {"name": "Bob"}},
        ],
    ),
    # order, limit, offset, distinct
    ("author(order_by: {order: asc}) { id }", [{"id": 2}, {"id": 1}, {"id": 3}]),
    ("author(order_by: {order: asc_nulls_first}) { id }", [{"id": 3}, {"id": 2}, {"id": 1}]),
    ("author(order_by: {order: desc}) { id }", [{"id": 3}, {"id": 1}, {"id": 2}]),
    ("author(order_by: {order: desc_nulls_last}, limit: 2, offset: 1) { id }", [{"id": 2}, {"id": 3}]),
    (
        "article(order_by: [{author: {name: desc_nulls_last}}, {id: desc}]) { id }",
        [{"id": 4}, {"id": 3}, {"id": 2}, {"id": 1}, {"id": 5}],
    ),
    (
        "author(order_by: [{articles_aggregate: {count: desc}}, {articles_aggregate: {max: {views:"
        " desc}}}]) { id }",
        [{"id": 2}, {"id": 1}, {"id": 3}],
    ),
    (
        "article(distinct_on: [author_id], order_by: [{author_id: asc_nulls_first}, {id: desc}]) { id }",
        [{"id": 5}, {"id": 2}, {"id": 4}],
    ),
    ("article(limit: 0) { id }", []),
    ("article(offset: 99) { id }", []),
    # aggregates
    (
        "article_aggregate(where: {author_id: {_eq: 1}}) { aggregate { count c: count(columns: [body],"
        " distinct: true)"
        " sum { views } avg { rating } min { title } max { published_on rating } __typename } nodes {"
        " id } __typename }",
        {
            "aggregate": {
                "count": 2,
                "c": 1,
                "sum": {"views": 150},
                "avg": {"rating": 4.5},
                "min": {"title": "Draft of Ada"},
                "max": {"published_on": "2024-01-01", "rating": 4.5},
                "__typename": "article_aggregate_fields",
            },
            "nodes": [{"id": 1}, {"id": 2}],
            "__typename": "article_aggregate",
        },
    ),
    (
        "article_aggregate { __typename aggregate { __typename max { __typename } } }",
        {
            "__typename": "article_aggregate",
            "aggregate": {
                "__typename": "article_aggregate_fields",
                "max": {"__typename": "article_max_fields"},
            },
        },
    ),
    (
        "author(where: {id: {_eq: 1}}) { articles_aggregate(where: {_or: []}) { __typename } }",
        [{"articles_aggregate": {"__typename": "article_aggregate"}}],
    ),
    (
        "article_aggregate(limit: 2, order_by: {id: desc}) { aggregate { count max { id } } nodes { id } }",
        {"aggregate": {"count": 2, "max": {"id": 5}}, "nodes": [{"id": 5}, {"id": 4}]},
    ),
    (
        "article_aggregate(where: {_or: []}) { aggregate { count sum { views } } nodes { id } }",
        {"aggregate": {"count": 0, "sum": {"views": None}}, "nodes": []},
    ),
    (
        'author(where: {id: {_eq: 2}}) { articles_aggregate(where: {status: {_eq: "public"}}) {'
        " aggregate { count } nodes { title } } }",
        [{"articles_aggregate": {"aggregate": {"count": 1}, "nodes": [{"title": "On bridges"}]}}],
    ),
    # keys
    ("author_by_pk(id: 2) { name }", {"name": "Bob"}),
    ("author_by_pk(id: 99) { name }", None),
    ("membership_by_pk(org: 1, person: 2) { level note }", {"level": 2, "note": None}),
    # numbers
    ("article(where: {views: {_eq: 9007199254740993}}) { views }", [{"views": 9007199254740993}]),
    ('article(where: {views: {_eq: "9007199254740993"}}) { id }', [{"id": 4}]),
    (
        "article(where: {rating: {_gte: 2.25, _lt: 3.0000000000000000001}}, order_by: {id: asc}) { rating }",
        [{"rating": 3}, {"rating": 2.25}],
    ),
    # names
    (
        "mixes { ident select percent quoted apostrophe changed object article { title } }",
        [
            {
                "ident": 1,
                "select": "s",
                "percent": "p",
                "quoted": "q",
                "apostrophe": "c",
                "changed": "ch",
                "object": "o",
                "article": {"title": "On engines"},
            }
        ],
    ),
    (
        'mixes(where: {percent: {_neq: "%"}, article: {title: {_is_null: false}}}, order_by: [{percent:'
        " asc}, {quoted: desc}, {article: {title: asc}}], distinct_on: [percent]) { apostrophe }",
        [{"apostrophe": "c"}],
    ),
    (
        "Mixed_aggregate { aggregate { count(columns: [percent]) max { percent quoted apostrophe } }"
        " nodes { changed } }",
        {
            "aggregate": {"count": 1, "max": {"percent": "p", "quoted": "q", "apostrophe": "c"}},
            "nodes": [{"changed": "ch"}],
        },
    ),
    ("side_author { name }", [{"name": "elsewhere"}]),
    # functions
    (
        'search_articles(args: {search: "on"}, order_by: {id: desc}, where: {views: {_gte: 100}}) { id'
        " author { name } }",
        [{"id": 3, "author": {"name": "Bob"}}, {"id": 1, "author": {"name": "Ada"}}],
    ),
    (
        'search_articles(args: {search: "", least_views: 101}, order_by: {id: asc}) { id }',
        [{"id": 1}, {"id": 4}],
    ),
    (
        'search_articles_aggregate(args: {search: "draft"}) { aggregate { count } }',
        {"aggregate": {"count": 2}},
    ),
    (
        "first_author { name articles(order_by: {id: asc}) { id } }",
        {"name": "Ada", "articles": [{"id": 1}, {"id": 2}]},
    ),
    # aliases and typenames
    (
        "author_by_pk(id: 1) { __typename n: name m: name articles(limit: 1, order_by: {id: asc}) {"
        " __typename } }",
        {"__typename": "author", "n": "Ada", "m": "Ada", "articles": [{"__typename": "article"}]},
    ),
]


@pytest.mark.parametrize(("text", "answer"), CASES, ids=[case[0][:70] for case in CASES])
async def test_a_query_and_its_live_query_answer(shelf: Served, text: str, answer: Any) -> None:
    query = f"query {{ found: {text} }}"
    assert (await shelf.ask(ADMIN, query)) == {"found": answer}
    plan = shelf.live(ADMIN, query.replace("query", "subscription", 1))
    assert await shelf.refresh(plan) == [{"found": answer}]


async def test_one_request_may_ask_for_many_things_in_its_own_order(shelf: Served) -> None:
    answer = await shelf.ask(
        ADMIN,
        "query($id: Int!) { z: author_by_pk(id: $id) { id } __typename a: author_by_pk(id: 2) { id }"
        " __schema { queryType { name } } ...R } fragment R on query_root { m: article_by_pk(id: $id) {"
        " title } }",
        id=1,
    )
    assert list(answer.items()) == [
        ("z", {"id": 1}),
        ("__typename", "query_root"),
        ("a", {"id": 2}),
        ("__schema", {"queryType": {"name": "query_root"}}),
        ("m", {"title": "On engines"}),
    ]


@pytest.mark.parametrize("length", [63, 64, 200])
@pytest.mark.parametrize("number", [1, 2, 50, 51, 120])
async def test_aliases_may_be_long_and_many(shelf: Served, number: int, length: int) -> None:
    """PostgreSQL cuts its own names at 63 bytes, and its calls at 100 arguments."""
    aliases = [f"{'a' * (length - 3)}{place:03d}" for place in range(number)]
    fields = " ".join(f"{alias}: name" for alias in aliases)
    answer = await shelf.ask(ADMIN, f"{{ {aliases[0]}: author(where: {{id: {{_eq: 1}}}}) {{ {fields} }} }}")
    (row,) = answer[aliases[0]]
    assert list(row) == aliases
    assert set(row.values()) == {"Ada"}


async def test_braces_in_values_do_not_confuse_wide_objects(shelf: Served) -> None:
    fields = " ".join(f"b{place}: bio" for place in range(60))
    answer = await shelf.ask(ADMIN, f"{{ author(order_by: {{id: asc}}) {{ {fields} }} }}")
    assert [row["b59"] and row["b59"]["born"]["year"] for row in answer["author"]] == [1815, 1900, None]


async def test_values_arrive_as_they_are(shelf: Served) -> None:
    """Nothing of a value is read as SQL, as a pattern of psycopg or as JSON."""
    for value in (
        "%s",
        "%(p0)s",
        "%%",
        "'; --",
        '"',
        "\\",
        "{}",
        "NULL",
        "\n\t",
        "😀",
        "\u202e",
        "a" * 100_000,
    ):
        for name in ("eq", "in"):
            operand = value if name == "eq" else [value]
            type_ = "String!" if name == "eq" else "[String!]!"
            answer = await shelf.ask(
                ADMIN,
                f"query($v: {type_}) {{ author(where: {{name: {{_{name}: $v}}}}) {{ id }} }}",
                v=operand,
            )
            assert answer == {"author": []}


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (
            'article(where: {published_on: {_eq: "soon"}}) { id }',
            "data-exception",
            'invalid input syntax for type date: "soon"',
        ),
        (
            'author(where: {name: {_regex: "("}}) { id }',
            "bad-request",
            "invalid regular expression: parentheses () not balanced",
        ),
        (
            'article(where: {views: {_eq: "many"}}) { id }',
            "data-exception",
            'invalid input syntax for type bigint: "many"',
        ),
        (
            "article(where: {rating: {_eq: 1e999999}}) { id }",
            "data-exception",
            "value overflows numeric format",
        ),
        (
            "author(where: {bio: {_eq: {a: 1e999999}}}) { id }",
            "data-exception",
            "value overflows numeric format",
        ),
    ],
)
async def test_what_postgres_cannot_read_is_the_request_s_fault(
    shelf: Served, text: str, code: str, message: str
) -> None:
    assert await shelf.refusal(ADMIN, f"{{ {text} }}") == (code, "$", message)


async def test_a_query_of_more_fields_than_anybody_needs_is_refused(shelf: Served) -> None:
    roots = [f"a{place}: author_by_pk(id: 1) {{ id }}" for place in range(MAX_FIELDS // 2 + 1)]
    assert len(await shelf.ask(ADMIN, f"{{ {' '.join(roots[1:])} }}")) == len(roots) - 1
    assert (await shelf.refusal(ADMIN, f"{{ {' '.join(roots)} }}"))[2] == (
        f"the query selects more than {MAX_FIELDS} fields"
    )


# -- live queries ---------------------------------------------------------------------------------------------


async def test_subscribers_with_other_values_share_a_statement(shelf: Served) -> None:
    query = (
        "subscription($ids: [Int!], $n: Int) { author(where: {id: {_in: $ids}}, order_by: {id: asc},"
        " limit: $n) { id } }"
    )
    plans = [
        shelf.live(ADMIN, query, ids=[1, 2, 3], n=2),
        shelf.live(ADMIN, query, ids=[3], n=1),
        shelf.live(ADMIN, query, ids=[], n=5),
    ]
    assert await shelf.refresh(*plans) == [
        {"author": [{"id": 1}, {"id": 2}]},
        {"author": [{"id": 3}]},
        {"author": []},
    ]


@pytest.mark.parametrize(
    ("cursor", "where", "batches"),
    [
        ("{initial_value: {id: 0}}", "{}", [[1, 2], [3, 4], [5], None]),
        ("{initial_value: {id: 9}, ordering: DESC}", "{}", [[5, 4], [3, 2], [1], None]),
        ("{initial_value: {id: 1}, ordering: ASC}", '{status: {_eq: "public"}}', [[3, 5], None]),
        ('{initial_value: {published_on: "2000-01-01"}}', "{}", [[1, 3], None]),
    ],
)
async def test_a_stream_goes_on_where_the_batch_ended(
    shelf: Served, cursor: str, where: str, batches: list[list[int] | None]
) -> None:
    query = f"subscription {{ article_stream(batch_size: 2, cursor: {cursor}, where: {where}) {{ id }} }}"
    plan = shelf.live(ADMIN, query)
    for expected in batches:
        ((data, reached),) = await shelf.refresh(plan)
        assert [row["id"] for row in data["article_stream"]] == (expected or [])
        assert (reached is None) is (expected is None)
        plan = type(plan)(plan.source, plan.sql, plan.values, plan.tables, reached)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("article_stream(batch_size: 2, cursor: []) { id }", "one streaming column field is expected"),
        (
            "article_stream(batch_size: 2, cursor: {initial_value: {}}) { id }",
            "one streaming column field is expected",
        ),
        (
            "article_stream(batch_size: 2, cursor: {initial_value: {id: 1, views: 2}}) { id }",
            "multiple column cursors are not supported yet",
        ),
        (
            "article_stream(batch_size: -2, cursor: {initial_value: {id: 1}}) { id }",
            "unexpected negative value",
        ),
        ("author { id } article { id }", "subscriptions must select one top level field"),
    ],
)
async def test_a_subscription_that_cannot_be_kept_is_refused(shelf: Served, text: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        shelf.live(ADMIN, f"subscription {{ {text} }}")


async def test_a_stream_never_carries_the_missing_user_of_another(shelf: Served) -> None:
    with pytest.raises(Exception, match="missing session variable"):
        shelf.live(Session("writer"), "subscription { node { id } }")


async def test_a_subscription_is_not_answered_as_a_query(shelf: Served) -> None:
    assert (await shelf.refusal(ADMIN, "subscription { author { id } }"))[2] == (
        "subscriptions are not supported over HTTP, use websockets instead"
    )
